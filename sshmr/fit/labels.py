"""Pseudo labels: which template vertex each point of a cloud belongs to, and how far to trust that."""

import dataclasses

import numpy as np
import torch

from sshmr.data.tables import valid_mask
from sshmr.fit.energy import soft_correspondence


@dataclasses.dataclass(frozen=True)
class RelabelConfig:
    """How fits become labels.

    Attributes:
        spread: standard deviation of a point about its vertex, metres; sets how soon a point counts as stray.
        outlier_weight: share of points that belong to no body, a priori.
        least_confidence: a fit less sure than this teaches nothing.
    """

    spread: float = 0.04
    outlier_weight: float = 0.05
    least_confidence: float = 0.3


def relabel(points, params, body, template, config):
    """Label every point with the nearest template vertex of its fitted body.

    Args:
        points: as ``read_points`` returns it. params: as ``read_params`` returns it, the same frames.
        body: the whole BodyModel. template: Template picked from it.

    Returns:
        dict: frame_id; segment (F, N) int16, −1 on padding; weight (F, N) float32: the probability that
        the point belongs to the body, times the fit's confidence; 0 where the fit is not trusted.
    """
    cloud, mask = torch.from_numpy(points["points"]), torch.from_numpy(valid_mask(points))
    posed = body.subset(template.vertex_ids)(
        *(torch.from_numpy(params[n]) for n in ("pose", "betas", "transl"))
    )
    variance = torch.full((len(cloud),), config.spread**2)
    inlier = soft_correspondence(posed.vertices, cloud, mask, variance, config.outlier_weight).inlier
    nearest = torch.cdist(cloud, posed.vertices).argmin(2)
    trusted = params["confidence"] * (params["confidence"] >= config.least_confidence)
    return {
        "frame_id": points["frame_id"],
        "segment": torch.where(mask, nearest, -1).numpy().astype(np.int16),
        "weight": (inlier.numpy() * trusted[:, None]).astype(np.float32),
    }
