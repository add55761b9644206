"""The mesh of the body: symmetric, with SMPL's counts, each vertex made from source vertices."""

import dataclasses

import numpy as np
from scipy.sparse import csr_matrix, vstack

from sshmr.body.model import MIRROR_JOINTS
from tools.open_body.decimate import decimate_half
from tools.open_body.landmarks import left_landmarks, vertex_order
from tools.open_body.rig import joint_weights
from tools.open_body.skin import MIRROR, half_skin, mirrored_closed_mesh

VERTICES = 6890
LEAST_WEIGHT = 0.005
"""Skinning weights below this are dropped."""


@dataclasses.dataclass(frozen=True, eq=False)
class BodyMesh:
    """A symmetric, closed mesh whose vertices are source vertices.

    Attributes:
        mixing: (V, source) sparse, makes each vertex from source vertices.
        mirror_mixing: (V, source) sparse, makes each vertex's mirror image.
        faces: (F, 3), outward.
        weights: (V, 24), rows sum to 1.
        counterpart: (V,) index of each vertex's mirror image.
    """

    mixing: csr_matrix
    mirror_mixing: csr_matrix
    faces: np.ndarray
    weights: np.ndarray
    counterpart: np.ndarray

    def vertices(self, source_points):
        """Transfer points or displacements to the mesh, made symmetric: (…, source, 3) → (…, V, 3)."""
        flat = np.moveaxis(source_points, -2, 0).reshape(source_points.shape[-2], -1)
        shape = (len(self.counterpart), *source_points.shape[:-2], 3)
        own = (self.mixing @ flat).reshape(shape)
        mirrored = (self.mirror_mixing @ flat).reshape(shape) * MIRROR
        return np.moveaxis((own + mirrored) / 2, 0, -2)


def build_mesh(source):
    """Skin, decimate, mirror and number the body."""
    standard = source.template + np.tensordot(source.standard_coefficients()[0], source.targets, axes=1)
    half = half_skin(standard, source.faces, source.cavity)
    vertices = (half.mixing @ standard + half.mirror_mixing @ standard * MIRROR) / 2
    bone_weights = half.mixing @ source.weights
    weights = joint_weights(bone_weights, source.bones)
    landmarks = left_landmarks(vertices, bone_weights, source.bones, half.on_midline, half.eye)
    locked = np.zeros(len(vertices), dtype=bool)
    locked[list(landmarks.values())] = True
    kept, faces = decimate_half(vertices, half.faces, weights, half.on_midline, locked, VERTICES)

    on_midline = half.on_midline[kept]
    faces, counterpart = mirrored_closed_mesh(faces, on_midline)
    left = {name: int(np.searchsorted(kept, vertex)) for name, vertex in landmarks.items()}
    order = vertex_order(left, counterpart)
    rank = np.argsort(order)
    own = np.concatenate([kept, kept[~on_midline]])[order]
    on_right = order >= len(kept)
    both, mirrored = vstack([half.mixing, half.mirror_mixing]).tocsr(), own + len(vertices)
    weights = _pruned(weights[own])
    weights[on_right] = weights[on_right][:, MIRROR_JOINTS]
    return BodyMesh(
        mixing=both[np.where(on_right, mirrored, own)],
        mirror_mixing=both[np.where(on_right, own, mirrored)],
        faces=rank[faces],
        weights=weights,
        counterpart=rank[counterpart[order]],
    )


def _pruned(weights):
    weights = np.where(weights < LEAST_WEIGHT, 0.0, weights)
    return weights / weights.sum(axis=1, keepdims=True)
