"""No key takes a value that a stage cannot use."""

import math

import pytest

from sshmr.config.base import Settings
from sshmr.config.mapping import from_mapping
from sshmr.config.run import Config
from sshmr.errors import InputError
from sshmr.fit.hypotheses import typical_poses


def keys(kind, above=()):
    for name, field in kind.model_fields.items():
        if isinstance(field.default, Settings):
            yield from keys(type(field.default), (*above, name))
        else:
            yield (*above, name), field.default


KEYS = list(keys(Config))


def refused(place, value):
    """Whether the key is refused, with an error that names it."""
    mapping = value
    for key in reversed(place):
        mapping = {key: mapping}
    try:
        from_mapping(Config, mapping)
    except InputError as error:
        return f'key "{".".join(place)}' in error.field
    return False


@pytest.mark.parametrize(("place", "default"), KEYS, ids=[".".join(place) for place, _ in KEYS])
def test_no_key_takes_what_is_not_finite_or_of_another_type(place, default):
    for value in (math.nan, math.inf, -math.inf, ".nan", {}, object()):
        text = isinstance(default, str | None) and isinstance(value, str)
        assert text or refused(place, value), value
    if isinstance(default, int | float) and not isinstance(default, bool):
        for value in (True, "many", None, [], 1e300):
            assert refused(place, value), value
        if place[-1] not in ("lowest", "highest"):
            assert refused(place, -1)


@pytest.mark.parametrize(
    "place",
    [
        "fit.headings", "fit.poses", "fit.outlier_weight", "fit.effective_points", "fit.compare_spread",
        "relabel.spread", "relabel.outlier_weight", "template.points", "train.epochs", "train.batch",
        "train.learning_rate", "network.grid", "network.temperature", "infer.rotations", "infer.passes",
        "capture.framerate", "extract.points", "extract.clouds.ground_thickness", "rounds", "threads.fit",
    ],
)  # fmt: skip
def test_keys_that_divide_or_count_are_not_zero(place):
    assert refused(place.split("."), 0)


def test_as_many_poses_are_allowed_as_are_shipped():
    assert len(typical_poses(193)) == 193
    assert refused(("fit", "poses"), 194)
    assert len(typical_poses(1000)) == 193
