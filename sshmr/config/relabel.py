"""Settings of the pseudo labels."""

from pydantic import Field

from sshmr.config.base import Settings


class RelabelConfig(Settings):
    """From fits to pseudo labels."""

    spread: float = Field(0.04, gt=0, le=1)
    """Standard deviation of a point about its vertex, in metres. Smaller values reject more points as
    outliers."""
    outlier_weight: float = Field(0.05, gt=0, lt=1)
    """Prior probability that a point does not belong to the body."""
    least_confidence: float = Field(0.3, ge=0, le=1)
    """Fits with a lower confidence are not used for training."""
