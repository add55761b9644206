"""Bytes changed at random in each kind of file: read, or refused in words, without much memory."""

import pickle
import resource
import shutil
import zlib

import numpy as np
import pytest

from sshmr.errors import InputError
from sshmr.sources.behave.calibration import read_camera, read_info, read_table
from sshmr.sources.behave.files import official_split
from sshmr.sources.behave.fits import read_fit
from sshmr.sources.behave.images import read_depth, read_mask

SHAPE = (192, 256)
KINDS = {
    "k0.depth.png": lambda path: read_depth(path, SHAPE, (0, 0, 256, 192)),
    "k0.person_mask.png": lambda path: read_mask(path, SHAPE),
    "k1.person_mask.jpg": lambda path: read_mask(path, SHAPE),
    "person_fit.pkl": read_fit,
    "pointcloud_table.npy": read_table,
    "info.json": read_info,
    "config.json": lambda path: read_camera(read_info(path.parents[4] / "sequences/x/info.json"), 0),
    "split.json": lambda path: official_split(path.parent),
}


def megabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def mutated(data, rng):
    """Bytes replaced, cut off, taken out, doubled, or set to what lengths and numbers break on."""
    data = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        # Headers are where it hurts.
        place = int(rng.integers(len(data)) if rng.random() < 0.5 else rng.integers(min(len(data), 200)))
        kind = rng.integers(6)
        if kind == 0:
            data[place] = rng.integers(256)
        elif kind == 1:
            del data[place:]
        elif kind == 2:
            del data[place : place + int(rng.integers(1, 9))]
        elif kind == 3:
            data[place:place] = data[place : place + int(rng.integers(1, 99))]
        elif kind == 4:
            data[place : place + 4] = b"\xff\xff\xff\x7f"
        else:
            data[place:place] = rng.bytes(int(rng.integers(1, 9)))
        if not data:
            break
    return bytes(data)


def with_right_checksums(data):
    """A PNG's chunks with their checksums made anew, so that the damage gets past the first gate."""
    fixed, place = data[:8], 8
    while place + 12 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        body = data[place + 4 : place + 8 + length]
        fixed += data[place : place + 4] + body + zlib.crc32(body).to_bytes(4, "big")
        place += 12 + length
    return fixed


@pytest.mark.parametrize("kind", KINDS)
def test_changed_bytes_are_read_or_refused_in_words(woman, tmp_path, kind):
    root = tmp_path / "behave"
    shutil.copytree(woman.root / "calibs", root / "calibs")
    (root / "sequences" / "x").mkdir(parents=True)
    shutil.copy(woman.sequence / "info.json", root / "sequences" / "x" / "info.json")
    path = {
        "pointcloud_table.npy": root / "calibs/intrinsics/0/pointcloud_table.npy",
        "config.json": root / "calibs/Date00/config/0/config.json",
        "info.json": root / "sequences/x/info.json",
        "split.json": root / "split.json",
    }.get(kind, root / "sequences" / "x" / kind)
    data = next(woman.root.rglob(kind)).read_bytes()
    rng, read, before = np.random.default_rng(len(kind)), KINDS[kind], megabytes()
    told = []
    for number in range(150):
        spoilt = mutated(data, rng)
        path.write_bytes(with_right_checksums(spoilt) if kind.endswith(".png") and number % 2 else spoilt)
        try:
            read(path)
        except (InputError, ValueError) as error:
            told.append(str(error))
    assert len(told) > 20
    assert all(path.name in message for message in told)
    assert megabytes() - before < 100


@pytest.mark.parametrize(
    "bomb",
    [
        b"\x80\x04\x95" + (2**40).to_bytes(8, "little") + b"}.",  # a frame of a terabyte
        b"\x80\x04}r\xff\xff\xff\x7f.",  # two thousand million memory slots
        b"\x80\x04B\xff\xff\xff\x7f.",  # two gigabytes of text
        b"(" * 100000 + b".",
        pickle.dumps({"pose": np.zeros(156), "betas": np.zeros((1, 10)), "trans": "x" * 2**21}),
    ],
)
def test_pickles_that_ask_for_memory_do_not_get_it(tmp_path, bomb):
    before = megabytes()
    (tmp_path / "person_fit.pkl").write_bytes(bomb)
    with pytest.raises(InputError, match=r"person_fit\.pkl"):
        read_fit(tmp_path / "person_fit.pkl")
    assert megabytes() - before < 50


def test_a_table_that_says_it_is_huge_is_refused(tmp_path):
    header = "{'descr': '<f8', 'fortran_order': False, 'shape': (16000, 16000, 2)}".ljust(117) + "\n"
    path = tmp_path / "pointcloud_table.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + bytes(64))
    before = megabytes()
    with pytest.raises(InputError, match="no more than 512 MB"):
        read_table(path)
    assert megabytes() - before < 50


def test_a_sequence_with_any_changed_file_is_read_or_refused(copy):
    files = sorted(
        path for path in copy.root.rglob("*") if path.is_file() and path.name != "calibration.json"
    )
    rng, kept, told = np.random.default_rng(0), 0, 0
    for _ in range(30):
        path = files[rng.integers(len(files))]
        data = path.read_bytes()
        path.write_bytes(mutated(data, rng))
        try:
            reading = copy.read()
            assert len(reading.frames) + len(reading.skipped) == 8
            kept += 1
        except InputError as error:
            told += str(copy.root) in str(error)
        path.write_bytes(data)
    assert kept > 10
    assert told == 30 - kept
