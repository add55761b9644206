"""From the sculpt's relaxed stance to SMPL's T-pose.

The sculpt's arms point down by 48° and its elbows are bent by 40°. Global rotations of the 24 joints take the
T-pose to the sculpt. Inverting the skinning with these rotations gives the vertices of the T-pose, so posing
it back gives the sculpt.
"""

import numpy as np

from sshmr.body.layout import JOINT_NAMES
from sshmr.body.model import PARENTS
from tools.open_body.skin import MIRROR

PELVIS = np.array([0.0, -0.22, 0.03])
"""Rest position of the pelvis, metres, about where SMPL has it."""
THIGH = np.array([0.07, -1.0, 0.0])
SHANK = np.array([-0.01, -1.0, -0.08])
"""Directions of the left leg in the T-pose."""


def sculpt_rotations(joints):
    """Global rotations of the joints that take the T-pose to the sculpt.

    Args:
        joints: (n, 24, 3) metres, in the sculpt.

    Returns:
        (n, 24, 3, 3). Spine, head, collars and feet stay as sculpted.
    """
    rotations = np.broadcast_to(np.eye(3), (len(joints), 24, 3, 3)).copy()
    for side, flip in (("left_", np.ones(3)), ("right_", MIRROR)):
        hip, knee, ankle, shoulder, elbow, wrist, hand = (
            joints[:, JOINT_NAMES.index(side + name)]
            for name in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist", "hand")
        )
        out = np.array([1.0, 0.0, 0.0]) * flip
        # In the T-pose, the elbow's axis points down on the left side and up on the right side.
        hinge = np.cross(elbow - shoulder, wrist - elbow)
        hinge_at_rest = np.cross(out, [0.0, 0.0, 1.0])
        turned = {
            "hip": _minimal_rotation(THIGH * flip, knee - hip),
            "knee": _minimal_rotation(SHANK * flip, ankle - knee),
            "shoulder": _frame_rotation(out, hinge_at_rest, elbow - shoulder, hinge),
            "elbow": _frame_rotation(out, hinge_at_rest, wrist - elbow, hinge),
        }
        turned["wrist"] = turned["hand"] = (
            _minimal_rotation(_apply(turned["elbow"], out), hand - wrist) @ turned["elbow"]
        )
        for name, rotation in turned.items():
            rotations[:, JOINT_NAMES.index(side + name)] = rotation
    return rotations


def rest_joints(joints, rotations):
    """Joints of the T-pose: (n, 24, 3) metres, the pelvis at ``PELVIS``."""
    rest = np.zeros_like(joints)
    rest[:, 0] = PELVIS
    for joint, parent in enumerate(PARENTS[1:], start=1):
        bone = joints[:, joint] - joints[:, parent]
        rest[:, joint] = rest[:, parent] + _apply(rotations[:, parent].transpose(0, 2, 1), bone)
    return rest


def unpose(vertices, weights, joints, rest, rotations):
    """Invert linear blend skinning.

    Args:
        vertices: (n, V, 3) metres, sculpted. weights: (V, 24). joints, rest: (n, 24, 3) in sculpt and T-pose.
        rotations: (n, 24, 3, 3) global, T-pose to sculpt.

    Returns:
        (n, V, 3) metres, T-pose.
    """
    shifts = joints - _apply(rotations, rest)
    blended = np.tensordot(weights, rotations, axes=(1, 1)).transpose(1, 0, 2, 3)
    moved = vertices - np.tensordot(weights, shifts, axes=(1, 1)).transpose(1, 0, 2)
    return np.linalg.solve(blended, moved[..., None])[..., 0]


def local_rotations(rotations):
    """Global to local rotations, (n, 24, 3, 3)."""
    local = rotations.copy()
    for joint, parent in enumerate(PARENTS[1:], start=1):
        local[:, joint] = rotations[:, parent].transpose(0, 2, 1) @ rotations[:, joint]
    return local


def _apply(rotations, vectors):
    return (rotations @ vectors[..., None])[..., 0]


def _unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def _minimal_rotation(start, end):
    """Smallest rotations (n, 3, 3) from direction ``start`` to ``end`` (n, 3)."""
    end = _unit(end)
    start = np.broadcast_to(_unit(start), end.shape)
    axis = np.cross(start, end)
    x, y, z = axis.T
    zero = np.zeros_like(x)
    skew = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(-1, 3, 3)
    cosine = (start * end).sum(-1)[:, None, None]
    return np.eye(3) + skew + skew @ skew / (1 + cosine)


def _frame_rotation(along, across, along_end, across_end):
    """Rotations (n, 3, 3) from the frame of two orthogonal directions to another such frame."""
    along_end, across_end = _unit(along_end), _unit(across_end)
    start = np.stack([along, across, np.cross(along, across)], axis=-1)
    end = np.stack([along_end, across_end, np.cross(along_end, across_end)], axis=-1)
    return end @ start.T
