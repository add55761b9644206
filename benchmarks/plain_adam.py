"""The published routine in its simplest form: all pairs of vertex and point, with a gradient through each.

``sshmr.fit.adam`` computes the same energy and derivative with less work. The authors' own code may be faster
than this.
"""

from unittest.mock import patch

import torch

from sshmr.fit import adam


def all_pairs_terms(body, prior, data, unknowns, start, phase):
    """As ``sshmr.fit.adam._terms``, padding masked."""
    points, mask, variance, outlier_weight = data
    vertices = adam._posed(body, unknowns)
    distance = torch.cdist(vertices, points)
    squared = distance.square()
    with torch.no_grad():
        near = (-0.5 * squared / variance[:, None, None]).exp()
        count = mask.sum(1).clamp_min(1)
        uniform = (2 * torch.pi * variance) ** 1.5 * outlier_weight / (1 - outlier_weight)
        uniform = uniform * vertices.shape[1] / count
        posterior = near / (near.sum(1) + uniform[:, None])[:, None] * mask[:, None]
        total = (posterior * squared).sum((1, 2))
        following = (total / posterior.sum((1, 2)).clamp_min(1e-9) / 5).clamp_min(adam.LEAST_VARIANCE)
    to_cloud = distance.masked_fill(~mask[:, None], torch.inf).amin(2).mean(1)
    to_model = (distance.amin(1) * mask).sum(1) / count
    terms = {
        "energy_correspondence": adam.CORRESPONDENCE[phase] * (posterior * squared).sum((1, 2)),
        "energy_chamfer": adam.MODEL_TO_CLOUD * to_cloud + adam.CLOUD_TO_MODEL * to_model,
        **adam._prior_terms(prior, unknowns, start),
    }
    return {"energy": sum(terms.values()), **terms}, following, vertices.detach()


def written_down():
    """Context in which the published routine computes in this form."""
    return patch.object(adam, "_terms", all_pairs_terms)
