"""The output of every reader: the frames of one sequence, y up, and the skipped frames."""

from dataclasses import dataclass, field, replace

import numpy as np


@dataclass(frozen=True)
class Truth:
    """True body parameters of a frame in the source's y-up frame: pose (72,), betas (10,), transl (3,).

    joints: (24, 3) metres.
    """

    gender: str
    pose: np.ndarray
    betas: np.ndarray
    transl: np.ndarray
    joints: np.ndarray
    body_model: str


@dataclass(frozen=True)
class Frame:
    """One cleaned cloud, (K, 3) metres, y up, at most the table's number of points.

    view: the camera, if a moment has several clouds.
    sequence: of the frame, if a shard has several; empty for the reading's own.
    sensor: (3,) place of the sensor, in the frame of the points, if it is known.
    time: seconds since 1970 or since the recording began, if the source has times.
    parts: (K,) the part of the body that each point is on, 1 to 24 as SMPL's joints, if the source has it.
    """

    frame_id: str
    frame: int
    points: np.ndarray
    source: str
    truth: Truth | None = None
    view: int = 0
    sequence: str = ""
    parts: np.ndarray | None = None
    time: float | None = None
    sensor: np.ndarray | None = None


@dataclass
class Reading:
    """One sequence as read."""

    sequence: str
    frames: list[Frame] = field(default_factory=list)
    skipped: list[tuple[str, str, str]] = field(default_factory=list)
    """(frame_id, source, reason) of each frame that was left out."""
    notes: list[str] = field(default_factory=list)
    simulated: bool = False
    scene: dict[str, str | float] = field(default_factory=dict)
    """The scene that people were cut from: recording, root, up, unit."""

    def skip(self, frame_id: str, source: str, reason: str) -> None:
        """List a frame that cannot be used."""
        self.skipped.append((frame_id, source, reason))


def without_truth(frame: Frame) -> Frame:
    """The same frame without its true body."""
    return replace(frame, truth=None)


def frame_id(dataset: str, sequence: str, frame: int, view: int = 0) -> str:
    """The name of a frame throughout a run."""
    return f"{dataset}/{sequence}/{frame:06d}/{view}"
