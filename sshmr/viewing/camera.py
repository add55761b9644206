"""Where the sensor must have stood, as the cloud on the body tells."""

import numpy as np
from scipy.spatial import cKDTree

from sshmr.geometry.normals import vertex_normals


def side_seen(vertices: np.ndarray, faces: np.ndarray, cloud: np.ndarray) -> np.ndarray:
    """Which way the skin faces that the points lie on, on average: (V, 3), (F, 3), (N, 3) → (3,).

    Longest where a cloud was seen from one side, near zero where it was seen from all around.
    """
    _, nearest = cKDTree(vertices).query(cloud)
    mean: np.ndarray = vertex_normals(vertices, faces)[nearest].mean(axis=0)
    return mean


def azimuth_of(direction: np.ndarray) -> float:
    """Radians about y of a direction: 0 is +z, π/2 is +x."""
    return float(np.arctan2(direction[0], direction[2]))
