"""The starts of a fit: headings, typical poses, predictions and mirrored starts."""

import math
from importlib import resources
from pathlib import Path

import numpy as np
import torch

from sshmr.body.model import MIRROR_JOINTS, BodyModel
from sshmr.body.template import standing_pose
from sshmr.fit.linearise import State
from sshmr.geometry.rotations import rotation_about_y, rotmat_to_rotvec, rotvec_to_rotmat


def start_poses_path() -> Path:
    """Path of the shipped typical poses (cluster means of motion capture, most frequent first)."""
    return Path(str(resources.files("sshmr.body"))) / "assets" / "start_poses.npz"


def typical_poses(count: int) -> torch.Tensor:
    """(count, 72): the standing pose, then the ``count`` − 1 most frequent typical poses, facing +z."""
    standing = standing_pose()[None]
    if count == 1:
        return standing
    with np.load(start_poses_path()) as archive:
        return torch.cat([standing, torch.from_numpy(archive["poses"][: count - 1])])


def turned_about_vertical(poses: torch.Tensor, headings: int) -> torch.Tensor:
    """Every pose at every heading: (K, 72), H → (K·H, 72), headings fastest."""
    angles = torch.arange(headings, dtype=poses.dtype, device=poses.device) * (2 * math.pi / headings)
    return rotated(poses, rotation_about_y(angles))


def rotated(poses: torch.Tensor, rotations: torch.Tensor) -> torch.Tensor:
    """Every pose under every rotation: (K, 72), (R, 3, 3) → (K·R, 72), rotations fastest."""
    roots = rotations[None] @ rotvec_to_rotmat(poses[:, None, :3])
    body = poses[:, None, 3:].expand(-1, len(rotations), -1)
    return torch.cat([rotmat_to_rotvec(roots), body], dim=2).flatten(0, 1)


def centred(body: BodyModel, poses: torch.Tensor) -> State:
    """Each pose with the mean shape. The mean of its vertices is at the origin."""
    zeros = poses.new_zeros(len(poses), 10)
    vertices = body(poses, zeros, zeros[:, :3]).vertices
    return State.from_pose(poses, zeros, -vertices.mean(1))


def mirrored_start(state: State) -> State:
    """The same position and shape, rotated by 180° about the vertical through the pelvis, in the standing
    pose."""
    half_turn = rotation_about_y(state.transl.new_tensor(math.pi))
    standing = standing_pose(state.body.dtype)[3:].to(state.body.device)
    return State(half_turn @ state.root, standing.expand_as(state.body), state.betas, state.transl)


def mirrored(body_pose: torch.Tensor) -> torch.Tensor:
    """Left and right exchanged: (R, 69) → (R, 69)."""
    joints = torch.nn.functional.pad(body_pose.unflatten(1, (23, 3)), (0, 0, 1, 0))
    return (joints[:, list(MIRROR_JOINTS)] * body_pose.new_tensor([1.0, -1.0, -1.0]))[:, 1:].flatten(1)
