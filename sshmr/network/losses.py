"""The losses, each a plain function of padded tensors; each is a mean over the valid entries.

Shapes: points (B, N, 3) metres with mask (B, N) bool; template (M, 3) standing, or predicted vertices
(B, M, 3); descriptors (B, N, C) and (M, C) unit vectors; similarity (B, N, M) cosine.
"""

import torch

from sshmr.body.model import Posed
from sshmr.geometry.neighbours import exact_distances, group, nearest
from sshmr.geometry.rotations import rotmat_to_rot6d
from sshmr.network.matching import best_matches, dual_log_softmax, reconstruct
from sshmr.network.model import MATCH_SHARPNESS

BEST_MATCHED = 512
"""Number of points in the chamfer term of the cross reconstruction."""

LEAST_WEIGHT = 0.02
"""Smallest weight of a pseudo label."""

LOCAL_NEIGHBOURS = 5


def masked_mean(values: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Weighted mean: two (B, N) → scalar; 0 when nothing has weight."""
    weights = weights.to(values.dtype)
    return (values * weights).sum() / weights.sum().clamp_min(1e-8)


def self_reconstruction(
    descriptors: torch.Tensor, points: torch.Tensor, mask: torch.Tensor, count: int, temperature: float
) -> torch.Tensor:
    """Reconstruct each point from the points of its own shape with the most similar descriptors, without
    itself.

    Returns:
        Mean squared distance between a point and its reconstruction, square metres.
    """
    similarity = descriptors @ descriptors.transpose(1, 2)
    itself = torch.eye(points.shape[1], dtype=torch.bool, device=points.device)
    scores = similarity.masked_fill(itself | ~mask[:, None], float("-inf"))
    indices, weights = best_matches(similarity, scores, min(count, points.shape[1] - 1), temperature)
    rebuilt = reconstruct(indices, weights, points)
    return masked_mean((rebuilt - points).square().sum(-1), mask)


def cross_reconstruction(
    similarity: torch.Tensor,
    points: torch.Tensor,
    mask: torch.Tensor,
    template: torch.Tensor,
    count: int,
    temperature: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Reconstruct each shape through the other.

    A point's counterpart is the weighted mean of its best matches on the other shape. Going there and back
    (the counterpart of the counterparts) must return to the point; and the counterparts of the 512 best
    matched vertices must cover the other shape, by chamfer distance. Of the template only these 512
    vertices are used, since a partial cloud shows no others.

    Returns:
        The terms of the cloud and of the template, each a scalar in square metres.
    """
    template = template.expand(len(points), -1, -1)
    everywhere = torch.ones(template.shape[:2], dtype=torch.bool, device=mask.device)
    scores = dual_log_softmax(similarity, temperature, mask)
    forth = best_matches(similarity, scores, min(count, template.shape[1]), temperature)
    back_similarity, back_scores = similarity.transpose(1, 2), scores.transpose(1, 2)
    back = best_matches(back_similarity, back_scores, min(count, points.shape[1]), temperature)
    points_on_template = reconstruct(*forth, template)
    template_on_points = reconstruct(*back, points)

    def term(
        there_and_back: torch.Tensor,
        own: torch.Tensor,
        own_valid: torch.Tensor,
        counterparts: torch.Tensor,
        quality: torch.Tensor,
    ) -> torch.Tensor:
        """``counterparts`` of the other shape's rows, on this one; ``quality``: how well each is matched."""
        cycle = masked_mean((there_and_back - own).square().sum(-1), own_valid)
        best = quality.topk(min(BEST_MATCHED, quality.shape[1]), dim=1)
        covered = group(counterparts, best.indices)
        return cycle + squared_chamfer(covered, ~best.values.isneginf(), own, own_valid)

    best_of_vertex, best_of_point = scores.amax(1).detach(), scores.amax(2).detach()
    cloud_term = term(
        reconstruct(*forth, template_on_points), points, mask, template_on_points, best_of_vertex
    )
    seen = best_of_vertex >= best_of_vertex.topk(min(BEST_MATCHED, template.shape[1]), dim=1).values[:, -1:]
    template_term = term(
        reconstruct(*back, points_on_template), template, everywhere & seen, points_on_template, best_of_point
    )
    return cloud_term, template_term


def counterparts(
    similarity: torch.Tensor, mask: torch.Tensor, template: torch.Tensor, count: int, temperature: float
) -> torch.Tensor:
    """Each point's place on the standing template, the mean of its best matches: (B, N, 3) metres."""
    scores = dual_log_softmax(similarity, temperature, mask)
    matches = best_matches(similarity, scores, min(count, len(template)), temperature)
    return reconstruct(*matches, template.expand(len(similarity), -1, -1))


def squared_chamfer(
    first: torch.Tensor, first_mask: torch.Tensor, second: torch.Tensor, second_mask: torch.Tensor
) -> torch.Tensor:
    """Mean squared distance to the nearest point of the other set, both ways added; square metres."""
    forth, _ = nearest(first, second, second_mask)
    back, _ = nearest(second, first, first_mask)
    return masked_mean(forth.square(), first_mask) + masked_mean(back.square(), second_mask)


def distance_invariance(
    descriptors: torch.Tensor, points: torch.Tensor, mask: torch.Tensor, matched: torch.Tensor
) -> torch.Tensor:
    """Points with similar descriptors should have the same distance on the template as in the cloud.

    Each point's 5 neighbours by descriptor; the mean difference of the two distances, metres.

    Args:
        matched: (B, N, 3) each point's place on the standing template.
    """
    with torch.no_grad():
        similarity = descriptors @ descriptors.transpose(1, 2)
        itself = torch.eye(points.shape[1], dtype=torch.bool, device=points.device)
        similarity = similarity.masked_fill(itself | ~mask[:, None], float("-inf"))
        found, neighbours = similarity.topk(min(LOCAL_NEIGHBOURS, points.shape[1] - 1), dim=-1)
        valid = mask[..., None] & ~found.isneginf()
    apart = (group(points, neighbours) - points[:, :, None]).norm(dim=-1)
    difference = group(matched, neighbours) - matched[:, :, None]
    apart_on_template = (difference.square().sum(-1) + 1e-12).sqrt()
    return masked_mean((apart - apart_on_template).abs(), valid)


def label_shares(template: torch.Tensor, spread: float) -> torch.Tensor:
    """How a label is shared among the vertices around it: (M, 3) metres → (M, M), rows sum to 1.

    By a Gaussian of standard deviation ``spread``, metres, in the standing pose.
    """
    squared = exact_distances(template, template).square()
    return (-squared / (2 * spread**2)).softmax(-1)


def label_similarity(
    descriptors: torch.Tensor,
    template_descriptors: torch.Tensor,
    segment: torch.Tensor,
    shares: torch.Tensor | None = None,
) -> torch.Tensor:
    """Cosine of each point with its label: (B, N).

    Args:
        segment: (B, N) int64, template vertex of each point; the value at −1 has no meaning.
        shares: (M, M), what ``label_shares`` gave, rows sum to 1: the mean over the vertices that share a
            label; without it all of a label is its vertex's.
    """
    wanted = template_descriptors if shares is None else shares @ template_descriptors
    return torch.linalg.vecdot(descriptors, wanted[segment.clamp_min(0)])


def pseudo_label_cross_entropy(
    similarity: torch.Tensor,
    own: torch.Tensor,
    segment: torch.Tensor,
    weight: torch.Tensor,
    mask: torch.Tensor,
) -> torch.Tensor:
    """Cross entropy of the matching against each point's template vertex.

    The worst tenth of the batch's pseudo labels has a lower weight: exp(−(loss − q90)), at least 0.02.

    Args:
        own: (B, N) cosine of each point with its label, what ``label_similarity`` gave.
        segment: (B, N) int64, template vertex of each point. weight: (B, N), 0 to leave a point out.
    """
    losses = (similarity * MATCH_SHARPNESS).logsumexp(-1) - own * MATCH_SHARPNESS
    counted = mask & (weight > 0) & (segment >= 0)
    with torch.no_grad():
        known = losses[counted].sort().values
        limit = known[int(0.9 * (len(known) - 1))] if len(known) else losses.new_zeros(())
        damping = torch.exp(-(losses - limit).clamp_min(0)).clamp_min(LEAST_WEIGHT)
    return masked_mean(losses, weight * damping * counted)


def matched_chamfer(
    similarity: torch.Tensor, vertices: torch.Tensor, points: torch.Tensor, mask: torch.Tensor
) -> torch.Tensor:
    """Chamfer distance, metres, between the points and the predicted vertices that any of them matches best.

    Args:
        vertices: (B, M, 3) metres, the template's vertices as predicted.
    """
    best = similarity.detach().argmax(-1)
    hit = torch.zeros(vertices.shape[:2], dtype=torch.int64, device=vertices.device)
    hit = hit.scatter_reduce(1, best, mask.long(), "amax") > 0
    to_points, _ = nearest(vertices, points, mask)
    to_vertices, _ = nearest(points, vertices, hit)
    return masked_mean(to_points, hit) + masked_mean(to_vertices, mask)


def weighted_distance(
    similarity: torch.Tensor, vertices: torch.Tensor, points: torch.Tensor, mask: torch.Tensor
) -> torch.Tensor:
    """Distance, metres, of each point to the 5 predicted vertices it matches best, weighted by the match."""
    indices, weights = best_matches(similarity, similarity, LOCAL_NEIGHBOURS, 1 / MATCH_SHARPNESS)
    difference = group(vertices, indices) - points[:, :, None]
    distances = (difference.square().sum(-1) + 1e-12).sqrt()
    return masked_mean((distances * weights).sum(-1), mask)


def pose_size(rotvecs: torch.Tensor) -> torch.Tensor:
    """Mean absolute rotation vector of the body's 23 joints: (B, 24, 3) → scalar, radians."""
    return rotvecs[:, 1:].abs().mean()


def parameter_losses(
    posed: Posed,
    rot6d: torch.Tensor,
    target_posed: Posed,
    target_rotmats: torch.Tensor,
    joint_weights: torch.Tensor,
    trust: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Distance to the true body of a synthetic cloud, or to a fit.

    Args:
        posed: predicted vertices and joints. rot6d: (B, 24, 6) from the head.
        target_posed: those of the target. target_rotmats: (B, 24, 3, 3) its local rotations.
        joint_weights: (24,) share of each joint in the rotation loss.
        trust: (B,) weight of each target, in [0, 1].

    Returns:
        vertices and joints (mean distances, metres), rotations (mean squared difference of the six numbers).
        Rotations are compared before they are made orthonormal: a head that cannot distinguish front from
        back predicts numbers near zero, whose direction, and hence gradient, would be noise.
    """
    share = trust / trust.sum().clamp_min(1e-8)

    def distance(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        return ((first - second).square().sum(-1) + 1e-8).sqrt().mean(1) @ share

    squared = (rot6d - rotmat_to_rot6d(target_rotmats)).square().sum(-1)
    rotation = (squared * joint_weights).sum(1) / joint_weights.sum()
    return (
        distance(posed.vertices, target_posed.vertices),
        distance(posed.joints, target_posed.joints),
        rotation @ share,
    )
