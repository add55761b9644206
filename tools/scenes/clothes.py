"""Simulated clothes, hair and bags of people in scenes: sensors rarely see skin. Metres, y up."""

import numpy as np
from scipy.sparse import csr_matrix

from sshmr.body.model import BodyModel
from sshmr.capture.props import Mesh, box
from tools.scenes.things import cylinder, ellipsoid

PARTS = {
    "legs": (1, 2, 4, 5), "trunk": (0, 3, 6, 9, 13, 14), "arms": (16, 17, 18, 19), "head": (12, 15),
}  # fmt: skip
"""Joints whose skin each garment covers; hands and feet stay bare."""
THICKEST = {"legs": 0.06, "trunk": 0.08, "arms": 0.04, "head": 0.04}
"""Metres: the loosest garments."""


def dressed(
    vertices: np.ndarray, body: BodyModel, heading: np.ndarray, upright: bool, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A person with clothes, and sometimes a coat and bags.

    Args:
        vertices: (T, V, 3) of the skin. heading: (T,) radians about the vertical.
        upright: standing or walking. Other people have no coat and no bags.

    Returns:
        (T, V + k, 3) vertices and (F, 3) faces.
    """
    faces = body.faces.numpy()
    joint = body.weights.argmax(dim=1).numpy()
    rest = body.v_template.numpy()
    offset = np.zeros(len(rest))
    for name, joints in PARTS.items():
        waves = rng.normal(0, 6.0, (3, 3))
        folds = np.sin(rest @ waves.T + rng.uniform(0, 6.3, 3)).mean(axis=1)
        offset += np.isin(joint, joints) * rng.beta(1.2, 2.5) * THICKEST[name] * (1 + 0.6 * folds)
    offset = _smooth(offset, faces)
    clothed = vertices + offset[:, None] * _normals(vertices, faces)
    parts, numbers = [clothed], [faces]
    for part, joints in _extras(rng) if upright else ():
        place = vertices[:, np.isin(joint, joints)].mean(axis=1)
        turned = _turned(part[0], heading) + place[:, None]
        numbers.append(part[1] + sum(some.shape[1] for some in parts))
        parts.append(turned)
    return np.concatenate(parts, axis=1), np.concatenate(numbers)


def _extras(rng: np.random.Generator) -> list[tuple[Mesh, tuple[int, ...]]]:
    """Garments and bags, each with its joints; +z is ahead."""
    extras: list[tuple[Mesh, tuple[int, ...]]] = []
    if rng.random() < 0.12:
        long, wide = rng.uniform(0.3, 0.6), rng.uniform(0.22, 0.3)
        coat = cylinder((0, -long, 0), wide, long, rng.uniform(0.15, 0.2))
        extras.append(((coat[0] * [1, 1, 0.75], coat[1]), (0, 1, 2)))
    if rng.random() < 0.15:
        size = rng.uniform((0.13, 0.2, 0.07), (0.2, 0.3, 0.14))
        extras.append((ellipsoid((0, 0.05, -0.12 - size[2]), tuple(size), 6), (6, 9)))
    if rng.random() < 0.15:
        size = rng.uniform((0.08, 0.2, 0.2), (0.2, 0.4, 0.45))
        extras.append((box((0, -size[1] - 0.05, 0), size), (int(rng.choice([20, 21])),)))
    return extras


def _normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Unit normals (T, V, 3), outward."""
    first, second, third = (vertices[:, faces[:, i]] for i in range(3))
    normal = np.cross(second - first, third - first)
    corner = np.tile(np.arange(len(faces)), 3)
    meeting = csr_matrix((np.ones(len(corner)), (faces.T.ravel(), corner)), (vertices.shape[1], len(faces)))
    total = np.stack([meeting @ one for one in normal])
    return total / np.maximum(np.linalg.norm(total, axis=-1, keepdims=True), 1e-12)


def _smooth(values: np.ndarray, faces: np.ndarray, rounds: int = 4) -> np.ndarray:
    """Values (V,) averaged over the neighbours, so that hems slope."""
    ends = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    count = np.bincount(ends[:, 0], minlength=len(values))
    for _ in range(rounds):
        around = np.bincount(ends[:, 0], values[ends[:, 1]], minlength=len(values))
        values = (values + around / np.maximum(count, 1)) / 2
    return values


def _turned(vertices: np.ndarray, heading: np.ndarray) -> np.ndarray:
    """(T, K, 3): vertices turned about the vertical by each of (T,) headings."""
    cosine, sine = np.cos(heading)[:, None], np.sin(heading)[:, None]
    x, y, z = vertices.T
    up = np.broadcast_to(y, (len(heading), len(y)))
    return np.stack([cosine * x + sine * z, up, cosine * z - sine * x], axis=-1)
