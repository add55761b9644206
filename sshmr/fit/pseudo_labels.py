"""Pseudo labels: the template vertex of each point, and its weight."""

from typing import Any

import numpy as np
import torch

from sshmr.body.model import BodyModel
from sshmr.body.template import Template
from sshmr.config.relabel import RelabelConfig
from sshmr.fit.energy import soft_correspondence
from sshmr.tables.schemas import valid_mask

AT_ONCE = 8192
"""Number of points that are matched at the same time. It limits the memory."""


def relabel(
    points: dict[str, Any], params: dict[str, Any], body: BodyModel, template: Template, config: RelabelConfig
) -> dict[str, Any]:
    """Label every point with the nearest template vertex of its fitted body.

    Args:
        points: as ``read_points`` returns it. params: as ``read_params`` returns it, the same frames.
        body: the whole BodyModel. template: Template picked from it.

    Returns:
        dict: frame_id; trust (F,) float32: the fit's confidence, or 0 below ``config.least_confidence``. All
        losses that learn from a fit use it. segment (F, N) int16, −1 on padding. weight (F, N) float32: the
        probability that the point belongs to the body, times the trust.
    """
    chosen = body.subset(template.vertex_ids)
    confidence = np.asarray(params["confidence"], np.float32)
    trust = np.where(confidence >= config.least_confidence, confidence.clip(0, 1), np.float32(0))
    mask = valid_mask(points)
    segment = np.full(mask.shape, -1, np.int16)
    weight = np.zeros(mask.shape, np.float32)
    for row, (cloud, valid) in enumerate(zip(points["points"], mask, strict=True)):
        names = ("pose", "betas", "transl", "scale")
        pose, betas, transl, scale = (torch.from_numpy(params[name][row : row + 1]) for name in names)
        vertices = chosen(pose, betas, transl).scaled(scale, transl).vertices
        nearest, inlier = _assigned(vertices, torch.from_numpy(cloud[valid]), config)
        segment[row, valid] = nearest
        weight[row, valid] = inlier * trust[row]
    return {"frame_id": points["frame_id"], "trust": trust, "segment": segment, "weight": weight}


def _assigned(
    vertices: torch.Tensor, cloud: torch.Tensor, config: RelabelConfig
) -> tuple[np.ndarray, np.ndarray]:
    """Nearest vertex and probability to belong to the body of each point: (1, M, 3), (N, 3) → (N,), (N,)."""
    variance = torch.full((1,), config.spread**2)
    count = torch.tensor([len(cloud)])
    nearest, inlier = [], []
    for some in cloud.split(AT_ONCE):
        mask = torch.ones(1, len(some), dtype=torch.bool)
        match = soft_correspondence(vertices, some[None], mask, variance, config.outlier_weight, count=count)
        nearest.append(torch.cdist(some, vertices[0]).argmin(1))
        inlier.append(match.inlier[0])
    return torch.cat(nearest).numpy(), torch.cat(inlier).numpy()
