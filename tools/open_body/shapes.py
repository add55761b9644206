"""A linear shape space: principal components of many T-posed bodies."""

import numpy as np

COMPONENTS = 10


def principal_shapes(vertices, faces):
    """Mean and principal components, scaled so that a coefficient of 1 is one standard deviation.

    Args:
        vertices: (n, V, 3) metres, T-pose. faces: (F, 3).

    Returns:
        mean (V, 3); components (V, 3, 10), the first taller and the others heavier when positive.
    """
    mean = vertices.mean(axis=0)
    flat = (vertices - mean).reshape(len(vertices), -1)
    _, vectors = np.linalg.eigh(flat @ flat.T)
    leading = vectors[:, ::-1][:, :COMPONENTS]
    # flatᵀ·u is a component times its singular value; over √n, times its standard deviation.
    components = (leading.T @ flat / np.sqrt(len(vertices))).reshape(COMPONENTS, *mean.shape)
    growth = [_stature(mean + components[0]) - _stature(mean - components[0])]
    growth += [_volume(mean + part, faces) - _volume(mean - part, faces) for part in components[1:]]
    signs = np.where(np.array(growth) < 0, -1.0, 1.0)
    return mean, np.moveaxis(components * signs[:, None, None], 0, -1)


def _stature(vertices):
    return np.ptp(vertices[:, 1])


def _volume(vertices, faces):
    a, b, c = vertices[faces].transpose(1, 0, 2)
    return np.einsum("fi,fi->", a, np.cross(b, c)) / 6
