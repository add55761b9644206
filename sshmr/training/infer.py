"""Predictions for a whole points table."""

import functools
import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import torch

from sshmr.body.model import MIRROR_JOINTS, BodyModel
from sshmr.config.infer import InferConfig
from sshmr.device import repeatable
from sshmr.geometry.neighbours import farthest_point_sample, group
from sshmr.geometry.rotations import rot6d_to_rotmat, rotation_about_y, rotmat_to_rotvec, rotvec_to_rotmat
from sshmr.network.head import Prediction
from sshmr.network.model import MATCH_SHARPNESS, MeshRegressor
from sshmr.progress import track
from sshmr.tables.schemas import valid_mask

MIRROR = torch.diag(torch.tensor([-1.0, 1.0, 1.0]))
"""(3, 3), exchanges left and right."""
TILTED = rotvec_to_rotmat(
    math.pi / 2 * torch.tensor([[2.0, 0, 0], [1.0, 0, 0], [-1.0, 0, 0], [0, 0, 1.0], [0, 0, -1.0]])
)
"""(5, 3, 3), rotations after which people who hang upside down, or lie along z or x, may stand."""
UNCERTAIN = 0.04
"""Clouds whose first pass has a lower certainty are also predicted after these rotations. With the shipped
network, it is about 0.055 for upright people, and 0.025 for people who lie or hang upside down."""
TILTED_FACTOR = 1.3
"""Such a prediction is kept if it is this many times as certain, as most people are upright."""

Certain = tuple[Prediction, torch.Tensor]
"""The prediction for B clouds and its certainty (B,), from 0 to 1."""


class View(NamedTuple):
    """How the network sees clouds: mirrored or not, then rotated by (3, 3) for all, or (B, 3, 3)."""

    rotation: torch.Tensor
    mirrored: bool


def views(rotations: int, mirrored: bool) -> list[View]:
    """Views at evenly spaced rotations about the vertical, and with ``mirrored`` their mirror images."""
    angles = torch.arange(rotations) * (2 * math.pi / rotations)
    sides = (False, True) if mirrored else (False,)
    return [View(rotation, side) for side in sides for rotation in rotation_about_y(angles)]


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

    Each pass after the first one rotates each cloud so that its last predicted body stands upright and faces
    +z. Clouds whose first pass is uncertain start once more, from the most certain of ``TILTED`` views. That
    result is kept if it is clearly more certain. Arguments and result as for ``predict``.
    """
    points, real = sampled(cloud, mask, config)

    def seen(rows: torch.Tensor | slice, chosen: list[View]) -> Certain:
        return predict(network, points[rows], real[rows], descriptors, chosen, config.matched_points)

    def finished(rows: torch.Tensor | slice, found: Certain) -> Certain:
        for _ in range(config.passes - 1):
            found = seen(rows, upright_views(found[0], config.mirrored))
        return found

    first = seen(slice(None), views(config.rotations, config.mirrored))
    prediction, certainty = finished(slice(None), first)
    rows = (first[1] < UNCERTAIN).nonzero()[:, 0]
    if not config.tilted or not len(rows):
        return prediction, certainty
    start = functools.reduce(_more_certain, (seen(rows, [View(turn, False)]) for turn in TILTED))
    before = Prediction(*(part[rows] for part in prediction)), certainty[rows]
    some, surer = _more_certain(before, finished(rows, start), TILTED_FACTOR)
    replaced = (old.index_copy(0, rows, new) for old, new in zip(prediction, some, strict=True))
    return Prediction(*replaced), certainty.index_copy(0, rows, surer)


def _more_certain(first: Certain, second: Certain, factor: float = 1.0) -> Certain:
    """For each cloud the second prediction, if it is more than ``factor`` times as certain as the first."""
    better = second[1] > factor * first[1]
    parts = (
        torch.where(better.view(-1, *[1] * (new.dim() - 1)), new, old)
        for old, new in zip(first[0], second[0], strict=True)
    )
    return Prediction(*parts), torch.where(better, second[1], first[1])


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
    sign = MIRROR.diagonal().to(cloud.device)
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
