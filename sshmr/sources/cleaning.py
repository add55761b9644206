"""Remove points that do not belong to the person."""

from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from sshmr.config.extract import ExtractConfig
from sshmr.geometry.open3d_import import open3d
from sshmr.sources.sampling import voxel_means

FARTHEST = 1e10
LARGEST_SPAN = 3.0
"""Metres: the largest extent of a person along any axis."""
FRAGMENT = 0.02
"""Largest share of a person's points that a separate piece of noise has."""
GROUND_SEARCH = (0.08, 0.25)
GROUND_POINTS = 30
GROUND_CELL, GROUND_CELLS = 0.1, 25
"""Smallest number of 10 cm squares with ground and nothing above it. Lying limbs fill fewer."""
RING_HIGHEST, RING_BODY, RING_APART = 0.25, 0.10, 0.12
"""Metres: ground is lower than the first. The third away from all above the second there are no feet."""
RING_POINTS, RING_SPREAD, RING_ACROSS = 8, 0.5, 0.12
"""Smallest number of ground points beside a person, their extent, and the spread that determines a slope,
metres."""
STEEPEST = np.tan(np.radians(15))
LEVEL = np.cos(np.radians(15))
PLANES, PLANE_TRIALS, PLANE_POINTS = 3, 1000, 5000


def finite(points: np.ndarray) -> np.ndarray:
    """The rows of (K, 3) without NaN, infinity and numbers too large for any place on Earth."""
    return points[(np.abs(points) < FARTHEST).all(axis=1)]


def clean_person(points: np.ndarray, settings: ExtractConfig) -> np.ndarray:
    """A person's points on the voxel grid, without strays.

    Args:
        points: (K, 3) metres, finite; settings: an ``ExtractConfig``.

    Raises:
        ValueError: with the reason why the frame cannot be used.
    """
    if settings.voxel and len(points):
        points = voxel_means(points, settings.voxel)
    if len(points) <= settings.minimum_points:
        raise ValueError(f"it has {len(points)} points, {settings.too_few}")
    points = without_strays(points, settings.stray_distance)
    if len(points) <= settings.minimum_points // 2:
        raise ValueError(f"it has {len(points)} points without strays")
    span = np.ptp(points, axis=0).max()
    if span > LARGEST_SPAN:
        raise ValueError(f"it spans {span:.1f} m, more than a person's {LARGEST_SPAN:g} m")
    return points


def without_strays(points: np.ndarray, distance: float, spacings: float = 0.0) -> np.ndarray:
    """The points (K, 3) that have another point nearer than ``distance`` metres; all if it is 0.

    In sparse clouds the distance is ``spacings`` times the median distance to the nearest point, if that is
    larger.
    """
    if distance == 0 or len(points) < 2:
        return points
    nearest = np.asarray(_cloud(points).compute_nearest_neighbor_distance())
    return points[nearest <= max(distance, spacings * np.median(nearest))]


def without_fragments(points: np.ndarray, farthest: float) -> np.ndarray:
    """The points (K, 3) of the largest piece, and of each other one with more than ``FRAGMENT`` of them.

    The points of a piece are connected by steps a little longer than the cloud's spacing, and at most
    ``farthest`` metres. Arms and legs may be separate pieces. The rest of the
    ground and flying points are smaller pieces.
    """
    if farthest == 0 or len(points) < 6:
        return points
    tree = cKDTree(points)
    spacing = np.median(tree.query(points, k=6)[0][:, 5])
    pairs = tree.query_pairs(min(2.5 * spacing, farthest), output_type="ndarray")
    links = coo_array((np.ones(len(pairs)), pairs.T), shape=(len(points), len(points)))
    _, piece = connected_components(links, directed=False)
    size = np.bincount(piece)
    return points[(size > FRAGMENT * len(points))[piece] | (piece == size.argmax())]


def ground_height(points: np.ndarray, thickness: float) -> np.ndarray | None:
    """Find a level ground at the feet.

    Args:
        points: (K, 3) metres, y up.
        thickness: how far from the plane a point belongs to it, metres.

    Returns:
        (K,) height of each point over the ground plane, metres; None where there is no clear one: level to
        15°, with almost no points below it, and wider than the person on it.
    """
    # The lowest centimetres contain mostly a level ground. A slope needs more of them.
    for depth in GROUND_SEARCH:
        over = _plane_below(points, depth, thickness)
        if over is not None:
            return over
    return None


def ring_heights(points: np.ndarray, thickness: float) -> np.ndarray | None:
    """Find the ground under a person from low points beside them, such as a few rings of a LiDAR.

    Args:
        points: (K, 3) metres, y up.
        thickness: how far from the ground a point still belongs to it, metres.

    Returns:
        (K,) height of each point over the ground, metres, 0 for low points beside the person; None
        if there are too few, or too close together.
    """
    height = points[:, 1] - np.percentile(points[:, 1], 1)
    low = height < RING_HIGHEST
    if low.all():
        return None
    higher = cKDTree(points[height > RING_BODY][:, [0, 2]])
    beside = low & (higher.query(points[:, [0, 2]])[0] > RING_APART)
    if beside.sum() < RING_POINTS or np.ptp(points[beside][:, [0, 2]], axis=0).max() < RING_SPREAD:
        return None
    over = _over_ground(points, points[beside], thickness)
    over[beside & (over < RING_BODY)] = 0.0
    return over


def _over_ground(points: np.ndarray, ground: np.ndarray, thickness: float) -> np.ndarray:
    """Heights of points (K, 3) over the plane through most of ``ground`` (G, 3).

    It is level along directions in which the ground is too narrow to determine a slope, such as across a
    single ring.
    """
    level = np.median(ground[:, 1])
    best, most = points[:, 1] - level, 0
    for near in (ground[np.abs(ground[:, 1] - level) < 2 * thickness], ground):
        if len(near) < RING_POINTS:
            continue
        centre = near.mean(0)
        left, size, axes = np.linalg.svd((near - centre)[:, [0, 2]], full_matrices=False)
        known = size / len(near) ** 0.5 > RING_ACROSS
        slope = axes[known].T @ (left[:, known].T @ (near - centre)[:, 1] / size[known])
        normal = np.array([-slope[0], 1.0, -slope[1]])
        count = int(np.count_nonzero(np.abs((ground - centre) @ normal) < thickness))
        if np.linalg.norm(slope) < STEEPEST and count > most:
            best, most = (points - centre) @ normal, count
    return best


def _plane_below(points: np.ndarray, depth: float, thickness: float) -> np.ndarray | None:
    """As ``ground_height``, for a plane among the points of the lowest ``depth`` metres."""
    height = points[:, 1]
    low = points[height < np.percentile(height, 1) + depth]
    if len(low) < GROUND_POINTS:
        return None
    plane = _level_plane(low, 0.4 * thickness)
    if plane is None:
        return None
    over = points @ plane[:3] + plane[3]
    inside = np.abs(low @ plane[:3] + plane[3]) < 0.4 * thickness
    bare = _cells(low[inside]) - _cells(points[over > thickness])
    lowest = (over < -2 * thickness).mean() < 0.02
    return over if lowest and len(bare) >= GROUND_CELLS else None


def _level_plane(points: np.ndarray, distance: float) -> np.ndarray | None:
    """The plane (4,), normal up, that has the most points (K, 3) within ``distance``; None if none is level.

    Larger planes that are not level, such as a wall's foot, are removed one after the other.
    """
    thinned = _cloud(points).uniform_down_sample(-(-len(points) // PLANE_POINTS))
    points = np.asarray(thinned.points)
    for _ in range(PLANES):
        if len(points) < GROUND_POINTS:
            return None
        open3d().utility.random.seed(0)
        # A probability of 1 makes all trials. Stopping early would depend on the threads.
        plane, inside = _cloud(points).segment_plane(distance, 3, PLANE_TRIALS, probability=1.0)
        plane *= np.copysign(1.0, plane[1])
        if plane[1] > LEVEL:
            return plane
        points = np.delete(points, inside, axis=0)
    return None


def _cloud(points: np.ndarray) -> Any:
    """Points (K, 3) as Open3D's."""
    return open3d().geometry.PointCloud(open3d().utility.Vector3dVector(points))


def _cells(points: np.ndarray) -> set[tuple[int, int]]:
    """The squares of the ground that have points in or above them, as a set of pairs."""
    return set(map(tuple, np.unique(np.floor(points[:, [0, 2]] / GROUND_CELL).astype(int), axis=0)))
