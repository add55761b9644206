"""Predictions for a whole points table."""

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import torch

from sshmr.body.model import MIRROR_JOINTS, BodyModel
from sshmr.config.infer import InferConfig
from sshmr.device import repeatable
from sshmr.geometry.neighbours import farthest_point_sample, group
from sshmr.geometry.rotations import rot6d_to_rotmat, rotation_about_y, rotmat_to_rotvec
from sshmr.network.head import Prediction
from sshmr.network.model import MATCH_SHARPNESS, MeshRegressor
from sshmr.progress import track
from sshmr.tables.schemas import valid_mask

UPSIDE_DOWN = torch.diag(torch.tensor([1.0, -1.0, -1.0]))
MIRROR = torch.diag(torch.tensor([-1.0, 1.0, 1.0]))


class View(NamedTuple):
    """How the network sees clouds: mirrored or not, then rotated by (3, 3) for all, or (B, 3, 3)."""

    rotation: torch.Tensor
    mirrored: bool


def views(rotations: int, mirrored: bool, base: torch.Tensor | None = None) -> list[View]:
    """Views at evenly spaced rotations about the vertical, and with ``mirrored`` their mirror images.

    ``base``: (3, 3) rotation before these, or None.
    """
    angles = torch.arange(rotations) * (2 * math.pi / rotations)
    turns = rotation_about_y(angles) if base is None else rotation_about_y(angles) @ base
    sides = (False, True) if mirrored else (False,)
    return [View(turn, side) for side in sides for turn in turns]


def upright_views(prediction: Prediction, mirrored: bool) -> list[View]:
    """Views in which each predicted body's pelvis is upright and faces +z."""
    pelvis = prediction.rotmats[:, 0]
    seen = [View(pelvis.mT, False)]
    if mirrored:
        flip = MIRROR.to(pelvis)
        seen.append(View((flip @ pelvis @ flip).mT, True))
    return seen


@torch.inference_mode()
def infer(
    network: MeshRegressor,
    points: dict[str, Any],
    body: BodyModel,
    config: InferConfig,
    progress: Callable[..., Iterable[Any]] = track,
) -> dict[str, Any]:
    """Predict the body of every cloud.

    Args:
        network: in eval mode. points: what ``read_points`` returned.
        body: the neutral body, on the network's device.
        config: ``InferConfig``. progress: as for ``fit_shard``.

    Returns:
        dict of the params table's columns.
    """
    with repeatable(network.template.device):
        arrays = _predicted(network, points, body, config, progress)
    count = len(points["frame_id"])
    return {
        **{"pose": np.zeros((0, 72)), "betas": np.zeros((0, 10)), "transl": np.zeros((0, 3))},
        **arrays,
        "frame_id": points["frame_id"],
        "hypothesis": ["network"] * count,
        "converged": [True] * count,
        "iterations": [0] * count,
    }


def _predicted(
    network: MeshRegressor,
    points: dict[str, Any],
    body: BodyModel,
    config: InferConfig,
    progress: Callable[..., Iterable[Any]],
) -> dict[str, Any]:
    """The columns that the network predicts, as arrays; no columns for no clouds."""
    device = network.template.device
    descriptors = network.encode_template()
    clouds, masks = torch.from_numpy(points["points"]), torch.from_numpy(valid_mask(points))
    columns: dict[str, list[torch.Tensor]] = {"pose": [], "betas": [], "transl": [], "confidence": []}
    frames = range(len(clouds))
    batches = [frames[start : start + config.batch] for start in range(0, len(clouds), config.batch)]
    for batch in progress(batches, "Infer"):
        cloud = clouds[batch.start : batch.stop].to(device)
        mask = masks[batch.start : batch.stop].to(device)
        prediction, certainty = predict_views(network, cloud, mask, descriptors, config)
        columns["pose"].append(rotmat_to_rotvec(prediction.rotmats).flatten(1))
        columns["betas"].append(prediction.betas)
        columns["transl"].append(prediction.transl(body))
        columns["confidence"].append(certainty)
    return {name: torch.cat(parts).cpu().numpy() for name, parts in columns.items() if parts}


def sampled(
    cloud: torch.Tensor, mask: torch.Tensor, config: InferConfig
) -> tuple[torch.Tensor, torch.Tensor]:
    """Farthest point sampling of each cloud: the first few points are spread over the cloud too.

    Args:
        cloud: (B, N, 3) metres. mask: (B, N) bool, at least one True in each cloud. config: ``InferConfig``.

    Returns:
        cloud (B, K, 3) and mask (B, K); unchanged if ``config`` uses all points.
    """
    if not (config.points or config.matched_points):
        return cloud, mask
    count = min(config.points or cloud.shape[1], cloud.shape[1])
    chosen = farthest_point_sample(cloud, count, mask)
    real = torch.arange(count, device=mask.device) < mask.sum(1, keepdim=True)
    return group(cloud, chosen) * real[..., None], real


def predict_views(
    network: MeshRegressor,
    cloud: torch.Tensor,
    mask: torch.Tensor,
    descriptors: torch.Tensor,
    config: InferConfig,
) -> tuple[Prediction, torch.Tensor]:
    """Predict from rotated views, in several passes.

    The first pass predicts each cloud as it is and upside down, and keeps the prediction whose matching is
    more certain. Each further pass rotates each cloud so that its last predicted body stands upright and
    faces +z. Arguments and result as for ``predict``.
    """
    seen = sampled(cloud, mask, config)

    def predicted(chosen: list[View]) -> tuple[Prediction, torch.Tensor]:
        return predict(network, *seen, descriptors, chosen, config.matched_points)

    mirrored = [False] * (config.passes - 1) + [config.mirrored]
    prediction, certainty = predicted(views(config.rotations, mirrored[0]))
    if config.upside_down:
        other, surer = predicted(views(config.rotations, mirrored[0], UPSIDE_DOWN))
        better = surer > certainty
        prediction = Prediction(*(_chosen(better, *pair) for pair in zip(other, prediction, strict=True)))
        certainty = torch.maximum(certainty, surer)
    for side in mirrored[1:]:
        prediction, certainty = predicted(upright_views(prediction, side))
    return prediction, certainty


def _chosen(which: torch.Tensor, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """The rows of ``first`` where ``which`` (B,) is true, and of ``second`` elsewhere."""
    return torch.where(which.view(-1, *[1] * (first.dim() - 1)), first, second)


def predict(
    network: MeshRegressor,
    cloud: torch.Tensor,
    mask: torch.Tensor,
    descriptors: torch.Tensor,
    chosen: list[View],
    matched_points: int = 0,
) -> tuple[Prediction, torch.Tensor]:
    """The mean prediction over several views of the same clouds.

    The six numbers of each rotation are averaged before they are made orthonormal. They are small where the
    network cannot distinguish front from back, so views in which it can count more.

    Args:
        cloud: (B, N, 3) metres. mask: (B, N) bool. descriptors: the template's.
        matched_points: as for ``MeshRegressor.forward``.

    Returns:
        Prediction and certainty (B,).
    """
    sign = torch.tensor([-1.0, 1.0, 1.0], device=cloud.device)
    swapped = torch.tensor(MIRROR_JOINTS, device=cloud.device)
    sums: tuple[torch.Tensor, ...] = ()
    for view in chosen:
        rotation = view.rotation.to(cloud).expand(len(cloud), 3, 3)
        seen = (cloud * sign if view.mirrored else cloud) @ rotation.mT
        output = network(seen, mask, descriptors, matched_points)
        pelvis = (output.prediction.pelvis[:, None] @ rotation)[:, 0]
        columns = output.rot6d.unflatten(-1, (2, 3))
        columns = torch.cat([columns[:, :1] @ rotation[:, None], columns[:, 1:]], dim=1)
        if view.mirrored:
            # Mirroring turns R into S R S with S = diag(−1, 1, 1): the first column changes sign as a whole.
            pelvis = pelvis * sign
            columns = columns[:, swapped] * sign * sign[:2, None]
        parts = (columns.flatten(-2), pelvis, output.prediction.betas, _certainty(output.similarity, mask))
        sums = parts if not sums else tuple(a + b for a, b in zip(sums, parts, strict=True))
    rot6d, pelvis, betas, certainty = (part / len(chosen) for part in sums)
    return Prediction(rot6d_to_rotmat(rot6d), pelvis, betas), certainty


def _certainty(similarity: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Mean over the matched points of their best vertex's probability: (B,) in [0, 1]."""
    mask = mask[:, : similarity.shape[1]]
    best = (similarity * MATCH_SHARPNESS).softmax(-1).amax(-1)
    return (best * mask).sum(1) / mask.sum(1).clamp_min(1)
