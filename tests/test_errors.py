"""The sentence that an error is."""

import pytest

from sshmr.errors import InputError


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({"found": "it is empty"}, "a.ply: it is empty."),
        ({"found": "none can be read: b.ply: it is empty."}, "a.ply: none can be read: b.ply: it is empty."),
        ({"found": "no cloud: it is empty.", "fix": "Get it"}, "a.ply: no cloud: it is empty. Get it."),
        ({"field": "x", "found": "1", "expected": "2", "fix": "Is it?"}, "a.ply: x is 1; expected 2. Is it?"),
    ],
)
def test_errors_end_in_one_stop(parts, sentence):
    assert str(InputError("a.ply", **parts)) == sentence
