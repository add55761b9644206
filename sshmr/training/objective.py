"""The sum of losses that a step minimises."""

import torch

from sshmr.body.model import BodyModel
from sshmr.config.train import LossWeights
from sshmr.geometry.rotations import rotmat_to_rotvec
from sshmr.network import losses
from sshmr.network.model import MeshRegressor, Output
from sshmr.training.batch import Batch, first_points

ROOT_SHARE = 20.0
"""The root's weight in the rotation loss. Other joints have 1. A wrong heading makes all joints wrong."""

RIGID_JOINTS = (10, 11, 22, 23)
"""Feet and hands: clouds do not show their rotation."""

SPARSE_VERTICES = 256
"""Template vertices of the direct supervision: the template is in farthest-point order, so its
first ones are spread evenly too."""


def joint_weights() -> torch.Tensor:
    """(24,) shares of the joints in the rotation loss."""
    shares = torch.ones(24)
    shares[0] = ROOT_SHARE
    shares[list(RIGID_JOINTS)] = 0.1
    return shares


def objective(
    output: Output,
    batch: Batch,
    network: MeshRegressor,
    body: BodyModel,
    weights: LossWeights,
    first_epoch: bool,
    shares: torch.Tensor | None = None,
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Every loss that has a weight.

    Args:
        output: the network's, for ``batch``. body: its vertices are the template's.
        weights: ``LossWeights``. first_epoch: whether the network is untrained.
        shares: how pseudo labels are shared among vertices (``losses.label_shares``), or None.

    Returns:
        total: scalar. parts: dict, name → scalar without weight.
    """
    config, template = network.config, network.template
    similarity = output.similarity
    batch = first_points(batch, similarity.shape[1])
    points, mask = batch.points, batch.mask
    choice = (config.neighbours, config.temperature)
    parts: dict[str, torch.Tensor] = {}
    if weights.self_reconstruction:
        everywhere = torch.ones(1, len(template), dtype=torch.bool, device=mask.device)
        parts["self_reconstruction"] = losses.self_reconstruction(
            output.descriptors, points, mask, *choice
        ) + losses.self_reconstruction(output.template_descriptors[None], template[None], everywhere, *choice)
    if weights.cross_reconstruction:
        there, back = losses.cross_reconstruction(similarity, points, mask, template, *choice)
        parts["cross_reconstruction"] = there + back
    if weights.distance_invariance:
        place = losses.counterparts(similarity, mask, template, *choice)
        parts["distance_invariance"] = losses.distance_invariance(output.descriptors, points, mask, place)
    if weights.label_cross_entropy:
        own = losses.label_similarity(output.descriptors, output.template_descriptors, batch.segment, shares)
        parts["label_cross_entropy"] = losses.pseudo_label_cross_entropy(
            similarity, own, batch.segment, batch.weight, mask
        )
    parts.update(_body_losses(output, batch, body, weights))
    if weights.pose_size and first_epoch:
        parts["pose_size"] = losses.pose_size(rotmat_to_rotvec(output.prediction.rotmats))
    total = sum(getattr(weights, name) * value for name, value in parts.items())
    return total, {name: value.detach() for name, value in parts.items()}


def _body_losses(
    output: Output, batch: Batch, body: BodyModel, weights: LossWeights
) -> dict[str, torch.Tensor]:
    direct = weights.vertices or weights.joints or weights.rotations
    matched = weights.chamfer or weights.matched_distance
    if not (direct or matched):
        return {}
    parts: dict[str, torch.Tensor] = {}
    if matched:
        vertices = output.prediction.pose_body(body).vertices
        where = (output.similarity, vertices, batch.points, batch.mask)
    if weights.chamfer:
        parts["chamfer"] = losses.matched_chamfer(*where)
    if weights.matched_distance:
        parts["matched_distance"] = losses.weighted_distance(*where)
    if direct:
        body = body.subset(torch.arange(min(SPARSE_VERTICES, len(body.v_template))))
        with torch.no_grad():
            target = batch.target.pose_body(body)
        # In the target's heading: the rotation loss penalises a wrong one, which would dominate this loss.
        rotmats = torch.cat([batch.target.rotmats[:, :1], output.prediction.rotmats[:, 1:]], dim=1)
        posed = output.prediction._replace(rotmats=rotmats).pose_body(body)
        shares = joint_weights().to(batch.points)
        values = losses.parameter_losses(
            posed, output.rot6d, target, batch.target.rotmats, shares, batch.trust
        )
        parts.update(zip(("vertices", "joints", "rotations"), values, strict=True))
    return parts
