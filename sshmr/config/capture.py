"""Settings of the simulated capture."""

from typing import Literal, Self

from pydantic import Field, model_validator

from sshmr.config.base import Settings, misfit

Gender = Literal["neutral", "male", "female"]
Layout = Literal["sloper4d", "behave", "surreal", "clouds"]
Range = tuple[float, float]


def check_range(key: str, value: Range, least: float, most: float) -> None:
    """Refuse a [low, high] that is not least ≤ low ≤ high ≤ most."""
    low, high = value
    if not least <= low <= high <= most:
        raise misfit(key, value, f"[low, high] with {least:g} ≤ low ≤ high ≤ {most:g}")


class LidarConfig(Settings):
    """The sensor of the layouts sloper4d and clouds: a spinning LiDAR with 128 rings."""

    rings: int = Field(128, ge=2, le=1024)
    """Number of laser rings, evenly spaced in elevation."""
    lowest: float = Field(-35.0, gt=-90, lt=90)
    """Elevation of the first ring, in degrees. Negative values point down."""
    highest: float = Field(8.0, gt=-90, lt=90)
    """Elevation of the last ring, in degrees."""
    azimuth_step: float = Field(0.12, ge=0.01, le=5)
    """Angle between two measurements of a ring, in degrees."""
    range_noise: float = Field(0.01, ge=0, le=0.2)
    """Standard deviation of the measured range, in metres."""
    dropout: float = Field(0.05, ge=0, lt=1)
    """Fraction of returns lost at random."""
    grazing: float = Field(0.2, ge=0, lt=1)
    """Cosine of the incidence angle below which returns become rare, as on real surfaces at a grazing
    angle."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.highest <= self.lowest:
            raise misfit("highest", self.highest, f"more than lowest, which is {self.lowest:g}")
        return self


class DepthConfig(Settings):
    """The sensors of the layout behave: four depth cameras around the person."""

    width: int = Field(512, ge=32, le=8192)
    """Width of an image, in pixels. BEHAVE has 2048 × 1536."""
    height: int = Field(384, ge=32, le=8192)
    """Height of an image, in pixels."""
    distance: Range = (2.0, 3.0)
    """Smallest and largest distance of a camera from the middle of the room, in metres."""
    noise: float = Field(0.001, ge=0, le=0.1)
    """Standard deviation of the depth at 1 m, in metres. It grows with the square of the depth."""
    dropout: float = Field(0.01, ge=0, lt=1)
    """Fraction of pixels lost at random."""
    edges: float = Field(0.5, ge=0, lt=1)
    """Fraction of pixels at depth edges that are lost or lie between foreground and background."""
    things: int = Field(2, ge=0, le=20)
    """Number of boxes, tables and chairs around the person."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_range("distance", self.distance, 1.5, 3.4)
        return self


class CaptureConfig(Settings):
    """The simulated capture (source.kind: simulated)."""

    layouts: tuple[Layout, ...] = Field(("sloper4d",), min_length=1)
    """Data sets whose file layout is written: sloper4d, behave, surreal, clouds. Sequences alternate between
    them."""
    sequences: int = Field(16, ge=1, le=10_000)
    """Number of sequences, including the test sequences."""
    test_sequences: int = Field(4, ge=0)
    """How many of them, from the end, are for testing."""
    subjects: int = Field(6, ge=1, le=10_000)
    """Number of people in the training sequences. Nobody appears in both splits."""
    test_subjects: int = Field(2, ge=1, le=10_000)
    """Number of people in the test sequences."""
    frames: int = Field(20, ge=1, le=100_000)
    """Frames per sequence."""
    framerate: float = Field(5.0, gt=0, le=1000)
    """Frames per second. A low rate shows many different poses in few frames."""
    motion: str | None = Field(None, min_length=1)
    """An AMASS .npz, a folder of them, or a Parquet table of motions. null draws poses from the pose
    prior."""
    genders: tuple[Gender, ...] = Field(("female", "male"), min_length=1)
    """Body genders: female, male, neutral. Subjects alternate between them."""
    shape_spread: float = Field(1.0, ge=0, le=3)
    """Standard deviation of the subjects' shape coefficients (betas)."""
    pose_spread: float = Field(0.8, ge=0, le=3)
    """Spread of drawn poses about the means of the pose prior, in units of the prior's standard
    deviations."""
    speed: Range = (0.0, 1.0)
    """Smallest and largest walking speed in drawn motions, in metres per second."""
    distance: Range = (3.0, 15.0)
    """Smallest and largest distance of the person from the sensor, in metres."""
    sensor_height: Range = (1.5, 2.0)
    """Smallest and largest height of the sensor above the ground, in metres."""
    defects: float = Field(0.03, ge=0, le=0.5)
    """Fraction of frames with a defect that real recordings have: no cloud, an empty cloud, NaN points."""
    lidar: LidarConfig = LidarConfig()
    depth: DepthConfig = DepthConfig()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.test_sequences >= self.sequences:
            expected = f"0 or more, and fewer than sequences, which is {self.sequences}"
            raise misfit("test_sequences", self.test_sequences, expected)
        check_range("speed", self.speed, 0.0, 10.0)
        check_range("distance", self.distance, 1.0, 200.0)
        check_range("sensor_height", self.sensor_height, 0.0, 50.0)
        return self
