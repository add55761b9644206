"""Linear blend skinning for any body in SMPL's file layout.

Source: Loper et al., "SMPL: A Skinned Multi-Person Linear Model", SIGGRAPH Asia 2015.
"""

import dataclasses
import functools
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from sshmr.body.layout import PARENTS, digest_of, kind_of, read_arrays
from sshmr.errors import InputError
from sshmr.geometry.rotations import rotvec_to_rotmat

MIRROR_JOINTS = (0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15, 17, 16, 19, 18, 21, 20, 23, 22)
"""Index of each joint's left–right counterpart."""


class Posed(NamedTuple):
    """A posed body: vertices (B, V, 3) and joints (B, 24, 3) in metres, rotations (B, 24, 3, 3) global."""

    vertices: torch.Tensor
    joints: torch.Tensor
    rotations: torch.Tensor

    def scaled(self, scale: torch.Tensor, transl: torch.Tensor) -> "Posed":
        """The bodies at other sizes: scale (B,) about the origin that ``transl`` (B, 3) moved them from."""
        scale, transl = scale[:, None, None], transl[:, None]
        return Posed(
            scale * (self.vertices - transl) + transl, scale * (self.joints - transl) + transl, self.rotations
        )


def open_body_path(gender: str) -> Path:
    """Path of the shipped, openly licensed body: gender is ``neutral``, ``male`` or ``female``."""
    return Path(str(resources.files("sshmr.body"))) / "assets" / f"open_{gender}.npz"


@dataclasses.dataclass(frozen=True, eq=False)
class BodyModel:
    """A body's arrays, in metres: T-pose facing +z, y up, left is +x.

    Attributes:
        v_template: (V, 3) mean shape.
        shapedirs: (V, 3, S) displacement per unit of beta.
        posedirs: (V, 3, 207) displacement per element of the 23 body rotations minus the identity.
        weights: (V, 24) skinning weights, rows sum to 1.
        faces: (F, 3) int64; empty in a subset.
        joint_template: (24, 3), joint_shapedirs: (24, 3, S): rest joints are linear in betas.
        parents: 24 indices, −1 for the root.
        name: where it came from.
        gender: ``neutral``, ``male`` or ``female``.
        digest: SHA-256 of the arrays.
    """

    v_template: torch.Tensor
    shapedirs: torch.Tensor
    posedirs: torch.Tensor
    weights: torch.Tensor
    faces: torch.Tensor
    joint_template: torch.Tensor
    joint_shapedirs: torch.Tensor
    parents: tuple[int, ...]
    name: str
    gender: str
    digest: str

    @classmethod
    def load(
        cls, path: Path | str, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"
    ) -> "BodyModel":
        """Read an .npz in SMPL's layout; at most the first 10 betas are kept.

        Raises:
            InputError: when the file is missing, not an .npz, has fingers, or its arrays are faulty.
        """
        arrays = read_arrays(path)
        if kind_of(arrays) != "SMPL":
            raise InputError(
                path, found=f"a body of {kind_of(arrays)}", expected="SMPL's 24 joints",
                fix="Convert it with sshmr.body.official.convert_body",
            )  # fmt: skip
        regressor = arrays["J_regressor"]
        shapedirs = arrays["shapedirs"][:, :, :10]

        def tensor(array: np.ndarray) -> torch.Tensor:
            return torch.tensor(array, dtype=dtype, device=device)

        return cls(
            v_template=tensor(arrays["v_template"]),
            shapedirs=tensor(shapedirs),
            posedirs=tensor(arrays["posedirs"]),
            weights=tensor(arrays["weights"]),
            faces=torch.tensor(arrays["f"], device=device),
            joint_template=tensor(regressor @ arrays["v_template"]),
            joint_shapedirs=tensor(np.einsum("jv,vcs->jcs", regressor, shapedirs)),
            parents=PARENTS,
            name=str(arrays.get("name", Path(path).stem)),
            gender=str(arrays.get("gender", "neutral")),
            digest=digest_of(arrays),
        )

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> "BodyModel":
        """The same body on another device or in another floating type."""
        moved = {
            field.name: getattr(self, field.name).to(device=device, dtype=dtype)
            for field in dataclasses.fields(self)
            if isinstance(getattr(self, field.name), torch.Tensor) and field.name != "faces"
        }
        return dataclasses.replace(self, **moved, faces=self.faces.to(device=device))

    def subset(self, vertex_ids: torch.Tensor | Sequence[int]) -> "BodyModel":
        """The body with only these vertices, (M,) int64; joints stay those of the whole body."""
        vertex_ids = torch.as_tensor(vertex_ids, dtype=torch.int64, device=self.v_template.device)
        return dataclasses.replace(
            self,
            v_template=self.v_template[vertex_ids],
            shapedirs=self.shapedirs[vertex_ids],
            posedirs=self.posedirs[vertex_ids],
            weights=self.weights[vertex_ids],
            faces=self.faces[:0],
        )

    def rest_joints(self, betas: torch.Tensor) -> torch.Tensor:
        """Joints before posing: betas (B, S') → (B, 24, 3) metres."""
        return self.joint_template + torch.einsum(
            "jcs,bs->bjc", self.joint_shapedirs[..., : betas.shape[-1]], betas
        )

    def __call__(self, pose: torch.Tensor, betas: torch.Tensor, transl: torch.Tensor) -> Posed:
        """Pose the body.

        Args:
            pose: (B, 72) rotation vectors, radians, or (B, 24, 3, 3) rotation matrices, root first.
            betas: (B, S') shape coefficients, S' ≤ S.
            transl: (B, 3) metres, added after posing about the pelvis joint.
        """
        rotmats = pose if pose.ndim == 4 else rotvec_to_rotmat(pose.unflatten(-1, (24, 3)))
        batch = rotmats.shape[0]
        rest = self.rest_joints(betas)
        rotations, joints = forward_kinematics(rotmats, rest, self.parents)
        features = rotmats[:, 1:] - torch.eye(3, dtype=rotmats.dtype, device=rotmats.device)
        shaped = self.v_template + torch.einsum("vcs,bs->bvc", self.shapedirs[..., : betas.shape[-1]], betas)
        offsets = features.reshape(batch, 207) @ self.posedirs.reshape(-1, 207).T
        shaped = shaped + offsets.reshape(batch, -1, 3)
        origins = joints - (rotations @ rest[..., None])[..., 0]
        affine = torch.cat([rotations, origins[..., None]], dim=-1).reshape(batch, 24, 12)
        blended = (self.weights @ affine).reshape(batch, -1, 3, 4)
        vertices = (blended[..., :3] @ shaped[..., None])[..., 0] + blended[..., 3]
        return Posed(vertices + transl[:, None], joints + transl[:, None], rotations)


def forward_kinematics(
    rotmats: torch.Tensor, rest_joints: torch.Tensor, parents: Sequence[int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Compose local rotations down the tree.

    Args:
        rotmats: (B, 24, 3, 3) local; rest_joints: (B, 24, 3) metres; parents: 24 indices.

    Returns:
        Global rotations (B, 24, 3, 3) and joint positions (B, 24, 3), the root at its rest position.
    """
    ancestors, path = _ancestors(tuple(parents), rotmats.device)
    identity = torch.eye(3, dtype=rotmats.dtype, device=rotmats.device)
    rotations = torch.cat([rotmats, identity.expand(len(rotmats), 1, 3, 3)], 1)
    for above in ancestors:
        rotations = rotations[:, above] @ rotations
    rotations = rotations[:, :-1]
    ways = bone_ways(rotations, rest_joints[..., None], parents)[..., 0]
    return rotations, path.to(ways) @ ways


def bone_ways(rotations: torch.Tensor, rest: torch.Tensor, parents: Sequence[int]) -> torch.Tensor:
    """The bone that leads to each joint, posed; the root's own place first.

    Args:
        rotations: (B, 24, 3, 3) global. rest: (..., 24, 3, S) places of joints, or their derivatives.

    Returns:
        (B, 24, 3, S).
    """
    above = _ancestors(tuple(parents), rotations.device)[0][0][1:-1]
    bones = rest[..., 1:, :, :] - rest[..., above, :, :]
    root = rest[..., :1, :, :].expand(len(rotations), 1, *rest.shape[-2:])
    return torch.cat([root, rotations[:, above] @ bones], 1)


def path_matrix(parents: Sequence[int], like: torch.Tensor) -> torch.Tensor:
    """(24, 24), 1 where column j is joint k or above it."""
    return _ancestors(tuple(parents), like.device)[1].to(like.dtype)


@functools.lru_cache(maxsize=8)
@torch.inference_mode(False)
def _ancestors(
    parents: tuple[int, ...], device: torch.device
) -> tuple[tuple[torch.Tensor, ...], torch.Tensor]:
    """Each joint's parent, the parent's parent, and so on in doubling steps; and the path matrix.

    The number of joints means "none". Products over a chain of joints so take the logarithm of its
    length in steps, each for all joints at once.
    """
    count = len(parents)
    above = torch.tensor([*(count if parent < 0 else parent for parent in parents), count])
    path = torch.eye(count, dtype=torch.float64)
    for joint, parent in enumerate(parents):
        if parent >= 0:
            path[joint] += path[parent]
    steps = [above]
    while (steps[-1] < count).any():
        steps.append(steps[-1][steps[-1]])
    return tuple(step.to(device) for step in steps[:-1]), path.to(device)
