"""Spoilt recordings: one bad image is skipped and listed, a bad sequence ends at once with a clear error."""

import json
import pickle
import re
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from sshmr.errors import InputError


def depth_of(copy):
    return copy.moment() / "k0.depth.png"


def mask_of(copy):
    return copy.moment() / "k0.person_mask.png"


def save(array, path, **options):
    Image.fromarray(array).save(path, **options)


def every_depth(copy, change):
    for path in copy.sequence.glob("t*/k*.depth.png"):
        save(change(np.asarray(Image.open(path))), path)


def edit(path, **changes):
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, **changes}))


def without(path, key):
    content = json.loads(path.read_text())
    path.write_text(json.dumps({name: value for name, value in content.items() if name != key}))


def info_of(copy):
    return copy.sequence / "info.json"


def pose_of(copy, camera=0):
    return copy.root / "calibs" / "Date00" / "config" / str(camera) / "config.json"


def table_of(copy, camera=0):
    return copy.root / "calibs" / "intrinsics" / str(camera) / "pointcloud_table.npy"


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def png_header(width, height, bits=1):
    """A PNG that says it is this large and holds next to nothing."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 10000))


ONE_VIEW = {
    "no depth": (lambda c: depth_of(c).unlink(), "k0.depth.png is missing"),
    "no mask": (lambda c: mask_of(c).unlink(), "k0.person_mask.png and .jpg are missing"),
    "cut depth": (lambda c: cut(depth_of(c)), "k0.depth.png is damaged"),
    "cut mask": (lambda c: cut(mask_of(c)), "k0.person_mask.png is damaged"),
    "empty file": (lambda c: depth_of(c).write_bytes(b""), "k0.depth.png cannot be read as PNG"),
    "no image": (lambda c: mask_of(c).write_text("hello"), "k0.person_mask.png cannot be read as PNG"),
    "a jpg called png": (
        lambda c: save(np.zeros((192, 256), np.uint8), mask_of(c), format="JPEG"),
        "k0.person_mask.png cannot be read as PNG",
    ),
    "8-bit depth": (
        lambda c: save(np.full((192, 256), 9, np.uint8), depth_of(c)),
        "k0.depth.png is an image of mode L, not one with 16 bits",
    ),
    "coloured depth": (lambda c: save(np.zeros((192, 256, 3), np.uint8), depth_of(c)), "image of mode RGB"),
    "small mask": (
        lambda c: save(np.full((96, 128), 255, np.uint8), mask_of(c)),
        "k0.person_mask.png is 128×96, and its camera's pixel table 256×192",
    ),
    "large depth": (
        lambda c: save(np.ones((384, 512), np.uint16), depth_of(c)),
        "k0.depth.png is 512×384",
    ),
    "empty mask": (lambda c: save(np.zeros((192, 256), np.uint8), mask_of(c)), "k0.person_mask.png is empty"),
    "no reading": (
        lambda c: save(np.zeros((192, 256), np.uint16), depth_of(c)),
        "no pixel of the mask has a depth",
    ),
    "few points": (
        lambda c: save(np.eye(192, 256, dtype=np.uint8) * 255, mask_of(c)),
        "points after cleaning, 100 or fewer",
    ),
    "one depth in another unit": (
        lambda c: save(np.asarray(Image.open(depth_of(c))) // 1000, depth_of(c)),
        "it has 1 points after cleaning|half of its points span 0.00",
    ),
    "a bomb": (lambda c: mask_of(c).write_bytes(png_header(9000, 9000)), "k0.person_mask.png is 9000×9000"),
    "a huge bomb": (lambda c: mask_of(c).write_bytes(png_header(2**30, 2**30)), "cannot be read as PNG"),
    "a folder": (lambda c: (depth_of(c).unlink(), depth_of(c).mkdir()), "k0.depth.png cannot be read as PNG"),
}


@pytest.mark.parametrize("fault", ONE_VIEW)
def test_one_bad_image_is_skipped_and_listed(copy, fault):
    spoil, reason = ONE_VIEW[fault]
    spoil(copy)
    reading = copy.read()
    assert len(reading.frames) == 7
    assert [name for name, *_ in reading.skipped] == [f"simulated/{copy.name}/000000/0"]
    assert re.search(reason, reading.skipped[0][2])


def test_a_moment_that_is_there_twice_is_read_once(copy):
    copy.moment().rename(copy.sequence / "t0000.0")
    (copy.sequence / "t0000.000").mkdir()
    reading = copy.read()
    assert len(reading.frames) == 4 + 4
    assert [reason for *_, reason in reading.skipped] == ["another folder has the same time"] * 4


def a_cameras_depths_are_ten_times_too_large(copy):
    every_depth(copy, lambda depth: (depth.astype(np.uint32) * 10).clip(0, 65535).astype(np.uint16))


def table(copy, change):
    path = table_of(copy)
    np.save(path, change(np.load(path)))


SEQUENCE = {
    "no info": (lambda c: info_of(c).unlink(), "info.json: no such file"),
    "bad JSON": (lambda c: info_of(c).write_text('{"config": '), "info.json: it is not JSON"),
    "no config": (lambda c: without(info_of(c), "config"), 'info.json: key "config" is missing'),
    "moved calibration": (lambda c: edit(info_of(c), config="../calibs"), "where there is no folder"),
    "gender": (lambda c: edit(info_of(c), gender="m"), 'key "gender" is \'m\'; expected "male", "female"'),
    "kinects": (lambda c: edit(info_of(c), kinects=[0, 0]), 'key "kinects" is \\[0, 0\\]'),
    "too many kinects": (
        lambda c: edit(info_of(c), kinects=[0, 5]),
        "5/config.json: no such file",
    ),
    "no camera config": (lambda c: pose_of(c).unlink(), "0/config.json: no such file"),
    "short rotation": (lambda c: edit(pose_of(c), rotation=[1, 0, 0]), "expected 9 finite numbers"),
    "no rotation": (lambda c: edit(pose_of(c), rotation=[2, 0, 0, 0, 2, 0, 0, 0, 2]), "is no rotation"),
    "mirrored": (lambda c: edit(pose_of(c), rotation=[1, 0, 0, 0, 1, 0, 0, 0, -1]), "is no rotation"),
    "NaN rotation": (lambda c: edit(pose_of(c), rotation=[float("nan")] * 9), "9 finite numbers"),
    "millimetres": (lambda c: edit(pose_of(c), translation=[2500, 0, 0]), "is it in metres"),
    "no table": (lambda c: table_of(c).unlink(), "pointcloud_table.npy: no such file"),
    "cut table": (lambda c: cut(table_of(c)), "pointcloud_table.npy: it cannot be read"),
    "NaN table": (lambda c: table(c, lambda t: t * np.nan), "without a finite number"),
    "flat table": (lambda c: table(c, lambda t: t[..., 0]), "of shape \\(192, 256\\)"),
    "whole numbers": (lambda c: table(c, lambda t: np.zeros(t.shape, int)), "type int64"),
    "objects": (lambda c: np.save(table_of(c), np.array([{}]), allow_pickle=True), "dtype object"),
    "tenths": (a_cameras_depths_are_ten_times_too_large, "must be in millimetres"),
    "metres": (lambda c: every_depth(c, lambda d: d // 1000), "must be in millimetres"),
    "manifest": (
        lambda c: (c.root / "manifest.json").write_text("[" * 99999),
        "manifest.json: it is not JSON",
    ),
    "no moment": (lambda c: [m.rename(m.with_name(f"x{m.name}")) for m in c.sequence.glob("t*")], "no frame"),
}


@pytest.mark.parametrize("fault", SEQUENCE)
def test_a_bad_sequence_ends_with_a_clear_error(copy, fault):
    spoil, message = SEQUENCE[fault]
    spoil(copy)
    with pytest.raises(InputError, match=message):
        copy.read()


def test_cameras_in_another_world_than_the_fits_cost_the_truth_but_no_frame(copy):
    for camera in range(4):
        content = json.loads(pose_of(copy, camera).read_text())
        edit(pose_of(copy, camera), translation=[value + 5 for value in content["translation"]])
    reading = copy.read()
    assert reading.frames
    assert all(frame.truth is None for frame in reading.frames)
    assert any("ground truth dropped" in note for note in reading.notes)


FITS = {
    "SMPL's pose": ({"pose": np.zeros(72)}, "pose is of shape \\(72,\\)"),
    "no betas": ({"betas": None}, "betas is no array"),
    "NaN": ({"trans": np.full(3, np.nan)}, "trans is not finite"),
    "text": ({"trans": np.array(["a", "b", "c"])}, "trans is of shape"),
}


@pytest.mark.parametrize("fault", FITS)
def test_a_wrong_fit_costs_the_labels_only(copy, fault):
    changes, message = FITS[fault]
    path = copy.moment() / "person" / "fit02" / "person_fit.pkl"
    content = pickle.loads(path.read_bytes())
    path.write_bytes(pickle.dumps({**content, **changes}))
    reading = copy.read()
    assert len(reading.frames) == 8
    assert sum(frame.truth is None for frame in reading.frames) == 4
    assert re.search(message, reading.notes[0])
