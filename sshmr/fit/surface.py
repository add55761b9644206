"""The template's vertices as surface elements: positions and normals."""

import dataclasses
import functools
from typing import Self

import torch

from sshmr.body.model import BodyModel
from sshmr.geometry.normals import vertex_normals

KEPT_APART = (
    ((18, 19, 20, 21, 22, 23), (0, 1, 2, 3, 4, 5, 6, 9, 12, 15)),
    ((4, 7, 10), (2, 5)),
    ((5, 8, 11), (1, 4)),
)
"""Pairs of joints: the skin of the first (forearms and hands, a lower leg and foot) must be outside of the
second."""


@dataclasses.dataclass(frozen=True, eq=False)
class SurfaceElements:
    """M vertices of a body and their outward normals.

    Attributes:
        body: BodyModel of the M vertices.
        normals: (M, 3) unit vectors, outward, in the rest pose of the mean shape.
    """

    body: BodyModel
    normals: torch.Tensor

    @classmethod
    def of(cls, body: BodyModel, vertex_ids: torch.Tensor) -> Self:
        """Those vertices of a whole body; normals are area-weighted means over the faces around them."""
        normals = vertex_normals(body.v_template.cpu().numpy(), body.faces.cpu().numpy())
        return cls(body.subset(vertex_ids), torch.from_numpy(normals).to(body.v_template)[vertex_ids])

    def first(self, count: int) -> "SurfaceElements":
        """The first ``count`` elements; in a template's order they spread evenly."""
        return SurfaceElements(
            self.body.subset(torch.arange(min(count, len(self.normals)))), self.normals[:count]
        )

    def to(self, device: torch.device | str) -> "SurfaceElements":
        """The same on another device."""
        return SurfaceElements(self.body.to(device), self.normals.to(device))

    @functools.cached_property
    def kept_apart(self) -> list[list[torch.Tensor]]:
        """The vertices of each pair of ``KEPT_APART``: of the limb, and of what it must be outside of."""
        part = self.body.weights.argmax(1)
        return [
            [torch.isin(part, part.new_tensor(joints)).nonzero()[:, 0] for joints in pair]
            for pair in KEPT_APART
        ]

    def turned_normals(self, rotations: torch.Tensor) -> torch.Tensor:
        """Normals of posed bodies (not quite unit at joints): rotations (R, 24, 3, 3) → (R, M, 3)."""
        blended = self.body.weights @ rotations.reshape(-1, 24, 9)
        return (blended.unflatten(-1, (3, 3)) @ self.normals[..., None])[..., 0]
