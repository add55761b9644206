"""Rotations as rotation vectors (axis-angle), matrices and six numbers; batched over leading axes."""

import torch


def skew(vectors: torch.Tensor) -> torch.Tensor:
    """Cross-product matrices: (..., 3) → (..., 3, 3), ``skew(a) @ b = a × b``."""
    x, y, z = vectors.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).unflatten(-1, (3, 3))


def rotvec_to_rotmat(rotvecs: torch.Tensor) -> torch.Tensor:
    """Rodrigues' formula: (..., 3) radians → (..., 3, 3). Smooth through zero, gradients too."""
    squared = (rotvecs * rotvecs).sum(-1)[..., None, None]
    small = squared < 1e-8
    angle = torch.where(small, torch.ones_like(squared), squared).sqrt()
    first = torch.where(small, 1 - squared / 6, angle.sin() / angle)
    second = torch.where(small, 0.5 - squared / 24, (1 - angle.cos()) / (angle * angle))
    cross = skew(rotvecs)
    identity = torch.eye(3, dtype=rotvecs.dtype, device=rotvecs.device)
    return identity + first * cross + second * (cross @ cross)


def rotmat_to_rotvec(rotmats: torch.Tensor) -> torch.Tensor:
    """Inverse of Rodrigues' formula, through quaternions: (..., 3, 3) → (..., 3), angle in [0, π].

    Source: the four-case quaternion extraction of Shepperd, J. Guidance and Control 1978.
    """
    m = rotmats
    trace = m[..., 0, 0] + m[..., 1, 1] + m[..., 2, 2]
    diagonal = m.diagonal(dim1=-2, dim2=-1)
    squared = torch.stack([1 + trace, *(1 - trace + 2 * diagonal[..., i] for i in range(3))], dim=-1)
    anti = torch.stack(
        [m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]], -1
    )
    sums = {(i, j): m[..., i, j] + m[..., j, i] for i, j in ((0, 1), (0, 2), (1, 2))}
    rows = torch.stack(
        [
            torch.stack([squared[..., 0], anti[..., 0], anti[..., 1], anti[..., 2]], -1),
            torch.stack([anti[..., 0], squared[..., 1], sums[0, 1], sums[0, 2]], -1),
            torch.stack([anti[..., 1], sums[0, 1], squared[..., 2], sums[1, 2]], -1),
            torch.stack([anti[..., 2], sums[0, 2], sums[1, 2], squared[..., 3]], -1),
        ],
        dim=-2,
    )
    best = squared.argmax(-1)[..., None, None].expand(*squared.shape[:-1], 1, 4)
    quaternion = torch.nn.functional.normalize(rows.gather(-2, best).squeeze(-2), dim=-1)
    quaternion = torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)
    vector = quaternion[..., 1:]
    sine = vector.norm(dim=-1, keepdim=True)
    angle = 2 * torch.atan2(sine, quaternion[..., :1])
    scale = torch.where(sine > 1e-7, angle / sine.clamp_min(1e-7), torch.full_like(sine, 2.0))
    return vector * scale


def rot6d_to_rotmat(rot6d: torch.Tensor) -> torch.Tensor:
    """Six numbers (first two columns, Gram–Schmidt) → (..., 3, 3).

    Source: Zhou et al., "On the Continuity of Rotation Representations in Neural Networks", CVPR 2019.
    """
    first, second = rot6d[..., :3], rot6d[..., 3:]
    x = torch.nn.functional.normalize(first, dim=-1)
    y = torch.nn.functional.normalize(second - (x * second).sum(-1, keepdim=True) * x, dim=-1)
    return torch.stack([x, y, torch.linalg.cross(x, y)], dim=-1)


def rotmat_to_rot6d(rotmats: torch.Tensor) -> torch.Tensor:
    """First two columns of a rotation matrix: (..., 3, 3) → (..., 6)."""
    return torch.cat([rotmats[..., :, 0], rotmats[..., :, 1]], dim=-1)


def rotation_about_y(angles: torch.Tensor) -> torch.Tensor:
    """Rotation about the vertical: (...) radians → (..., 3, 3); takes +z to +x at +90°."""
    cosine, sine = angles.cos(), angles.sin()
    zero, one = torch.zeros_like(angles), torch.ones_like(angles)
    return torch.stack([cosine, zero, sine, zero, one, zero, -sine, zero, cosine], -1).unflatten(-1, (3, 3))
