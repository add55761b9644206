"""What goes into a page comes out of it: unpacked here the slow way; the browser's way in test_view."""

import json

import numpy as np
import pytest

from sshmr.viewing.payload import pack, quantise, shares


def unpack(data):
    size = int.from_bytes(data[:4], "little")
    head = json.loads(data[4 : 4 + size])
    arrays = {
        name: np.frombuffer(data, place["type"], place["count"], 4 + size + place["start"])
        for name, place in head["arrays"].items()
    }
    return head["facts"], arrays, 4 + size


def test_facts_and_arrays_come_back():
    rng = np.random.default_rng(0)
    arrays = {
        "a": rng.integers(0, 255, 7).astype(np.uint8),
        "b": rng.integers(-99, 99, (5, 3)).astype(np.int16),
        "c": rng.integers(0, 99, 4).astype(np.uint32),
        "empty": np.zeros(0, np.uint16),
    }
    facts, found, start = unpack(
        pack({"name": "ä", "error": float("nan"), "list": [1.5, float("inf")]}, arrays)
    )
    assert facts == {"name": "ä", "error": None, "list": [1.5, None]}
    assert start % 4 == 0
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array.reshape(-1))


def test_positions_keep_a_tenth_of_a_millimetre():
    points = {"cloud": np.random.default_rng(1).uniform(-1.2, 1.2, (50, 3)), "none": np.zeros((0, 3))}
    unit, whole = quantise(points)
    assert whole["cloud"].dtype == np.int16
    np.testing.assert_allclose(whole["cloud"] * unit, points["cloud"], atol=5e-5)


def test_shares_are_cut_off_at_both_ends():
    assert shares(np.array([-1, 0, 0.05, 0.1, 3, np.nan]), top=0.1).tolist() == [0, 0, 128, 255, 255, 0]


def test_other_types_are_refused():
    with pytest.raises(TypeError, match="float64"):
        pack({}, {"a": np.zeros(3)})
