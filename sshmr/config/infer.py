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
    rotations: int = Field(2, ge=1, le=360)
    """Number of rotations about the vertical in which the first pass predicts each cloud. The predictions
    are averaged."""
    mirrored: bool = True
    """Also predict the mirror image of each rotated cloud."""
    passes: int = Field(2, ge=1, le=100)
    """Inference passes. From the second on, each cloud is rotated so that the body of the previous
    prediction stands upright and faces +z."""
    tilted: bool = True
    """Predict clouds with an uncertain matching also upside down and lying on four sides. Such a prediction
    is kept if its matching is clearly more certain."""
