"""A body with fewer vertices, cheap to pose and to cast rays at."""

import dataclasses

import torch
from torch import Tensor

from sshmr.body.model import BodyModel
from sshmr.body.template import Template, build_template
from sshmr.network.head import Prediction

SKIN_DISTANCE = 0.1
"""Metres that skinning weights which have nothing in common count as, so that limbs don't grow together."""


@dataclasses.dataclass(frozen=True)
class CoarseBody:
    """A ``BodyModel`` of few vertices with its own faces.

    Attributes:
        body: the subset. faces: (F, 3) int64. normals: (V, 3) unit, of the rest pose.
        label: (F,) int64, the template vertex nearest to each face. bone: (F,) int64, its joint.
    """

    body: BodyModel
    faces: Tensor
    normals: Tensor
    label: Tensor
    bone: Tensor

    @classmethod
    def of(cls, body: BodyModel, template: Template, count: int = 2048) -> "CoarseBody":
        """Merge each vertex of ``body`` with the nearest of ``count`` evenly spread ones."""
        chosen = build_template(body, count).vertex_ids
        place = torch.cat([body.v_template, SKIN_DISTANCE * body.weights], 1)
        owner = torch.cdist(place, place[chosen]).argmin(1)
        faces = owner[body.faces]
        a, b, c = faces.unbind(1)
        faces = faces[(a != b) & (b != c) & (c != a)].unique(dim=0)
        few = body.subset(chosen)
        corners = few.v_template[faces]
        across = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normals = torch.zeros_like(few.v_template)
        for corner in range(3):
            normals.index_add_(0, faces[:, corner], across)
        weights = few.weights[faces].mean(1)
        middle = torch.cat([corners.mean(1), SKIN_DISTANCE * weights], 1)
        label = torch.cdist(middle, place[template.vertex_ids]).argmin(1)
        return cls(few, faces, torch.nn.functional.normalize(normals, dim=1), label, weights.argmax(1))

    def posed(self, target: Prediction, offsets: Tensor) -> Tensor:
        """Vertices (B, V, 3) metres of bodies whose skin is moved outward by ``offsets`` (B, 24) metres, by
        joint."""
        outside = (offsets @ self.body.weights.T)[..., None] * self.normals
        clothed = dataclasses.replace(self.body, v_template=self.body.v_template + outside)
        return target.pose_body(clothed).vertices
