"""Settings of inference."""

from pydantic import Field

from sshmr.config.base import Settings


class InferConfig(Settings):
    """The network's predictions."""

    batch: int = Field(32, ge=1, le=65536)
    """Clouds per batch. Affects memory and speed only."""
    points: int = Field(512, ge=0, le=32768)
    """Points sampled from each cloud, spread over it. 0 uses all."""
    matched_points: int = Field(256, ge=0, le=32768)
    """How many of these are matched to the template and read by the head. 0 uses all."""
    passes: int = Field(3, ge=1, le=100)
    """Inference passes. From the second on, each cloud is rotated so that the body of the previous
    prediction stands upright and faces +z."""
    rotations: int = Field(1, ge=1, le=360)
    """Number of rotations about the vertical in which the first pass predicts each cloud. The predictions
    are averaged."""
    upside_down: bool = True
    """The first pass also predicts each cloud upside down, and keeps the prediction whose matching is more
    certain."""
    mirrored: bool = True
    """The last pass also predicts the mirror image of each cloud. The predictions are averaged."""
