"""From the run's coordinate frame to that of the files: up axis, unit and position."""

import dataclasses
import json
from typing import Any

import numpy as np
import torch

from sshmr.config.extract import METRES
from sshmr.geometry.frames import turn_body
from sshmr.sources.cloud_axes import TO_Y_UP

FIXED_AXES = {"sloper4d": ("z", "m")}
"""Up axis and unit of the files of each source with fixed ones."""


@dataclasses.dataclass(frozen=True)
class Axes:
    """A coordinate frame of the output: ``up`` is one of x y z -x -y -z, ``unit`` one of m cm mm."""

    up: str = "y"
    unit: str = "m"

    def rotation(self) -> np.ndarray:
        """(3, 3): y up → this frame, the inverse of the reader's rotation."""
        return np.array(TO_Y_UP[self.up], float).T

    def points(self, points: np.ndarray) -> np.ndarray:
        """(..., 3) metres, y up → this frame and unit."""
        return points @ self.rotation().T / METRES[self.unit]

    def body(self, pose: np.ndarray, transl: np.ndarray, pelvis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rotate bodies: pose (F, 72), transl and pelvis (F, 3), metres, y up → pose and transl, metres."""
        parts = (torch.from_numpy(np.asarray(part, np.float64)) for part in (pose[:, :3], transl, pelvis))
        root, moved = turn_body(torch.from_numpy(self.rotation()), *parts)
        return np.concatenate([root.numpy(), pose[:, 3:]], axis=1), moved.numpy()


def axes_of_source(about: dict[str, Any]) -> Axes:
    """The frame of the files that a points table was read from, by the table's provenance."""
    if about.get("source") == "clouds":
        clouds = json.loads(about.get("settings", "{}")).get("clouds", {})
        return Axes(clouds.get("up", "y"), clouds.get("unit", "m"))
    return Axes(*FIXED_AXES.get(about.get("source", ""), ("y", "m")))
