"""The ground of a scene: a level plane first, then its unevenness on a grid. Metres, y up.

A LiDAR sees the ground as rings with gaps; a camera sees a patch of it, tilted like the
camera. Both are rotated so that the plane is level. Gaps of the grid are filled from their neighbours.
"""

from typing import NamedTuple

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter, grey_closing, grey_opening

CELL = 0.5
"""Metres: edge of the grid's cells."""
TRIALS = 300
STEEPEST = np.cos(np.radians(30.0))
"""Smallest cosine between the ground's normal and the up axis."""
NEAR_PLANE = 0.12
"""Metres from the plane within which a cell's lowest point supports it."""
BELOW = 0.4
"""Metres under the plane: points deeper than this, plus the slope ``FALL``, are false readings."""
FALL = 0.12
BUMP = 0.15
"""Metres. Cells higher than this above their surroundings are not ground."""
LEAST_CELLS = 12
"""Smallest number of cells that support a ground plane."""
FARTHEST = 60.0
"""Metres around the scene's middle in which the ground and the people are searched."""


AHEAD = 0.15
"""Largest distance of the sensor from the scene, as a share of the scene's size."""


class Ground(NamedTuple):
    """Heights of the ground on a grid of cells, after a rotation that levels it.

    Attributes:
        turn: (3, 3) rotation, the scene's axes (y up) → level ones. corner: (2,) metres, x and z of the
            grid's first cell. heights: (R, C) metres. support: number of cells that show the plane; 0: none
            was found, and the lowest points replace it.
    """

    turn: np.ndarray
    corner: np.ndarray
    heights: np.ndarray
    support: int

    def above(self, points: np.ndarray) -> np.ndarray:
        """Heights (K,) of level points (K, 3) over the ground, metres."""
        place = (points[:, [0, 2]] - self.corner) / CELL - 0.5
        last = np.array(self.heights.shape) - 1
        place = np.clip(place, 0, last)
        cell = np.minimum(place.astype(np.int64), np.maximum(last - 1, 0))
        share = place - cell
        row, column = cell.T
        next_row, next_column = np.minimum(cell + 1, last).T
        low = (1 - share[:, 1]) * self.heights[row, column] + share[:, 1] * self.heights[row, next_column]
        high = (1 - share[:, 1]) * self.heights[next_row, column] + share[:, 1] * self.heights[
            next_row, next_column
        ]
        return points[:, 1] - ((1 - share[:, 0]) * low + share[:, 0] * high)


def find_ground(points: np.ndarray, seed: int = 0) -> Ground:
    """The ground under a scene.

    Args:
        points: (K, 3) float, metres, y roughly up, finite, K ≥ 1.

    Returns:
        A ``Ground``; without a level plane, one through the lowest points.
    """
    near = points[np.abs(points - middle_of(points))[:, [0, 2]].max(axis=1) < FARTHEST]
    plane, support = _level_plane(near, seed)
    if plane is None:
        floor = np.full((1, 1), np.percentile(near[:, 1], 0.5))
        return Ground(np.eye(3), near[:, [0, 2]].min(axis=0), floor, 0)
    turn = _levelling(plane[:3])
    level = near @ turn.T
    over = level[:, 1] + plane[3]  # The plane's normal is y now.
    away = np.linalg.norm(level[:, [0, 2]] - np.median(level[:, [0, 2]], axis=0), axis=1)
    level = level[over > -(BELOW + FALL * away)]
    corner = np.floor(level[:, [0, 2]].min(axis=0) / CELL) * CELL
    lowest, filled = _lowest_of_cells(level, corner)
    heights = lowest + plane[3]
    # Pits of a cell or two are false readings; bumps are what stands on the ground: small ones of any height,
    # then larger ones such as cars, which are higher.
    heights = grey_closing(heights, 3, mode="nearest")
    for size, bump in ((3, BUMP), (7, BUMP), (15, 2 * BUMP)):
        opened = grey_opening(heights, size, mode="nearest")
        ground = heights - opened < bump
        heights = np.where(ground, heights, opened)
        filled &= ground
    gap = distance_transform_edt(~filled, return_distances=False, return_indices=True)
    heights = gaussian_filter(heights[tuple(gap)] if filled.any() else heights, 0.7, mode="nearest")
    return Ground(turn, corner, heights - plane[3], support)


def middle_of(points: np.ndarray) -> np.ndarray:
    """The position of the sensor, else the middle of the scene: (3,).

    Most recordings have their sensor at the origin. The origin is then inside the scene, or a
    little outside if the sensor sees only forward.
    """
    low, high = np.percentile(points, [1, 99], axis=0)
    margin = 3.0 + AHEAD * np.ptp([low, high], axis=0).max()
    inside = ((low - margin < 0) & (high + margin > 0)).all()
    return np.zeros(3) if inside else np.median(points, axis=0)


def _level_plane(points: np.ndarray, seed: int) -> tuple[np.ndarray | None, int]:
    """The plane (a, b, c, d), normal up, under most of the scene, and how many cells show it; (None, 0)."""
    corner = np.floor(points[:, [0, 2]].min(axis=0) / CELL) * CELL
    cell = np.floor((points[:, [0, 2]] - corner) / CELL).astype(np.int64)
    key = cell[:, 0] * (cell[:, 1].max() + 1) + cell[:, 1]
    order = np.lexsort((points[:, 1], key))
    first = np.r_[True, np.diff(key[order]) != 0]
    # The lowest points of cells with several points: a single point is often a false reading.
    size = np.diff(np.r_[np.flatnonzero(first), len(order)])
    low = points[order[first]][size >= 3]
    if len(low) < LEAST_CELLS:
        return None, 0
    rng = np.random.default_rng(seed)
    away = np.linalg.norm(low[:, [0, 2]] - middle_of(points)[[0, 2]], axis=1)
    weight = 1 / (5 + away)
    three = low[rng.choice(len(low), (TRIALS, 3), p=weight / weight.sum())]
    normal = np.cross(three[:, 1] - three[:, 0], three[:, 2] - three[:, 0])
    length = np.linalg.norm(normal, axis=1)
    normal = normal / np.maximum(length, 1e-9)[:, None] * np.sign(normal[:, 1:2] + 1e-12)
    level = (length > 0.5) & (normal[:, 1] > STEEPEST)
    normal, offset = normal[level], -(normal[level] * three[level, 0]).sum(axis=1)
    if not len(normal):
        return None, 0
    over = low @ normal.T + offset
    tolerance = NEAR_PLANE * (1 + away / 20)[:, None]
    near, below = np.abs(over) < tolerance, over < -3 * tolerance
    score = (weight[:, None] * (near - 2.0 * below)).sum(axis=0)
    best = int(score.argmax())
    inside = near[:, best]
    if inside.sum() < LEAST_CELLS or score[best] <= 0:
        return None, 0
    for _ in range(2):  # least squares over the supporting cells
        centre = low[inside].mean(axis=0)
        normal = np.linalg.svd(low[inside] - centre, full_matrices=False)[2][2]
        normal = normal * np.sign(normal[1] or 1.0)
        inside = np.abs((low - centre) @ normal) < tolerance[:, 0]
        if inside.sum() < LEAST_CELLS or normal[1] < STEEPEST:
            return None, 0
    return np.r_[normal, -normal @ centre], int(inside.sum())


def _levelling(normal: np.ndarray) -> np.ndarray:
    """The smallest rotation (3, 3) of a unit vector to +y."""
    axis = np.cross(normal, [0.0, 1.0, 0.0])
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.eye(3) + cross + cross @ cross / (1 + normal[1])


def _lowest_of_cells(points: np.ndarray, corner: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest height in each cell (R, C), empty ones filled from the nearest; and which were not empty."""
    cell = np.floor((points[:, [0, 2]] - corner) / CELL).astype(np.int64)
    lowest = np.full(cell.max(axis=0) + 1, np.inf)
    np.minimum.at(lowest, tuple(cell.T), points[:, 1])
    filled = np.isfinite(lowest)
    nearest = distance_transform_edt(~filled, return_distances=False, return_indices=True)
    return lowest[tuple(nearest)], filled
