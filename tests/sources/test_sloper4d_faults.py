"""SLOPER4D's pickles with anything in them: bad frames are skipped, bad files told."""

import pickle
import tracemalloc

import numpy as np
import pytest

from sshmr.config.extract import ExtractConfig, Sloper4dConfig
from sshmr.errors import InputError
from sshmr.sources.sloper4d import read_sequence
from tests.sources.test_sloper4d import NAME, put

PLAIN = ExtractConfig(voxel=0.05, points=256, minimum_points=50, sloper4d=Sloper4dConfig(neighbours=True))


def read(root, load_body):
    return read_sequence(root, NAME, "train", PLAIN, load_body)


def survives(root, load_body):
    """Reads to an end: frames that are whole, or an error that says what is wrong; True for the former."""
    try:
        reading = read(root, load_body)
    except InputError as error:
        assert NAME in str(error)  # noqa: PT017
        return False
    for frame in reading.frames:
        assert np.isfinite(frame.points).all()
        if frame.truth:
            assert np.isfinite(frame.truth.joints).all()
    assert all(reason for _, _, reason in reading.skipped)
    return True


def doubled(times):
    """A list that holds 2 ** times numbers in a few bytes."""
    nested = [0.0]
    for _ in range(times):
        nested = [nested, nested]
    return nested


def in_itself():
    nested = []
    nested.append(nested)
    return nested


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("gender", np.array(["female", "male"])), "gender"),
        (put("gender", b"female"), "gender"),
        (put("framerate", 1j), "complex"),
        (put("framerate", float("nan")), "framerate"),
        (put("framerate", doubled(60)), "too many places"),
        (put("gender", doubled(60)), "too many places"),
        (put("framerate", np.array([20, 20])), "framerate"),
        (put("frame_num", [-1, 0, 1, 2, 3]), "below 0"),
        (put("frame_num", [10, 11, 12, 13, 2**31]), "too large"),
        (put("frame_num", [10, 11, 12, 13, 10**400]), "frame_num"),
        (put("frame_num", {"a": 1}), "frame_num"),
        (put("point_frame", None), "point_frame"),
        (put("point_frame", [10, 11, 12, 13, float("nan")]), "point_frame"),
        (put("opt_pose", doubled(60)), "too many places"),
        (put("opt_pose", in_itself()), "too many places"),
        (put("point_clouds", [doubled(40)] * 5), "too many places"),
        (put("point_clouds", [in_itself()] * 5), "too many places"),
        (put("opt_trans", [[10**400] * 3] * 5), "opt_trans"),
        (put("beta", np.zeros((10, 10, 10))), "beta"),
        (put("beta", None), "beta"),
        (put("point_clouds", np.array(3.0)), "point_clouds"),
    ],
)
def test_a_file_of_another_kind_is_reported(recording, write, load_body, change, message):
    change(recording)
    with pytest.raises(InputError, match=message):
        read(write(recording), load_body)


@pytest.mark.parametrize(
    "cloud",
    [
        [[10**400, 0, 0]] * 200,
        np.full((200, 3), 1e300),
        np.full((200, 3), np.inf),
        np.array([["a", "b", "c"]] * 200),
        np.array([None] * 200),
        {"points": 1},
        7,
        "cloud",
    ],
    ids=range(8),
)
def test_a_cloud_of_another_kind_costs_its_frame_only(recording, write, load_body, cloud):
    root = write(recording)
    whole = [frame.frame for frame in read(root, load_body).frames]
    recording["second_person"]["point_clouds"][2] = cloud
    reading = read(write(recording), load_body)
    assert [frame.frame for frame in reading.frames] == [number for number in whole if number != 12]
    assert [name.split("/")[2] for name, _, _ in reading.skipped] == ["000012"]


def test_few_bytes_do_not_become_many(recording, write, load_body):
    clouds = recording["second_person"]["point_clouds"]
    recording["second_person"]["point_clouds"] = [*clouds[:3], doubled(30), doubled(30)]
    root = write(recording)
    tracemalloc.start()
    with pytest.raises(InputError, match="too many places"):
        read(root, load_body)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**26


def shorter(recording):
    """Small clouds, so that bytes changed at random meet the structure and not only coordinates."""
    person = recording["second_person"]
    person["point_clouds"] = [cloud[:300].astype(np.float32) for cloud in person["point_clouds"]]
    return recording


@pytest.mark.parametrize("protocol", [2, 4])
def test_bytes_changed_at_random_never_end_in_a_traceback(recording, write, load_body, protocol):
    rng = np.random.default_rng(11)
    whole = pickle.dumps(shorter(recording), protocol=protocol)
    # Where letters stand is structure: names, keys, opcodes between them.
    letters = np.flatnonzero([chr(byte).isalpha() for byte in whole])
    read_well = 0
    for turn in range(100):
        changed = bytearray(whole)
        for _ in range(rng.integers(1, 4)):
            at = rng.choice(letters) + rng.integers(-3, 4) if turn % 2 else rng.integers(len(whole))
            changed[int(np.clip(at, 0, len(whole) - 1))] = rng.integers(256)
        if turn % 10 == 0:
            changed = changed[: rng.integers(len(whole))]
        read_well += survives(write(bytes(changed)), load_body)
    assert 0 < read_well < 100


def anything(rng, depth=0):
    """Whatever a pickle can hold where an array is expected."""
    kind = rng.integers(12 if depth < 2 else 9)
    if kind < 3:
        shape = [(5, 72), (5, 3), (10,), (5, 10), (0,), (), (300, 3), (2, 2, 2)][rng.integers(8)]
        values = rng.choice([0, 1, -1, 1e3, 1e30, np.nan, np.inf], shape) * rng.normal(size=shape)
        with np.errstate(invalid="ignore", over="ignore"):
            return values.astype(["f8", "f4", "f2", "i4", "u1", "c8", "O"][rng.integers(7)])
    if kind < 9:
        return [None, True, 10**400, -3, "female", b"x", float("nan"), 1j, 2.5][rng.integers(9)]
    inner = [anything(rng, depth + 1) for _ in range(rng.integers(6))]
    return [inner, tuple(inner), dict(enumerate(inner))][kind - 9]


def test_values_exchanged_at_random_never_end_in_a_traceback(recording, write, load_body):
    rng = np.random.default_rng(12)
    content = shorter(recording)
    places = [(content, key) for key in content]
    places += [(content["second_person"], key) for key in content["second_person"]]
    places += [(content["second_person"]["point_clouds"], number) for number in range(5)]
    for _ in range(100):
        holder, key = places[rng.integers(len(places))]
        kept = holder[key]
        holder[key] = anything(rng)
        survives(write(content), load_body)
        holder[key] = kept
    assert survives(write(content), load_body)
