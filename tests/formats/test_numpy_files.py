"""Numpy's files: what is whole is read, what claims too much or is damaged is told."""

import resource
import struct
import zipfile

import numpy as np
import pytest

from sshmr.errors import InputError
from sshmr.formats.numpy_files import read_npy, read_npz


def header(shape, descr="<f8", version=1, size=None):
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    length = struct.pack("<H" if version == 1 else "<I", size or len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + length + text


def zipped(path, content, name="points.npy"):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(name, "w") as member:
        for part in content:
            member.write(part)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("order", ["C", "F"])
def test_named_arrays_are_read_and_others_left_alone(tmp_path, save, order):
    points = np.asarray(np.arange(12.0).reshape(4, 3), order=order)
    path = tmp_path / "a.npz"
    save(path, points=points, text=np.array("female"), other=np.array({}, dtype=object))
    read = read_npz(path, ("points", "text", "absent"), "points")
    assert read.keys() == {"points", "text"}
    np.testing.assert_array_equal(read["points"], points)
    np.save(tmp_path / "a.npy", points)
    np.testing.assert_array_equal(read_npy(tmp_path / "a.npy", "points"), points)


def test_python_objects_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", points=np.array({}, dtype=object))
    with pytest.raises(InputError, match=r'a\.npz: array "points" is of dtype object'):
        read_npz(tmp_path / "a.npz", ("points",), "points")


def test_claims_of_size_are_not_believed(tmp_path):
    zeros = bytes(2**20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number, content in enumerate(
        [
            [header((10**12, 3)), zeros],
            [header((10**30,)), zeros],
            [header((-1, 3)), zeros],
            [header((25_000_000, 3)), *[zeros] * 600],  # a bomb: 600 MB in 600 kB
            [header((3, 3), version=2, size=2**32 - 1), *[zeros] * 600],
            [header((3, 3), descr="<U100000000"), zeros],
            [header((3000, 3)), bytes(300)],
        ]
    ):
        path = tmp_path / f"{number}.npz"
        zipped(path, content)
        with pytest.raises(InputError, match=rf"{number}\.npz"):
            read_npz(path, ("points",), "points")
        if sum(map(len, content)) < 2**24:
            (tmp_path / f"{number}.npy").write_bytes(b"".join(content))
            with pytest.raises(InputError, match=rf"{number}\.npy"):
                read_npy(tmp_path / f"{number}.npy", "points")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_damaged_bytes_are_reported(tmp_path, suffix):
    rng, path = np.random.default_rng(0), tmp_path / f"damaged{suffix}"
    with path.open("wb") as stream:
        (np.save if suffix == ".npy" else np.savez_compressed)(stream, **{
            "arr" if suffix == ".npy" else "points": np.arange(90, dtype=np.float32).reshape(30, 3)
        })  # fmt: skip
    whole = np.frombuffer(path.read_bytes(), np.uint8)
    errors = []
    for _ in range(300):
        data = whole.copy()
        places = rng.integers(0, len(data), rng.integers(1, 4))
        data[places] = rng.integers(0, 256, len(places))
        path.write_bytes(data[: rng.integers(1, 3 * len(data))].tobytes())
        try:
            if suffix == ".npy":
                read_npy(path, "points")
            else:
                read_npz(path, ("points",), "points")
        except InputError as error:
            errors.append(str(error))
    assert len(errors) > 50
    assert all(f"damaged{suffix}" in error for error in errors)
