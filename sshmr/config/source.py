"""Where the clouds come from."""

from typing import Literal

from pydantic import Field

from sshmr.config.base import Settings


class SourceConfig(Settings):
    """Where the clouds come from."""

    kind: Literal["simulated", "sloper4d", "behave", "surreal", "clouds", "scenes"] = "simulated"
    """simulated (needs no data), sloper4d, behave, surreal, clouds (your own files, one person each) or
    scenes (your own files, any number of people in each)."""
    root: str = Field("data", min_length=1)
    """Top folder of the data. Not used for simulated data."""
