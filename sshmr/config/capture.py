"""Settings of the simulated capture."""

from dataclasses import dataclass, field
from typing import Literal

from sshmr.errors import InputError

GENDERS = ("neutral", "male", "female")


@dataclass(frozen=True)
class LidarConfig:
    """A spinning LiDAR, by default with the resolution of today's 128-ring sensors.

    Attributes:
        rings: number of laser rings, spread evenly in elevation.
        lowest, highest: elevation of the first and the last ring, degrees; negative looks down.
        azimuth_step: angle between two shots of a ring, degrees.
        range_noise: standard deviation of the measured range, metres.
        dropout: share of the returns that are lost at random.
        grazing: cosine of incidence below which returns fade out, as they do on real surfaces seen edge on.
    """

    rings: int = 128
    lowest: float = -35.0
    highest: float = 8.0
    azimuth_step: float = 0.12
    range_noise: float = 0.01
    dropout: float = 0.05
    grazing: float = 0.2


@dataclass(frozen=True)
class DepthConfig:
    """Four depth cameras around the person, like BEHAVE's but with smaller images.

    Attributes:
        width, height: pixels; BEHAVE has 2048 × 1536.
        distance: nearest and farthest camera from the middle of the room, metres.
        noise: standard deviation of the depth at one metre, metres; it grows with the square of the depth.
        dropout: share of the pixels that are lost at random.
        edges: share of the pixels at edges that are lost or lie somewhere between front and back.
        things: how many boxes, tables and chairs stand around the person.
    """

    width: int = 512
    height: int = 384
    distance: tuple[float, float] = (2.0, 3.0)
    noise: float = 0.001
    dropout: float = 0.01
    edges: float = 0.5
    things: int = 2


@dataclass(frozen=True)
class CaptureConfig:
    """A simulated capture.

    Attributes:
        layouts: the data sets whose files are imitated, in turn, sequence after sequence.
        sequences: how many, the test sequences among them.
        test_sequences: how many of them, the last ones, are for testing.
        subjects, test_subjects: people in the training and in the test sequences; nobody is in both.
        frames: frames a sequence.
        framerate: frames a second; low, so that few frames show many poses.
        motion: an AMASS .npz, a folder of them, or a Parquet of motions; without it, poses drawn from the
            pose prior.
        genders: taken in turn, subject after subject; ``male``, ``female`` or ``neutral``.
        shape_spread: standard deviation of the subjects' betas.
        pose_spread: how far drawn poses stray from the prior's means, as a share of its standard deviations.
        speed: slowest and fastest walk of drawn motions, metres a second.
        distance: nearest and farthest person from the sensor, metres.
        sensor_height: lowest and highest sensor above the ground, metres.
        defects: share of frames with a fault that real recordings have: no cloud, an empty one, NaN points.
        lidar: the sensor of the layouts sloper4d and clouds.
        depth: the sensors of the layout behave.
    """

    layouts: tuple[Literal["sloper4d", "behave", "surreal", "clouds"], ...] = ("sloper4d",)
    sequences: int = 16
    test_sequences: int = 4
    subjects: int = 6
    test_subjects: int = 2
    frames: int = 20
    framerate: float = 5.0
    motion: str | None = None
    genders: tuple[str, ...] = ("female", "male")
    shape_spread: float = 1.0
    pose_spread: float = 0.8
    speed: tuple[float, float] = (0.0, 1.0)
    distance: tuple[float, float] = (3.0, 15.0)
    sensor_height: tuple[float, float] = (1.5, 2.0)
    defects: float = 0.03
    lidar: LidarConfig = field(default_factory=LidarConfig)
    depth: DepthConfig = field(default_factory=DepthConfig)

    def __post_init__(self):
        _check("layouts", list(self.layouts), len(self.layouts) >= 1, "one layout or more")
        _check("sequences", self.sequences, self.sequences >= 1, "1 or more")
        inside = 0 <= self.test_sequences < self.sequences
        _check("test_sequences", self.test_sequences, inside, "0 or more, and fewer than sequences")
        for name in ("subjects", "test_subjects", "frames"):
            _check(name, getattr(self, name), getattr(self, name) >= 1, "1 or more")
        _check("framerate", self.framerate, self.framerate > 0, "frames a second, above 0")
        known = bool(self.genders) and all(gender in GENDERS for gender in self.genders)
        _check("genders", list(self.genders), known, f"a list of {', '.join(GENDERS)}")
        for name in ("shape_spread", "pose_spread"):
            _check(name, getattr(self, name), 0 <= getattr(self, name) <= 3, "0 to 3")
        for name, least in (("speed", 0.0), ("distance", 1.0), ("sensor_height", 0.0)):
            low, high = getattr(self, name)
            _check(name, [low, high], least <= low <= high, f"[low, high] with {least:g} ≤ low ≤ high")
        _check("defects", self.defects, 0 <= self.defects <= 0.5, "0 to 0.5")
        lidar = self.lidar
        _check("lidar.rings", lidar.rings, lidar.rings >= 2, "2 or more")
        _check("lidar.highest", lidar.highest, -90 < lidar.lowest < lidar.highest < 90, "above lidar.lowest")
        _check("lidar.azimuth_step", lidar.azimuth_step, 0.01 <= lidar.azimuth_step <= 5, "0.01 to 5 degrees")
        _check("lidar.range_noise", lidar.range_noise, 0 <= lidar.range_noise <= 0.2, "0 to 0.2 m")
        _check("lidar.dropout", lidar.dropout, 0 <= lidar.dropout < 1, "0 to 1")
        _check("lidar.grazing", lidar.grazing, 0 <= lidar.grazing < 1, "0 to 1")
        depth = self.depth
        for name in ("width", "height"):
            _check(f"depth.{name}", getattr(depth, name), 32 <= getattr(depth, name) <= 8192, "32 to 8192")
        low, high = depth.distance
        inside = 1.5 <= low <= high <= 3.4
        _check(
            "depth.distance", [low, high], inside, "[low, high] with 1.5 ≤ low ≤ high ≤ 3.4: the room's walls"
        )
        _check("depth.noise", depth.noise, 0 <= depth.noise <= 0.1, "0 to 0.1 m")
        for name in ("dropout", "edges"):
            _check(f"depth.{name}", getattr(depth, name), 0 <= getattr(depth, name) < 1, "0 to 1")
        _check("depth.things", depth.things, 0 <= depth.things <= 20, "0 to 20")


def _check(key, value, fine, expected):
    if not fine:
        raise InputError("config", f'key "capture.{key}"', repr(value), expected)
