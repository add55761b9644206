"""Estimate the direction of the sensor from the points on the body."""

import numpy as np
from scipy.spatial import cKDTree

from sshmr.geometry.normals import vertex_normals


def side_seen(vertices: np.ndarray, faces: np.ndarray, cloud: np.ndarray) -> np.ndarray:
    """Mean normal of the skin at the points: (V, 3), (F, 3), (N, 3) → (3,).

    It is longest if a cloud was seen from one side, and near zero if it was seen from all sides.
    """
    _, nearest = cKDTree(vertices).query(cloud)
    mean: np.ndarray = vertex_normals(vertices, faces)[nearest].mean(axis=0)
    return mean


def azimuth_of(direction: np.ndarray) -> float:
    """Radians about y of a direction: 0 is +z, π/2 is +x."""
    return float(np.arctan2(direction[0], direction[2]))
