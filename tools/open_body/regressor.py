"""Joints as non-negative combinations of skin vertices, so that they follow the skin from shape to shape."""

import numpy as np
from scipy.optimize import nnls

from sshmr.body.model import MIRROR_JOINTS

CANDIDATES = 500
"""A joint is made of some of this many vertices nearest to it."""
SUM_WEIGHT = 10.0
"""Metres by which a sum of coefficients of 2 instead of 1 is held to be wrong."""


def fit_regressor(vertices, joints, counterpart):
    """Non-negative least squares for each joint, symmetric, rows sum to 1.

    Args:
        vertices: (n, V, 3) metres, n shapes. joints: (n, 24, 3) metres. counterpart: (V,) mirror images.

    Returns:
        (24, V) float64.
    """
    regressor = np.zeros((joints.shape[1], vertices.shape[1]))
    mean_vertices, mean_joints = vertices.mean(0), joints.mean(0)
    for joint, mirror in enumerate(MIRROR_JOINTS):
        if mirror < joint:
            regressor[joint] = regressor[mirror][counterpart]
            continue
        distance = np.linalg.norm(mean_vertices - mean_joints[joint], axis=1)
        near = np.argsort(distance, kind="stable")[:CANDIDATES]
        if mirror == joint:
            near = np.union1d(near, counterpart[near])
        # Relative to the mean shape's joint, so that large coordinates do not outweigh the row for the sum.
        centre = mean_joints[joint]
        matrix = (vertices[:, near] - centre).transpose(0, 2, 1).reshape(-1, len(near))
        wanted = (joints[:, joint] - centre).reshape(-1)
        scale = SUM_WEIGHT * np.sqrt(len(vertices))
        matrix = np.concatenate([matrix, np.full((1, len(near)), scale)])
        wanted = np.append(wanted, scale)
        # The triangular factor has the same least-squares solution and far fewer rows.
        orthogonal, triangular = np.linalg.qr(matrix)
        row = np.zeros(vertices.shape[1])
        row[near] = nnls(triangular, orthogonal.T @ wanted, maxiter=50 * len(near))[0]
        if mirror == joint:
            row = (row + row[counterpart]) / 2
        regressor[joint] = row / row.sum()
    return regressor
