"""Settings of the extraction: from a source's files to the points tables."""

from typing import Literal, Self

from pydantic import Field, model_validator

from sshmr.config.base import Settings, misfit

METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001}
Names = tuple[str, ...]
Place = Literal["auto", "unknown"] | tuple[float, float, float]


def metres_of(unit: str | float) -> float:
    """Length of a unit in metres.

    Raises:
        ValueError: when it is neither a known unit nor a number.
    """
    return METRES.get(str(unit)) or float(unit)


class Sloper4dConfig(Settings):
    """SLOPER4D's files, which the simulated capture writes as well."""

    sequences: Names = ()
    """Sequences to use, by full name or number such as seq002. Empty uses all."""
    split: Literal["sequence", "published", "cross"] = "sequence"
    """sequence holds out whole sequences. published takes 30 % of each sequence's frames for testing; their
    neighbours in time are then in training. cross holds out seq009, for comparisons across data sets."""
    test_sequences: Names = ()
    """Sequences that split: sequence holds out. Empty holds out test_fraction of them."""
    test_fraction: float = Field(0.25, ge=0, lt=1)
    """Fraction of the sequences that is held out if none is named."""
    neighbours: bool = True
    """Add the points of the previous and the next frame where the person has hardly moved."""
    neighbour_seconds: float = Field(0.11, ge=0, le=10)
    """Largest time between neighbouring frames, in seconds."""


class BehaveConfig(Settings):
    """BEHAVE's depth images."""

    sequences: Names = ()
    """Sequences to use, by full name, or by its start such as Date03 or Date03_Sub03. Empty uses all."""
    every: int = Field(2, ge=1, le=1_000_000)
    """Reads every n-th moment only."""
    all_cameras: bool = False
    """Leave out a moment if any camera lacks its mask, as published."""
    cleaning: Literal["robust", "published"] = "robust"
    """robust keeps the connected points of one person. published samples at random and keeps points that are
    close to others and to the mean."""
    test_sequences: Names = ()
    """Sequences that are held out. Empty follows split.json."""
    test_fraction: float = Field(0.25, ge=0, lt=1)
    """Fraction of the sequences that is held out if none is named and there is no split.json."""


class SurrealConfig(Settings):
    """SURREAL's clips; by default the published selection."""

    train_clips: int = Field(3000, ge=0)
    """Training clips drawn at random. 0 uses all."""
    train_frames: int = Field(5, ge=0)
    """Frames used of each training clip, its first ones. 0 uses all."""
    test_clips: int = Field(100, ge=0)
    """Test clips drawn at random. 0 uses all."""
    test_frames: int = Field(0, ge=0)
    """Frames used of each test clip, its first ones. 0 uses all."""
    seed: int = Field(0, ge=0, lt=2**32)
    """Seed of that draw."""
    exclude: Names = ("18", "19", "143_21")
    """Sequences, or subjects with all their sequences, to leave out. The bodies of those named are
    deformed."""
    minimum_parts: int = Field(19, ge=1, le=24)
    """Frames must show at least this many of the 24 body parts."""
    gender: Literal["nearest", "stated"] = "nearest"
    """nearest uses the gender whose body fits the points better. stated uses the gender in the file, which is
    not reliable."""


class CloudsConfig(Settings):
    """Your own clouds: one person and one moment per file."""

    files: str = ""
    """Pattern of the files below the root. Empty uses every file of a known format."""
    up: Literal["x", "y", "z", "-x", "-y", "-z"] = "y"
    """Axis that points up in the files: x, y, z, -x, -y or -z."""
    unit: str | float = "m"
    """Unit of the coordinates: m, cm, mm, or the length of one unit in metres, such as 0.3048 for feet."""
    sequence_pattern: str = ""
    """Regular expression searched in the path below the root. Its group "sequence" names the sequence;
    an optional group "frame" gives the frame number. Empty makes every folder a sequence."""
    ground: Literal["auto", "remove", "keep"] = "auto"
    """Ground at the feet: remove, keep, or auto (remove it if there is a clear horizontal plane)."""
    ground_thickness: float = Field(0.025, gt=0, le=0.2)
    """Points closer than this to the ground plane belong to it, in metres."""
    intrinsics: str = ""
    """Intrinsics of depth images: a file, or "fx fy cx cy" in pixels. Empty uses a file
    beside the images, such as camera_info.yaml or intrinsics.json."""
    depth_scale: float = Field(0.0, ge=0, le=1000)
    """Length of one step of a depth image in metres. 0 reads whole numbers as millimetres, others as
    metres."""
    sensor: Place = "unknown"
    """Where the sensor was: [x, y, z] in the axes and the unit of the files. The fit then knows which skin is
    visible. auto takes the origin for each cloud that looks seen from there. With unknown, the fit estimates
    the viewing direction."""
    truth: str = ""
    """Parquet table of true bodies, for evaluation only. Empty uses truth.parquet or labels.parquet in the
    root, if there is one."""
    test_sequences: Names = ()
    """Sequences that are held out. Empty holds out test_fraction of them."""
    test_fraction: float = Field(0.0, ge=0, lt=1)
    """Fraction of the sequences that is held out if none is named."""

    @property
    def metres(self) -> float:
        """Length of one unit of the coordinates in metres."""
        return metres_of(self.unit)

    @property
    def camera(self) -> tuple[str, float]:
        """What depth images need: intrinsics and scale."""
        return self.intrinsics, self.depth_scale

    @model_validator(mode="after")
    def _check(self) -> Self:
        try:
            fine = 0 < self.metres <= 1000
        except ValueError:
            fine = False
        if not fine:
            raise misfit("unit", self.unit, "m, cm, mm, or the length of one unit in metres, such as 0.3048")
        return self


class ScenesConfig(Settings):
    """Recordings of whole scenes, in which people are found and followed."""

    files: str = ""
    """Pattern of the files below the root. Empty uses every file of a known format."""
    up: Literal["auto", "x", "y", "z", "-x", "-y", "-z"] = "auto"
    """Axis that points up in the files. auto finds the one with the ground under the scene."""
    unit: str | float = "auto"
    """Unit of the coordinates: m, cm, mm, or the length of one unit in metres. auto finds the one in which a
    scene has a usual size."""
    sequence_pattern: str = ""
    """Regular expression over the path below the root, as for clouds. A sequence is one recording."""
    intrinsics: str = ""
    """Intrinsics of depth images, as for clouds."""
    depth_scale: float = Field(0.0, ge=0, le=1000)
    """Length of one step of a depth image, as for clouds."""
    sensor: Place = "unknown"
    """Where the sensor was, as for clouds."""
    empty: str = ""
    """A file with the same scene without people, from the same place. Empty for none."""
    background: bool = True
    """Remove points that do not move in most frames of a recording."""
    frames_per_second: float = Field(0.0, ge=0, le=10_000)
    """Frame rate of the recordings. 0 uses the times in the names of the files, or else 10."""
    score: float = Field(0.0, ge=0, le=1)
    """Smallest mean score of a person's detections. 0 uses 0.45, and 0.62 in recordings of fewer than 5
    frames."""
    test_sequences: Names = ()
    """Sequences that are held out. Empty holds out test_fraction of them."""
    test_fraction: float = Field(0.0, ge=0, lt=1)
    """Fraction of the sequences that is held out if none is named."""

    @property
    def camera(self) -> tuple[str, float]:
        """What depth images need: intrinsics and scale."""
        return self.intrinsics, self.depth_scale

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.unit != "auto":
            CloudsConfig(unit=self.unit)
        return self


OWN_CLOUDS = {"voxel": 0.02, "minimum_points": 25}
"""Defaults of ``ExtractConfig`` where ``sshmr`` reads own clouds. Most come from depth cameras, which have a
finer resolution than LiDARs. A LiDAR of 16 rings shows a person at 10 m with 30 points."""


class ExtractConfig(Settings):
    """From a source's files to the points tables."""

    points: int = Field(1024, ge=64, le=32768)
    """Points per frame in the table. Larger clouds are subsampled, smaller ones padded."""
    minimum_points: int = Field(100, ge=1)
    """Frames with this many points or fewer after the voxel grid are skipped."""
    voxel: float = Field(0.03, ge=0, le=0.2)
    """Edge of the grid cells whose points are averaged, in metres. 0 uses no grid."""
    stray_distance: float = Field(0.09, ge=0, le=10)
    """Points without a neighbour within this distance are removed, in metres. 0 keeps all."""
    sampling: Literal["random", "farthest", "voxel"] = "random"
    """How larger clouds are subsampled: random, farthest or voxel."""
    shard_frames: int = Field(120, ge=1)
    """Approximate frames per shard. Short sequences share one table and one job per stage. A longer sequence
    has
    its own table. Some hundreds save time on a GPU or a cluster."""
    sloper4d: Sloper4dConfig = Sloper4dConfig()
    behave: BehaveConfig = BehaveConfig()
    surreal: SurrealConfig = SurrealConfig()
    clouds: CloudsConfig = CloudsConfig()
    scenes: ScenesConfig = ScenesConfig()

    @property
    def too_few(self) -> str:
        """The reason of a cloud that is skipped because it has too few points."""
        return f"{self.minimum_points} or fewer, extract.minimum_points"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.minimum_points >= self.points:
            raise misfit("minimum_points", self.minimum_points, f"less than points, which is {self.points}")
        return self
