"""Bring a cloud to the table's number of points: subsample larger clouds, pad smaller ones.

Each frame's own id seeds its draw, so a frame gets the same points in any shard, order or run.
"""

import hashlib

import numpy as np


def frame_generator(frame_id: str) -> np.random.Generator:
    """A numpy Generator that depends only on the frame's id."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256(frame_id.encode()).digest()[:8], "little"))


def subsample(points: np.ndarray, count: int, method: str, frame_id: str) -> np.ndarray:
    """At most ``count`` of the points.

    Args:
        points: (K, 3) float, metres.
        count: how many to keep.
        method: ``random``; ``farthest`` (each next point is the farthest from those kept); ``voxel`` (means
            over the cells of the finest grid that has few enough).
        frame_id: seeds the draw.

    Returns:
        (min(K, count), 3) float, or with ``voxel`` possibly a few points fewer.
    """
    if len(points) <= count:
        return points
    rng = frame_generator(frame_id)
    if method == "random":
        return points[np.sort(rng.choice(len(points), count, replace=False))]
    if method == "farthest":
        return points[farthest_points(points, count, int(rng.integers(len(points))))]
    return _finest_voxels(points, count)


def farthest_points(points: np.ndarray, count: int, first: int) -> np.ndarray:
    """Indices (count,) of points that lie far from each other, ``first`` first; (K, 3) with K ≥ count.

    Source: Gonzalez, "Clustering to minimize the maximum intercluster distance", 1985.
    """
    chosen = np.empty(count, np.int64)
    distance = np.full(len(points), np.inf)
    for place in range(count):
        chosen[place] = first
        distance = np.minimum(distance, ((points - points[first]) ** 2).sum(axis=1))
        first = int(distance.argmax())
    return chosen


def voxel_means(points: np.ndarray, edge: float) -> np.ndarray:
    """Mean of the points in each occupied cell of a grid anchored at the world's origin.

    Args:
        points: (K, 3) float, metres; edge: cell size, metres, > 0.

    Returns:
        (C, 3) in the points' type, C ≤ K, ordered by cell.
    """
    return voxel_cells(points, edge)[0]


def voxel_cells(points: np.ndarray, edge: float) -> tuple[np.ndarray, np.ndarray]:
    """As ``voxel_means``, and how many points each cell holds, (C,) int."""
    if not len(points):
        return points, np.zeros(0, np.int64)
    cells = np.floor(points.astype(np.float64) / edge).astype(np.int64)
    cells -= cells.min(axis=0)
    span = [int(length) + 1 for length in cells.max(axis=0)]
    if span[0] * span[1] * span[2] < 2**62:
        # One number per cell, in the order of its coordinates: it sorts ten times as fast.
        _, cell, size = np.unique(
            (cells[:, 0] * span[1] + cells[:, 1]) * span[2] + cells[:, 2],
            return_inverse=True,
            return_counts=True,
        )
    else:
        _, cell, size = np.unique(cells, axis=0, return_inverse=True, return_counts=True)
    cell = cell.reshape(-1)
    sums = [np.bincount(cell, weights=column, minlength=len(size)) for column in points.T.astype(np.float64)]
    return (np.stack(sums, axis=1) / size[:, None]).astype(points.dtype), size


def _finest_voxels(points: np.ndarray, count: int) -> np.ndarray:
    """Voxel means with the smallest edge, to about 1 %, that leaves at most ``count``."""
    low, high = 0.0, float(np.ptp(points, axis=0).max()) * 2 + 1e-6
    while high - low > 0.01 * high:
        middle = (low + high) / 2
        if len(voxel_means(points, middle)) > count:
            low = middle
        else:
            high = middle
    means = voxel_means(points, high)
    return means if len(means) <= count else means[:count]


def centre_and_pad(points: np.ndarray, count: int) -> tuple[np.ndarray, int, np.ndarray]:
    """One row of the points table.

    Args:
        points: (K, 3) float, metres, 1 ≤ K ≤ count.

    Returns:
        points (count, 3) float32 about their mean with zero rows behind, K, and the mean (3,) float64. It is
        subtracted before anything is rounded: at 5,000 km, float32 numbers are half a metre apart.
    """
    offset = points.astype(np.float64).mean(axis=0)
    padded = np.zeros((count, 3), np.float32)
    padded[: len(points)] = points.astype(np.float64) - offset
    return padded, len(points), offset
