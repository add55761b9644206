"""The static background of a recording: from one without people, or from the recording itself. Metres, y
up."""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.spatial import cKDTree

NEAR, SLOPE = 0.08, 0.004
"""Metres from the background within which points belong to it, and the growth per metre from the sensor."""
VOXEL = 0.15
"""Metres: edge of the cells that are compared between frames."""
STILL = 0.7
"""Share of the frames in which a cell of the background has points."""
LEAST_FRAMES, MOST_FRAMES = 20, 40
"""Smallest number of frames that determine a background; largest number that is used."""


class Background:
    """The points of the background."""

    def __init__(self, points: np.ndarray) -> None:
        """The background from the points (K, 3) of a scene without people."""
        cell = np.floor(points / 0.04).astype(np.int64)
        _, first = np.unique(cell, axis=0, return_index=True)
        self.points = points[first]
        self._tree = cKDTree(self.points)

    def covers(self, points: np.ndarray) -> np.ndarray:
        """Which of the points (K, 3) belong to the background."""
        away = np.linalg.norm(points, axis=1)
        limit = NEAR + SLOPE * np.minimum(away, 50.0)
        distance, _ = self._tree.query(points, distance_upper_bound=float(limit.max()) + 1e-9)
        return distance < limit


def background_of(
    frames: Sequence[np.ndarray], people_of: Callable[[np.ndarray], np.ndarray]
) -> Background | None:
    """The static points in some frames of a recording, None if there are too few frames or no such points.

    Args:
        frames: clouds (K, 3), spread over the recording.
        people_of: function of the still points (K, 3) that returns those (k, 3) of people who stand still.
    """
    if len(frames) < LEAST_FRAMES:
        return None
    cells = [np.unique(_keys(points)) for points in frames]
    known, times = np.unique(np.concatenate(cells), return_counts=True)
    still = known[times >= STILL * len(frames)]
    if not len(still):
        return None
    picked = [frames[number] for number in (0, len(frames) // 2, len(frames) - 1)]
    points = np.concatenate([cloud[np.isin(_keys(cloud), still)] for cloud in picked])
    people = people_of(picked[1][np.isin(_keys(picked[1]), still)])
    if len(people):
        points = points[cKDTree(people).query(points, distance_upper_bound=2 * VOXEL)[0] > 2 * VOXEL]
    return Background(points) if len(points) else None


def _keys(points: np.ndarray) -> np.ndarray:
    """A number for each point's cell."""
    cell = np.floor(points / VOXEL).astype(np.int64) + 2**19
    return (cell[:, 0] << 42) | (cell[:, 1] << 21) | cell[:, 2]
