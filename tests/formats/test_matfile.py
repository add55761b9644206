"""MATLAB files: the arrays that SciPy reads, and a clear word on damage and on sizes that are not so."""

import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from sshmr.errors import InputError
from sshmr.formats.matfile import MatFile

KINDS = ("f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")


def arrays():
    rng = np.random.default_rng(0)
    made = {kind: rng.integers(0, 100, (3, 5, 2)).astype(kind) for kind in KINDS}
    return {**made, "depth_1": rng.normal(size=(240, 320)).astype("f4"), "one": np.array([[7.5]])}


@pytest.mark.parametrize("packed", [True, False])
def test_arrays_are_those_that_scipy_reads(tmp_path, packed):
    path = tmp_path / "a.mat"
    savemat(path, {**arrays(), "text": "a word", "empty": np.zeros((0, 3))}, do_compression=packed)
    mat, reference = MatFile(path), loadmat(path)
    assert mat.names == [*arrays(), "text", "empty"]
    for name in [*arrays(), "empty"]:
        np.testing.assert_array_equal(mat.read(name), reference[name])
        assert mat.read(name).dtype == reference[name].dtype
    assert "depth_1" in mat
    assert "depth_2" not in mat


def test_numbers_stored_narrower_than_they_were_are_widened(tmp_path):
    """MATLAB writes whole doubles as bytes."""
    numbers = struct.pack("<II3B5x", 2, 3, 4, 5, 6)
    inner = (
        struct.pack("<IIII", 6, 8, 6, 0)
        + struct.pack("<IIii", 5, 8, 1, 3)
        + struct.pack("<I4s", 1 | 1 << 16, b"n")
    )
    element = struct.pack("<II", 14, len(inner + numbers)) + inner + numbers
    path = tmp_path / "a.mat"
    path.write_bytes(b" " * 124 + struct.pack("<H2s", 0x100, b"IM") + element)
    np.testing.assert_array_equal(MatFile(path).read("n"), [[4.0, 5.0, 6.0]])
    assert MatFile(path).read("n").dtype == np.float64


def written(tmp_path, packed=True, **content):
    path = tmp_path / "a.mat"
    savemat(path, content or arrays(), do_compression=packed)
    return path, bytearray(path.read_bytes())


@pytest.mark.parametrize("packed", [True, False])
def test_a_file_that_is_cut_short_anywhere_is_reported(tmp_path, packed):
    path, whole = written(tmp_path, packed, a=np.ones((3, 4)), b=np.ones((2, 2), "u1"))
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        try:
            names = MatFile(path).names
        except InputError as error:
            assert "a.mat" in str(error)  # noqa: PT017
        else:  # cut between two arrays, the file is a whole one
            assert names in ([], ["a"])


def test_what_is_not_a_matlab_file_is_reported(tmp_path):
    for content in (b"", b"MATLAB", b"\x89HDF\r\n" * 100, b"x" * 500):
        (tmp_path / "a.mat").write_bytes(content)
        with pytest.raises(InputError, match=r"a\.mat"):
            MatFile(tmp_path / "a.mat")
    with pytest.raises(InputError, match="no such file"):
        MatFile(tmp_path / "b.mat")
    with pytest.raises(InputError, match="cannot be read"):
        MatFile(tmp_path)


def test_what_is_not_a_real_number_is_reported(tmp_path):
    path, _ = written(tmp_path, text="word", cells=np.array([1, "a"], object), waves=np.ones((2, 2)) * 1j)
    for name in ("text", "cells", "waves"):
        with pytest.raises(InputError, match=f'"{name}" is damaged'):
            MatFile(path).read(name)
    with pytest.raises(InputError, match="missing; expected it among text, cells, waves"):
        MatFile(path).read("depth_1")


def test_two_arrays_of_one_name_are_reported(tmp_path):
    path, whole = written(tmp_path, a=np.ones((3, 4)))
    path.write_bytes(whole + whole[128:])
    with pytest.raises(InputError, match='"a" is there twice'):
        MatFile(path)


def bomb(claimed, stored):
    """A packed array whose header claims a shape, followed by so many zero bytes."""
    inner = struct.pack("<IIIIIIii", 6, 8, 6, 0, 5, 8, *claimed)
    inner += struct.pack("<I4s", 1 | 1 << 16, b"n") + struct.pack("<II", 9, min(stored, 2**32 - 1))
    packer = zlib.compressobj(9)
    packed = packer.compress(struct.pack("<II", 14, min(len(inner) + stored, 2**32 - 1)) + inner)
    for _ in range(stored >> 20):
        packed += packer.compress(bytes(2**20))
    packed += packer.flush()
    return b" " * 124 + struct.pack("<H2s", 0x100, b"IM") + struct.pack("<II", 15, len(packed)) + packed


@pytest.mark.parametrize(
    ("claimed", "stored"),
    [
        ((2**31 - 1, 2**31 - 1), 0),  # 32 exabytes that are not there
        ((2**31 - 1, 1), 64),
        ((2**13, 2**15), 2**28),  # 2 GiB claimed, and a small file that unpacks to 256 MiB
        ((3, 4), 2**28),  # a small array with 256 MiB behind it
    ],
)
def test_claims_and_bombs_take_no_memory(tmp_path, claimed, stored):
    path = tmp_path / "a.mat"
    path.write_bytes(bomb(claimed, stored))
    assert path.stat().st_size < 2**20
    tracemalloc.start()
    with pytest.raises(InputError, match=r"a\.mat"):
        MatFile(path).read("n")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**22


@pytest.mark.parametrize("packed", [True, False])
def test_bytes_changed_at_random_never_end_in_a_traceback(tmp_path, packed):
    rng = np.random.default_rng(4)
    path, whole = written(tmp_path, packed, pose=rng.normal(size=(72, 3)), segm_1=np.ones((24, 32), "u1"))
    for _ in range(1500):
        changed = bytearray(whole)
        for at in rng.integers(0, len(whole), rng.integers(1, 6)):
            changed[at] = rng.integers(256)
        path.write_bytes(changed)
        try:
            mat = MatFile(path)
            for name in mat.names:
                mat.read(name)
        except InputError as error:
            assert "a.mat" in str(error)  # noqa: PT017
