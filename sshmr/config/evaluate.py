"""Settings of the evaluation."""

from pydantic import Field

from sshmr.config.base import Settings


class EvaluateConfig(Settings):
    """The measures. docs/measures.md defines each of them."""

    penetration_depth: float = Field(0.01, ge=0, le=1)
    """Skin counts as self-penetrating when it is deeper than this inside another body part, in metres."""
    flip_angle: float = Field(90.0, gt=0, lt=180)
    """A body counts as flipped when its root is rotated by more than this from the truth, in degrees."""
    batch: int = Field(64, ge=1, le=65536)
    """Bodies posed at once. Affects memory only."""
