"""Settings of the extraction: from a source's files to the points table."""

from dataclasses import dataclass, field
from typing import Literal

from sshmr.errors import InputError

METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001}


@dataclass(frozen=True)
class Sloper4dConfig:
    """Reading SLOPER4D, and what the simulated capture writes in its layout.

    Attributes:
        sequences: which to use, in full or as ``seq002``; empty for all that are there.
        split: ``sequence`` holds out whole sequences; ``published`` takes 30 % of each sequence's frames for
            testing, whose neighbours in time are then in training; ``cross`` holds out ``seq009``, as papers
            do that compare across data sets.
        test_sequences: those that ``sequence`` holds out; empty to take ``test_fraction`` of them.
        test_fraction: share of the sequences held out where none is named.
        neighbours: add the points of the previous and the next frame where the person has hardly moved.
        neighbour_seconds: frames farther apart in time than this are no neighbours.
    """

    sequences: tuple[str, ...] = ()
    split: Literal["sequence", "published", "cross"] = "sequence"
    test_sequences: tuple[str, ...] = ()
    test_fraction: float = 0.25
    neighbours: bool = True
    neighbour_seconds: float = 0.11

    def __post_init__(self):
        _check("sloper4d.test_fraction", self.test_fraction, 0 <= self.test_fraction < 1, "0 to 1")
        _check("sloper4d.neighbour_seconds", self.neighbour_seconds, self.neighbour_seconds >= 0, "0 or more")


@dataclass(frozen=True)
class BehaveConfig:
    """Reading BEHAVE.

    Attributes:
        sequences: which to use, in full or as ``Date03`` or ``Date03_Sub03``; empty for all that are there.
        every: only every n-th moment is read.
        all_cameras: leave a moment out where any camera lacks its mask, as published.
        cleaning: ``robust`` keeps what hangs together as one person; ``published`` draws at random and keeps
            points that are near to others and to the mean.
        test_sequences: those held out; empty to do as ``split.json`` says.
        test_fraction: share of the sequences held out where none is named and there is no ``split.json``.
    """

    sequences: tuple[str, ...] = ()
    every: int = 2
    all_cameras: bool = False
    cleaning: Literal["robust", "published"] = "robust"
    test_sequences: tuple[str, ...] = ()
    test_fraction: float = 0.25

    def __post_init__(self):
        _check("behave.every", self.every, self.every >= 1, "1 or more")
        _check("behave.test_fraction", self.test_fraction, 0 <= self.test_fraction < 1, "0 to 1")


@dataclass(frozen=True)
class SurrealConfig:
    """Reading SURREAL; by default the published selection of clips and frames.

    Attributes:
        train_clips, test_clips: how many clips are drawn at random of each split; 0 for all.
        train_frames, test_frames: how many frames of each clip, its first ones; 0 for all.
        seed: of that draw.
        exclude: sequences, or subjects with all of theirs, that are left out; those named are misshapen.
        minimum_parts: frames must show at least this many of the body's 24 parts.
        gender: ``nearest`` labels a clip with the gender whose body fits the points better, ``stated`` with
            the one that the file names, which is not reliable.
        shard_frames: about how many frames a shard has.
    """

    train_clips: int = 3000
    train_frames: int = 5
    test_clips: int = 100
    test_frames: int = 0
    seed: int = 0
    exclude: tuple[str, ...] = ("18", "19", "143_21")
    minimum_parts: int = 19
    gender: Literal["nearest", "stated"] = "nearest"
    shard_frames: int = 500

    def __post_init__(self):
        for name in ("train_clips", "train_frames", "test_clips", "test_frames", "seed"):
            _check(f"surreal.{name}", getattr(self, name), getattr(self, name) >= 0, "0 or more")
        _check("surreal.minimum_parts", self.minimum_parts, 1 <= self.minimum_parts <= 24, "1 to 24")
        _check("surreal.shard_frames", self.shard_frames, self.shard_frames >= 1, "1 or more")


@dataclass(frozen=True)
class CloudsConfig:
    """Reading one's own clouds, one person and one moment a file.

    Attributes:
        files: pattern of the files below the root; empty for every file of a known kind.
        up: the axis that points up in the files.
        unit: ``m``, ``cm`` or ``mm``.
        sequence_pattern: regular expression over the path below the root whose group ``sequence`` names the
            sequence and whose group ``frame``, if it has one, the frame; empty: the folder is the sequence.
        ground: ``remove`` takes the ground under the feet away, ``keep`` leaves it, ``auto`` takes it away
            where a clear horizontal plane lies at the feet.
        ground_thickness: how far from the plane a point still belongs to it, metres.
        labels: Parquet table with the true bodies, for evaluation only; empty for ``labels.parquet`` in the
            root, where there is one.
        test_sequences: those held out; empty to take ``test_fraction`` of them.
        test_fraction: share of the sequences held out where none is named.
    """

    files: str = ""
    up: Literal["x", "y", "z", "-x", "-y", "-z"] = "y"
    unit: Literal["m", "cm", "mm"] = "m"
    sequence_pattern: str = ""
    ground: Literal["auto", "remove", "keep"] = "auto"
    ground_thickness: float = 0.025
    labels: str = ""
    test_sequences: tuple[str, ...] = ()
    test_fraction: float = 0.0

    def __post_init__(self):
        _check("clouds.test_fraction", self.test_fraction, 0 <= self.test_fraction < 1, "0 to 1")
        fine = 0 < self.ground_thickness <= 0.2
        _check("clouds.ground_thickness", self.ground_thickness, fine, "above 0 m, at most 0.2 m")


@dataclass(frozen=True)
class ExtractConfig:
    """What every source has in common, and a section per source.

    Attributes:
        points: points a frame in the table; clouds with more are thinned, with fewer padded.
        minimum_points: frames must have more than this many after the voxel grid.
        voxel: edge of the grid whose cells are averaged into one point, metres; 0 for none.
        stray_distance: points without a neighbour this near are dropped, metres; 0 keeps all.
        sampling: how a cloud with too many points is thinned.
    """

    points: int = 1024
    minimum_points: int = 100
    voxel: float = 0.03
    stray_distance: float = 0.09
    sampling: Literal["random", "farthest", "voxel"] = "random"
    sloper4d: Sloper4dConfig = field(default_factory=Sloper4dConfig)
    behave: BehaveConfig = field(default_factory=BehaveConfig)
    surreal: SurrealConfig = field(default_factory=SurrealConfig)
    clouds: CloudsConfig = field(default_factory=CloudsConfig)

    @property
    def too_few(self) -> str:
        """What is said of the points of a cloud that is left out for having few."""
        return f"{self.minimum_points} or fewer, extract.minimum_points"

    def __post_init__(self):
        _check("points", self.points, 64 <= self.points <= 32768, "64 to 32768")
        fine = 1 <= self.minimum_points < self.points
        _check("minimum_points", self.minimum_points, fine, "1 or more, below extract.points")
        _check("voxel", self.voxel, 0 <= self.voxel <= 0.2, "0 to 0.2 m")
        _check("stray_distance", self.stray_distance, self.stray_distance >= 0, "0 m or more")


def _check(key, value, fine, expected):
    if not fine:
        raise InputError("config", f'key "extract.{key}"', repr(value), expected)
