"""What the evaluation can be told."""

from dataclasses import dataclass


@dataclass(frozen=True)
class EvaluateConfig:
    """Settings of the evaluation; docs/measures.md defines each measure."""

    penetration_depth: float = 0.01
    """Metres: skin counts as inside another part of the body when it is deeper than this along its normal."""
    flip_angle: float = 90.0
    """Degrees: a body whose root is turned by more than this away from the truth counts as flipped."""
    batch: int = 64
    """Bodies posed at once; memory only."""

    def __post_init__(self):
        if self.penetration_depth < 0:
            raise ValueError(
                f"evaluate.penetration_depth is {self.penetration_depth}; expected metres, 0 or more."
            )
        if not 0 < self.flip_angle < 180:
            raise ValueError(f"evaluate.flip_angle is {self.flip_angle}; expected degrees between 0 and 180.")
        if self.batch < 1:
            raise ValueError(f"evaluate.batch is {self.batch}; expected 1 or more.")
