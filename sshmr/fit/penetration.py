"""Penetration: forearms, hands, lower legs and feet that are inside another part of the body.

A cloud has no information about an arm behind the trunk, and the pose prior may put it inside the trunk.
SMPLify (Bogo et al., ECCV 2016) penalises overlapping capsules. Here, a vertex inside another part is pushed
out along the normal of the nearest vertex of that part.
"""

from typing import NamedTuple

import torch

from sshmr.fit.surface import SurfaceElements

PRESSED = 0.02
"""Metres. Smaller depths are ignored: flesh is soft, and the skin between vertices is not known better."""

FEWEST = 300
"""Smallest number of vertices of the body. With fewer, the skin is too coarse."""


class Penetrating(NamedTuple):
    """A vertices of the limbs of R bodies.

    Attributes:
        limb: (A,) the vertices. skin: (R, A) the vertex of the body that is nearest to each.
        outward: (R, A, 3) that one's normal. depth: (R, A) metres under it, beyond ``PRESSED``; 0 outside.
    """

    limb: torch.Tensor
    skin: torch.Tensor
    outward: torch.Tensor
    depth: torch.Tensor


class Separation(NamedTuple):
    """The derivatives of the depths of r bodies: rows (r,); jacobian (r, 85, U), metres out; depth (r, U).

    ``U``: vertices of limbs that are under other skin in at least one of the bodies.
    """

    rows: torch.Tensor
    jacobian: torch.Tensor
    depth: torch.Tensor


def penetrating(vertices: torch.Tensor, normals: torch.Tensor, surface: SurfaceElements) -> Penetrating:
    """The vertices of limbs that are inside another part of the body.

    Args:
        vertices: (R, M, 3) metres; normals: (R, M, 3), outward; of the posed ``surface``.
    """
    found = []
    for limb, other in surface.kept_apart:
        nearest = other[torch.cdist(vertices[:, limb], vertices[:, other]).argmin(2)]
        rows = nearest[..., None].expand(-1, -1, 3)
        outward = normals.gather(1, rows)
        depth = ((vertices.gather(1, rows) - vertices[:, limb]) * outward).sum(2) - PRESSED
        found.append((limb, nearest, outward, depth.clamp_min(0)))
    limbs, *others = zip(*found, strict=True)
    return Penetrating(torch.cat(limbs), *(torch.cat(parts, 1) for parts in others))


def separation_energy(
    vertices: torch.Tensor, normals: torch.Tensor, surface: SurfaceElements
) -> torch.Tensor:
    """(R,) square metres: half the squared depths of ``penetrating``, over the body's number of vertices."""
    count = len(surface.normals)
    if count < FEWEST:
        return vertices.new_zeros(len(vertices))
    return 0.5 * penetrating(vertices, normals, surface).depth.square().sum(1) / count


def separation(
    jacobian: torch.Tensor, vertices: torch.Tensor, normals: torch.Tensor, surface: SurfaceElements
) -> Separation | None:
    """The derivatives of the depths, for the bodies with penetration; None if there are none.

    Args:
        jacobian: (R, 85, 3, M) of the vertices.
    """
    if len(surface.normals) < FEWEST:
        return None
    found = penetrating(vertices, normals, surface)
    rows = found.depth.any(1).nonzero()[:, 0]
    if not len(rows):
        return None
    under = found.depth.any(0).nonzero()[:, 0]
    depth, outward, skin = (part[rows][:, under] for part in (found.depth, found.outward, found.skin))
    row = rows[:, None]
    apart = jacobian[row, :, :, found.limb[under]] - jacobian[row, :, :, skin]
    apart = (apart * outward[:, :, None]).sum(3).transpose(1, 2)
    return Separation(rows, apart * (depth > 0)[:, None], depth)


def add_separation(hessian: torch.Tensor, gradient: torch.Tensor, apart: Separation, weight: float) -> None:
    """Add the penetration term of ``weight`` nats per square metre: (R, 85, 85), (R, 85)."""
    hessian[apart.rows] += weight * apart.jacobian @ apart.jacobian.transpose(1, 2)
    gradient[apart.rows] += weight * (apart.jacobian @ apart.depth[..., None])[..., 0]
