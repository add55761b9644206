"""From a depth image and a mask to the person's points."""

import numpy as np
from scipy.spatial import cKDTree

from sshmr.config.extract import ExtractConfig
from sshmr.sources.behave.calibration import Camera
from sshmr.sources.behave.images import Mask
from sshmr.sources.cleaning import without_fragments
from sshmr.sources.sampling import frame_generator, subsample, voxel_cells

REACH = 1.3
"""Metres from the middle of a person's points to the farthest of them."""
SPARSE = 0.2
"""Cells with less than this share of the median number of points hold points that fly between two
surfaces."""
PUBLISHED_DRAWS, PUBLISHED_POINTS = (1200, 1800), 1024
PUBLISHED_NEIGHBOUR = 0.2


def unproject(depth: np.ndarray, mask: Mask, camera: Camera) -> np.ndarray:
    """The masked pixels' points in the world.

    Args:
        depth: (h, w) uint16 within the mask's box, millimetres, 0 for no reading.
        mask: a ``Mask``; camera: a ``Camera``.

    Returns:
        (K, 3) float32, metres: only pixels of the mask with a reading and a known ray.
    """
    seen = mask.pixels & (depth > 0)
    left, top, right, bottom = mask.box
    rays = np.ones((np.count_nonzero(seen), 3), np.float32)
    rays[:, :2] = camera.table[top:bottom, left:right][seen]
    z = depth[seen]
    known = np.isfinite(rays).all(axis=1)
    points = rays[known] * (z[known, None] * np.float32(0.001))
    return points @ camera.rotation.T.astype(np.float32) + camera.translation.astype(np.float32)


def robust_cleaning(points: np.ndarray, settings: ExtractConfig, frame_id: str) -> np.ndarray:
    """The connected points of one person: on the voxel grid, without small pieces, thinned.

    Args:
        points: (K, 3) metres; settings: an ``ExtractConfig``; frame_id: seeds the draw.

    Returns:
        (K', 3), K' ≤ ``settings.points``.
    """
    if not len(points):
        return points
    # The median, because points of the wall in the mask would move the mean.
    points = points[np.linalg.norm(points - np.median(points, axis=0), axis=1) < REACH]
    if settings.voxel and len(points):
        points, size = voxel_cells(points, settings.voxel)
        points = points[size >= SPARSE * np.median(size)]
    points = without_fragments(points, 2 * settings.stray_distance)
    return subsample(points, settings.points, settings.sampling, frame_id)


def published_cleaning(points: np.ndarray, settings: ExtractConfig, frame_id: str) -> np.ndarray:
    """The published selection: random points that are near to others and to the mean. Arguments as above."""
    rng = frame_generator(frame_id)
    kept = points[:0]
    for draws in PUBLISHED_DRAWS:
        drawn = points[rng.permutation(len(points))[:draws]]
        if len(drawn) > 5:
            fifth = cKDTree(drawn).query(drawn, k=6)[0][:, 5]
            centred = np.linalg.norm(drawn - drawn.mean(axis=0), axis=1) < REACH
            kept = drawn[(fifth < PUBLISHED_NEIGHBOUR) & centred]
        if len(kept) >= PUBLISHED_POINTS:
            break
    return kept[: min(PUBLISHED_POINTS, settings.points)]


CLEANING = {"robust": robust_cleaning, "published": published_cleaning}
