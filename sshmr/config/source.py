"""Where the clouds come from."""

from typing import Literal, get_args

from pydantic import Field

from sshmr.config.base import Settings

Source = Literal["sloper4d", "behave", "surreal", "clouds", "scenes"]
SOURCES: tuple[Source, ...] = get_args(Source)
"""The kinds of recordings that have a reader and a section below ``extract``."""


class SourceConfig(Settings):
    """Where the clouds come from."""

    kind: Literal["simulated", Source] = "simulated"
    """simulated (needs no data), sloper4d, behave, surreal, clouds (your own files, one person each) or
    scenes (your own files, any number of people in each)."""
    root: str = Field("data", min_length=1)
    """Top folder of the data. Not used for simulated data."""
