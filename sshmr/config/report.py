"""Settings of the report page."""

from typing import Literal

from pydantic import Field

from sshmr.config.base import Settings


class ReportConfig(Settings):
    """The report page."""

    split: Literal["train", "test"] = "test"
    """Split whose frames are shown: train or test."""
    frames: int = Field(3, ge=0, le=12)
    """Number of frames shown, from the best to the worst. 0 leaves the pictures out."""
    rounds: int = Field(4, ge=2, le=12)
    """Largest number of rounds shown: the first, the last, and some between."""
    picture_height: int = Field(360, ge=120, le=1080)
    """Height of a picture, in pixels."""
