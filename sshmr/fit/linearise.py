"""Skinned vertices and their analytic derivatives with respect to each unknown.

Rotating joint k by a small ω moves everything below it about the joint's own position, so a vertex v with
the share W of its skinning weights below k moves by ω × (c − W q), where c is the part of v that the joints
below k carry and q is the position of joint k.
"""

from typing import NamedTuple, Self

import torch

from sshmr.body.model import BodyModel, bone_ways, forward_kinematics, path_matrix
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
    def from_pose(cls, pose: torch.Tensor, betas: torch.Tensor, transl: torch.Tensor) -> Self:
        """From SMPL's pose (R, 72)."""
        return cls(rotvec_to_rotmat(pose[:, :3]), pose[:, 3:], betas, transl)

    @property
    def pose(self) -> torch.Tensor:
        """SMPL's pose (R, 72), rotation vectors."""
        return torch.cat([rotmat_to_rotvec(self.root), self.body], dim=1)

    @property
    def rotmats(self) -> torch.Tensor:
        """Local rotations (R, 24, 3, 3)."""
        return torch.cat([self.root[:, None], rotvec_to_rotmat(self.body.unflatten(1, (23, 3)))], dim=1)

    def moved(self, step: torch.Tensor) -> "State":
        """The bodies after a step (R, 85) in the unknowns."""
        return State(
            rotvec_to_rotmat(step[:, ROOT]) @ self.root,
            self.body + step[:, BODY],
            self.betas + step[:, BETAS],
            self.transl + step[:, TRANSL],
        )

    def rows(self, index: torch.Tensor | slice) -> "State":
        """Some of the bodies."""
        return State(*(part[index] for part in self))


class Expected(NamedTuple):
    """What the previous round suggests about R bodies.

    Attributes:
        body: (R, 69) from the neighbouring frames. agreement: (R, 69) how well these agree, 0 to 1.
        betas: (R, 10) of the person. company: (R, 1) 1 where the person has other frames, else 0.
    """

    body: torch.Tensor
    agreement: torch.Tensor
    betas: torch.Tensor
    company: torch.Tensor

    def rows(self, index: torch.Tensor | slice) -> "Expected":
        """Some of the bodies."""
        return Expected(*(part[index] for part in self))


def left_jacobian(rotvecs: torch.Tensor) -> torch.Tensor:
    """The effect of a change of a rotation vector: exp(θ + δ) ≈ exp(J δ) exp(θ); (..., 3) → (..., 3, 3)."""
    squared = (rotvecs * rotvecs).sum(-1)[..., None, None]
    small = squared < 1e-8
    angle = torch.where(small, torch.ones_like(squared), squared).sqrt()
    first = torch.where(small, 0.5 - squared / 24, (1 - angle.cos()) / angle**2)
    second = torch.where(small, 1 / 6 - squared / 120, (angle - angle.sin()) / angle**3)
    cross = skew(rotvecs)
    return torch.eye(3, dtype=rotvecs.dtype, device=rotvecs.device) + first * cross + second * (cross @ cross)


class Skinning(NamedTuple):
    """The intermediate results of posing; see ``skin``."""

    vertices: torch.Tensor
    rotmats: torch.Tensor
    rotations: torch.Tensor
    joints: torch.Tensor
    carried: torch.Tensor


def skin(body: BodyModel, state: State) -> Skinning:
    """Pose R bodies; vertices (R, M, 3) and ``carried`` (R, 24, 3, M): each joint's share of each vertex."""
    rotmats = state.rotmats
    rest = body.rest_joints(state.betas)
    rotations, joints = forward_kinematics(rotmats, rest, body.parents)
    count = len(rotmats)
    identity = torch.eye(3, dtype=rotmats.dtype, device=rotmats.device)
    directions = body.shapedirs.reshape(-1, body.shapedirs.shape[-1])
    shaped = body.v_template.reshape(-1) + state.betas @ directions.T
    shaped = shaped + (rotmats[:, 1:] - identity).reshape(count, 207) @ body.posedirs.reshape(-1, 207).T
    origins = joints - (rotations @ rest[..., None])[..., 0]
    placed = rotations.reshape(count, 72, 3) @ shaped.view(count, -1, 3).transpose(1, 2)
    carried = (placed.view(count, 24, 3, -1) + origins[..., None]) * body.weights.T[:, None]
    vertices = carried.sum(1).transpose(1, 2) + state.transl[:, None]
    return Skinning(vertices, rotmats, rotations, joints, carried)


def linearise(body: BodyModel, state: State) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Vertices and their derivatives.

    The pose correctives move the skin by millimetres and hardly change within a step. The
    derivatives hold them fixed; the vertices have them.

    Args:
        body: BodyModel of M vertices.
        state: R bodies.

    Returns:
        vertices: (R, M, 3) metres.
        jacobian: (R, 85, 3, M), d vertex / d unknown; rows in the order of ``ROOT``, ``BODY``, …
        rotations: (R, 24, 3, 3), of the joints, global.
    """
    posed = skin(body, state)
    count, size = posed.vertices.shape[:2]
    jacobian = posed.vertices.new_empty(count, UNKNOWNS, 3, size)
    _turns(body, state, posed, jacobian)
    _shape(body, posed, jacobian)
    jacobian[:, TRANSL] = torch.eye(3, dtype=jacobian.dtype, device=jacobian.device)[..., None]
    return posed.vertices, jacobian, posed.rotations


def _turns(body: BodyModel, state: State, posed: Skinning, jacobian: torch.Tensor) -> None:
    count, size = posed.vertices.shape[:2]
    below = path_matrix(body.parents, body.weights).T
    subtree = (below @ posed.carried.view(count, 24, -1)).view(count, 24, 3, size)
    levers = subtree - posed.joints[..., None] * (below @ body.weights.T)[:, None]
    tangents = left_jacobian(state.body.unflatten(1, (23, 3)))
    parents = posed.rotations[:, list(body.parents[1:])]
    root = torch.eye(3, dtype=tangents.dtype, device=tangents.device).expand(count, 1, 3, 3)
    axes = torch.cat([root, parents @ tangents], 1)
    turns = skew(axes.transpose(2, 3)).reshape(count, 24, 9, 3) @ levers
    jacobian[:, :72] = turns.view(count, 72, 3, size)


def _shape(body: BodyModel, posed: Skinning, jacobian: torch.Tensor) -> None:
    count, size = posed.vertices.shape[:2]
    rest = body.joint_shapedirs
    shapes = rest.shape[-1]
    ways = bone_ways(posed.rotations, rest, body.parents).view(count, 24, -1)
    chain = (path_matrix(body.parents, ways) @ ways).view(count, 24, 3, shapes)
    origins = chain - posed.rotations @ rest
    carried = origins.permute(0, 3, 2, 1).reshape(count, 3 * shapes, 24) @ body.weights.T
    moved = carried.view(count, shapes, 3, size)
    blended = (posed.rotations.reshape(count, 24, 9).transpose(1, 2) @ body.weights.T).view(count, 3, 3, size)
    directions = body.shapedirs.permute(2, 1, 0)
    for axis in range(3):
        moved = moved.addcmul(blended[:, None, :, axis], directions[None, :, None, axis])
    jacobian[:, BETAS] = moved
