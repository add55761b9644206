"""Settings of the evaluation."""

import dataclasses

from sshmr.errors import InputError


@dataclasses.dataclass(frozen=True)
class EvaluateConfig:
    """How measures are taken; docs/measures.md defines each of them.

    Attributes:
        penetration_depth: skin counts as inside another part of the body when it is deeper than this, metres.
        flip_angle: a body whose root is turned by more than this away from the truth is flipped, degrees.
        batch: bodies posed at once; affects memory only.
    """

    penetration_depth: float = 0.01
    flip_angle: float = 90.0
    batch: int = 64

    def __post_init__(self):
        _check("penetration_depth", self.penetration_depth, self.penetration_depth >= 0, "0 m or more")
        _check("flip_angle", self.flip_angle, 0 < self.flip_angle < 180, "degrees between 0 and 180")
        _check("batch", self.batch, self.batch >= 1, "1 or more")


def _check(key, value, fine, expected):
    if not fine:
        raise InputError("config", f'key "evaluate.{key}"', repr(value), expected)
