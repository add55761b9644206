"""The measures, one function each: from arrays to one number per frame.

Lengths keep their unit (metres); the tables convert them to millimetres. docs/measures.md
has the formulas. All functions use numpy, for one frame or for a batch of F frames.
"""

import numpy as np
from scipy.spatial import cKDTree

from sshmr.body.model import MIRROR_JOINTS
from sshmr.geometry.raycast import Surface

# Distance from the skin in metres at which rays of the penetration test start, so that they miss their own
# face.
RAY_START = 1e-4


def joint_errors(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Distance of each joint or vertex to its true position, (F, J, 3), (F, J, 3) -> (F, J)."""
    return np.linalg.norm(predicted - true, axis=-1)


def mpjpe(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Mean per-joint position error without any alignment, (F, J, 3), (F, J, 3) -> (F,)."""
    return joint_errors(predicted, true).mean(axis=-1)


def visible_mpjpe(errors: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """Mean of the errors (F, 24) of the joints whose ``visible`` (F, 24) is 1 -> (F,), NaN where none is."""
    chosen = visible == 1
    return np.where(chosen, errors, 0).sum(axis=1) / np.where(chosen.any(axis=1), chosen.sum(axis=1), np.nan)


def mpvpe(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Mean per-vertex position error without any alignment, (F, V, 3), (F, V, 3) -> (F,)."""
    return joint_errors(predicted, true).mean(axis=-1)


def flip_tolerant_mpjpe(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """The better of MPJPE and MPJPE with the predicted left and right exchanged, (F, 24, 3) twice -> (F,)."""
    return np.minimum(mpjpe(predicted, true), mpjpe(predicted[:, list(MIRROR_JOINTS)], true))


def procrustes(moving: np.ndarray, fixed: np.ndarray) -> np.ndarray:
    """Align point sets with others by the similarity (rotation, uniform scale, translation) of least squared
    error.

    Args:
        moving: (F, J, 3) float.
        fixed: (F, J, 3) float.

    Returns:
        (F, J, 3) float64, ``moving`` aligned. Mirroring is not allowed.

    Source: Umeyama, "Least-squares estimation of transformation parameters between two point patterns",
    TPAMI 1991.
    """
    moving, fixed = moving.astype(np.float64), fixed.astype(np.float64)
    moving_mean, fixed_mean = moving.mean(axis=1, keepdims=True), fixed.mean(axis=1, keepdims=True)
    centred, target = moving - moving_mean, fixed - fixed_mean
    u, singular, vt = np.linalg.svd(centred.transpose(0, 2, 1) @ target)
    signs = np.ones_like(singular)
    signs[:, -1] = np.sign(np.linalg.det(u) * np.linalg.det(vt))
    rotation = (u * signs[:, None, :]) @ vt
    spread = (centred**2).sum(axis=(1, 2))
    scale = (singular * signs).sum(axis=1) / np.maximum(spread, np.finfo(np.float64).tiny)
    return scale[:, None, None] * (centred @ rotation) + fixed_mean


def pa_joint_errors(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """``joint_errors`` after similarity Procrustes of each frame, (F, J, 3), (F, J, 3) -> (F, J)."""
    return joint_errors(procrustes(predicted, true), true)


def pa_mpjpe(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """MPJPE after similarity Procrustes of each frame, (F, J, 3), (F, J, 3) -> (F,)."""
    return pa_joint_errors(predicted, true).mean(axis=-1)


def flipped(predicted_root: np.ndarray, true_root: np.ndarray, angle: float) -> np.ndarray:
    """Whether the root is more than ``angle`` degrees off, rotmats (F, 3, 3) twice -> (F,) bool."""
    cosine = (np.einsum("fij,fij->f", predicted_root, true_root) - 1) / 2
    return cosine < np.cos(np.radians(angle))


def nearest_vertices(points: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """Number of the vertex nearest to each point, (N, 3), (V, 3) -> (N,) int."""
    return cKDTree(vertices).query(points)[1]


def correspondence_error(predicted: np.ndarray, true: np.ndarray, true_vertices: np.ndarray) -> float:
    """Mean distance, on the true mesh, between the vertex a point is assigned to and the one it belongs to.

    Args:
        predicted: (N,) int, vertex numbers of the points.
        true: (N,) int, true vertex numbers of the points.
        true_vertices: (V, 3) float, the true mesh.
    """
    return float(np.linalg.norm(true_vertices[predicted] - true_vertices[true], axis=-1).mean())


def point_to_surface(points: np.ndarray, surface: Surface) -> tuple[float, float]:
    """Mean (one-sided chamfer, input to mesh) and median (residual) distance of points (N, 3) to a mesh."""
    distances = surface.distances(points)
    return float(distances.mean()), float(np.median(distances))


def penetration(samples: np.ndarray, normals: np.ndarray, surface: Surface, depth: float) -> float:
    """Share of the skin that lies inside another part of the body.

    A ray leaves each skin sample along its normal. On a body without self-penetration, it crosses the
    skin an even number of times; an odd number means that the sample is inside another part. Its depth is
    the distance along the inward normal to the next skin. Only samples deeper than ``depth``
    count, because the skin of a bent joint always folds a little.

    Args:
        samples: (S, 3) float, metres, spread evenly over the skin.
        normals: (S, 3) float, unit, outwards.
        surface: the closed mesh.
        depth: metres.
    """
    inside = surface.crossings(samples + RAY_START * normals, normals) % 2 == 1
    below = surface.cast(samples - RAY_START * normals, -normals)[0]
    return float(np.mean(inside & (below > depth)))
