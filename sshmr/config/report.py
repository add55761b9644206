"""Settings of the report page."""

import dataclasses

from sshmr.errors import InputError


@dataclasses.dataclass(frozen=True)
class ReportConfig:
    """What the report shows.

    Attributes:
        split: whose frames are pictured.
        frames: how many frames are pictured, from the best to the worst; 0 leaves the pictures out.
        rounds: at most so many rounds are pictured: the first, the last and some between.
        picture_height: height of a picture, pixels.
    """

    split: str = "test"
    frames: int = 3
    rounds: int = 4
    picture_height: int = 360

    def __post_init__(self):
        _check("frames", self.frames, 0 <= self.frames <= 12, "0 to 12")
        _check("rounds", self.rounds, 2 <= self.rounds <= 12, "2 to 12")
        _check("picture_height", self.picture_height, 120 <= self.picture_height <= 1080, "120 to 1080")


def _check(key, value, fine, expected):
    if not fine:
        raise InputError("config", f'key "report.{key}"', repr(value), expected)
