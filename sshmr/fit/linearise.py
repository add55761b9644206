"""Skinned vertices and their derivatives by hand: what each unknown does to each vertex.

Turning joint k by a small ω moves everything below it about the joint's own position, so a vertex v with
the share W of its skinning weights below k moves by ω × (c − W q), where c is the part of v that the joints
below k carry and q is the position of joint k.
"""

from typing import NamedTuple

import torch

from sshmr.body.model import forward_kinematics
from sshmr.geometry.rotations import rotmat_to_rotvec, rotvec_to_rotmat, skew

UNKNOWNS = 85
ROOT, BODY, BETAS, TRANSL = slice(0, 3), slice(3, 72), slice(72, 82), slice(82, 85)
"""Columns of the Jacobian: root turn (tangent), body rotation vectors, betas, translation."""


class State(NamedTuple):
    """R bodies. root (R, 3, 3) rotation; body (R, 69) rotation vectors; betas (R, 10); transl (R, 3)."""

    root: torch.Tensor
    body: torch.Tensor
    betas: torch.Tensor
    transl: torch.Tensor

    @classmethod
    def from_pose(cls, pose, betas, transl):
        """From SMPL's pose (R, 72)."""
        return cls(rotvec_to_rotmat(pose[:, :3]), pose[:, 3:], betas, transl)

    @property
    def pose(self):
        """SMPL's pose (R, 72), rotation vectors."""
        return torch.cat([rotmat_to_rotvec(self.root), self.body], dim=1)

    @property
    def rotmats(self):
        """Local rotations (R, 24, 3, 3)."""
        return torch.cat([self.root[:, None], rotvec_to_rotmat(self.body.unflatten(1, (23, 3)))], dim=1)

    def moved(self, step):
        """The bodies after a step (R, 85) in the unknowns."""
        return State(
            rotvec_to_rotmat(step[:, ROOT]) @ self.root,
            self.body + step[:, BODY],
            self.betas + step[:, BETAS],
            self.transl + step[:, TRANSL],
        )

    def rows(self, index):
        """Some of the bodies."""
        return State(*(part[index] for part in self))


def left_jacobian(rotvecs):
    """How a changed rotation vector turns: exp(θ + δ) ≈ exp(J δ) exp(θ); (..., 3) → (..., 3, 3)."""
    squared = (rotvecs * rotvecs).sum(-1)[..., None, None]
    small = squared < 1e-8
    angle = torch.where(small, torch.ones_like(squared), squared).sqrt()
    first = torch.where(small, 0.5 - squared / 24, (1 - angle.cos()) / angle**2)
    second = torch.where(small, 1 / 6 - squared / 120, (angle - angle.sin()) / angle**3)
    cross = skew(rotvecs)
    return torch.eye(3, dtype=rotvecs.dtype, device=rotvecs.device) + first * cross + second * (cross @ cross)


def subtree_matrix(parents, like):
    """(24, 24), 1 where column j is joint k or below it."""
    count = len(parents)
    below = torch.eye(count, dtype=like.dtype, device=like.device)
    for joint in range(count - 1, 0, -1):
        below[parents[joint]] += below[joint]
    return below


class Skinning(NamedTuple):
    """What posing yields on the way to vertices; see ``skin``."""

    vertices: torch.Tensor
    rotmats: torch.Tensor
    rotations: torch.Tensor
    joints: torch.Tensor
    carried: torch.Tensor


def skin(body, state):
    """Pose R bodies; vertices (R, M, 3) and ``carried`` (R, M, 24, 3): each joint's share of each vertex."""
    rotmats = state.rotmats
    rest = body.rest_joints(state.betas)
    rotations, joints = forward_kinematics(rotmats, rest, body.parents)
    count = len(rotmats)
    identity = torch.eye(3, dtype=rotmats.dtype, device=rotmats.device)
    shaped = (
        body.v_template.reshape(-1) + state.betas @ body.shapedirs.reshape(-1, body.shapedirs.shape[-1]).T
    )
    shaped = shaped + (rotmats[:, 1:] - identity).reshape(count, 207) @ body.posedirs.reshape(-1, 207).T
    origins = joints - (rotations @ rest[..., None])[..., 0]
    placed = shaped.view(count, -1, 3) @ rotations.permute(0, 3, 1, 2).reshape(count, 3, 72)
    carried = (placed.view(count, -1, 24, 3) + origins[:, None]) * body.weights[..., None]
    return Skinning(carried.sum(2) + state.transl[:, None], rotmats, rotations, joints, carried)


def linearise(body, state, below):
    """Vertices and their exact derivatives.

    Args:
        body: BodyModel of M vertices.
        state: R bodies.
        below: (24, 24) from ``subtree_matrix``.

    Returns:
        vertices: (R, M, 3) metres.
        jacobian: (R, 85, M, 3), d vertex / d unknown; rows in the order of ``ROOT``, ``BODY``, …
        rotations: (R, 24, 3, 3), of the joints, global.
    """
    posed = skin(body, state)
    count, size = posed.vertices.shape[:2]
    jacobian = posed.vertices.new_empty(count, UNKNOWNS, size, 3)
    _turns(body, state, posed, below, jacobian)
    _shape(body, posed, jacobian)
    jacobian[:, TRANSL] = torch.eye(3, dtype=jacobian.dtype, device=jacobian.device)[:, None]
    return posed.vertices, jacobian, posed.rotations


def _turns(body, state, posed, below, jacobian):
    count, size = posed.vertices.shape[:2]
    subtree = torch.einsum("kj,rmjc->rkmc", below, posed.carried)
    arms = subtree - (below @ body.weights.T)[None, :, :, None] * posed.joints[:, :, None]
    chart = left_jacobian(state.body.unflatten(1, (23, 3)))
    parents = posed.rotations[:, list(body.parents[1:])]
    axes = torch.cat(
        [torch.eye(3, dtype=chart.dtype, device=chart.device).expand(count, 1, 3, 3), parents @ chart], 1
    )
    turns = jacobian[:, :72].view(count, 24, 3, size, 3)
    for axis in range(3):
        turns[:, :, axis] = torch.linalg.cross(axes[..., axis][:, :, None].expand_as(arms), arms)
    _pose_offsets(body, posed, chart, turns)


def _pose_offsets(body, posed, chart, turns):
    """Add what the pose blend shapes contribute."""
    if not body.posedirs.any():
        return
    count, size = posed.vertices.shape[:2]
    slopes = skew(chart.transpose(-1, -2)) @ posed.rotmats[:, 1:, None]
    directions = body.posedirs.reshape(size * 3, 23, 9).permute(1, 2, 0)
    offsets = (slopes.reshape(count, 23, 3, 9) @ directions).view(count, 69, size, 3)
    blended = (body.weights @ posed.rotations.reshape(count, 24, 9)).view(count, 1, size, 3, 3)
    turns[:, 1:] += (blended @ offsets[..., None])[..., 0].view(count, 23, 3, size, 3)


def _shape(body, posed, jacobian):
    count, size = posed.vertices.shape[:2]
    rest = body.joint_shapedirs
    chain = [rest[0].expand(count, 3, -1)]
    for joint, parent in enumerate(body.parents[1:], start=1):
        chain.append(chain[parent] + posed.rotations[:, parent] @ (rest[joint] - rest[parent]))
    origins = torch.stack(chain, 1) - posed.rotations @ rest
    blended = (body.weights @ posed.rotations.reshape(count, 24, 9)).view(count, size, 3, 3)
    moved = blended @ body.shapedirs + (body.weights @ origins.reshape(count, 24, -1)).view(
        count, size, 3, -1
    )
    jacobian[:, BETAS] = moved.permute(0, 3, 1, 2)
