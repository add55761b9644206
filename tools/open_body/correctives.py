"""Pose correctives: they keep the volume of bent joints under linear blend skinning.

Dual quaternion skinning (Kavan et al., "Geometric Skinning with Approximate Dual Quaternion Blending", TOG
2008) does not collapse, but it bulges. The correctives therefore go a part of the way towards it. They are
linear in the joints' rotation matrices, as in SMPL.
"""

import numpy as np
from scipy.spatial.transform import Rotation

from sshmr.body.layout import JOINT_NAMES
from sshmr.body.model import PARENTS

SHARE = 0.6
"""How far from linear blend towards dual quaternion skinning."""
POSES = 160
RIDGE = 1e-2
"""Share of the pose map's variance that damps the regression."""
LARGEST_ANGLES = {
    "hip": 110, "knee": 120, "ankle": 50, "foot": 40, "spine1": 45, "spine2": 35, "spine3": 35, "neck": 50,
    "head": 50, "collar": 35, "shoulder": 110, "elbow": 125, "wrist": 70, "hand": 70,
}  # fmt: skip
"""Degrees, the reach of each joint from the T-pose."""


def pose_correctives(vertices, joints, weights, seed):
    """Regress the correctives on the pose map.

    Args:
        vertices: (V, 3) metres, T-pose. joints: (24, 3) metres. weights: (V, 24).
        seed: of the random poses.

    Returns:
        (V, 3, 207): displacement per element of the 23 rotation matrices minus the identity.
    """
    generator = np.random.default_rng(seed)
    posedirs = np.zeros((len(vertices), 3, 23, 9))
    for joint in range(1, 24):
        # One joint moves at a time, together with everything beyond it. So two rigid parts blend.
        beyond = weights[:, _descendants(joint)].sum(axis=1)
        blended = np.flatnonzero((beyond > 1e-3) & (beyond < 1 - 1e-3))
        rotations = _random_rotations(JOINT_NAMES[joint], generator)
        offsets = SHARE * _blend_difference(vertices[blended] - joints[joint], beyond[blended], rotations)
        features = (rotations.as_matrix() - np.eye(3)).reshape(-1, 9)
        # A linear blend shrinks by up to cos(angle / 2), and so does a displacement applied before it.
        trust = np.cos(rotations.magnitude() / 2)[:, None] ** 2
        gram = features.T @ (trust * features) + RIDGE * trust.sum() * features.var() * np.eye(9)
        solution = np.linalg.solve(gram, features.T @ (trust * offsets.reshape(POSES, -1)))
        posedirs[blended, :, joint - 1] = solution.reshape(9, len(blended), 3).transpose(1, 2, 0)
    return posedirs.reshape(len(vertices), 3, 207)


def _random_rotations(name, generator):
    largest = np.radians(LARGEST_ANGLES[name.removeprefix("left_").removeprefix("right_")])
    axes = generator.normal(size=(POSES, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    # Both signs of every axis, so that the samples themselves prefer no side.
    axes[POSES // 2 :] = -axes[: POSES // 2]
    angles = largest * np.tile(generator.uniform(size=POSES // 2), 2)
    return Rotation.from_rotvec(axes * angles[:, None])


def _blend_difference(offsets, beyond, rotations):
    """Displacement, before skinning, that makes a linear blend equal to a blend of quaternions.

    Args:
        offsets: (v, 3) metres from the joint. beyond: (v,) weight of the moving part. The other part stays
            fixed.
        rotations: P rotations about the joint.

    Returns:
        (P, v, 3) metres.
    """
    # The joint is a fixed point of both parts, so the dual parts vanish. Plain quaternions are enough.
    still = np.array([0.0, 0.0, 0.0, 1.0])
    quaternions = rotations.as_quat(canonical=True)[:, None]
    mixed = beyond[:, None] * quaternions + (1 - beyond)[:, None] * still
    smooth = Rotation.from_quat(mixed.reshape(-1, 4)).as_matrix().reshape(len(rotations), len(offsets), 3, 3)
    linear = beyond[:, None, None] * rotations.as_matrix()[:, None] + (1 - beyond)[:, None, None] * np.eye(3)
    wanted = smooth @ offsets[..., None]
    return np.linalg.solve(linear, wanted)[..., 0] - offsets


def _descendants(joint):
    found = {joint}
    for child in range(joint + 1, len(PARENTS)):
        if PARENTS[child] in found:
            found.add(child)
    return sorted(found)
