"""Predictions for a whole points table."""

import numpy as np
import torch

from sshmr.data.tables import valid_mask
from sshmr.geometry.rotations import rotmat_to_rotvec
from sshmr.network.model import MATCH_SHARPNESS
from sshmr.progress import track


@torch.inference_mode()
def infer(network, points, body, config):
    """Predict the body of every cloud.

    Args:
        network: a ``MeshRegressor``, in eval mode. points: what ``read_points`` gave. body: the neutral body.
        config: ``InferConfig``.

    Returns:
        dict of the params table's columns.
    """
    device = network.template.device
    descriptors = network.encode_template()
    clouds, masks = torch.from_numpy(points["points"]), torch.from_numpy(valid_mask(points))
    columns = {"pose": [], "betas": [], "transl": [], "confidence": []}
    starts = range(0, len(clouds), config.batch)
    for start in track(starts, "Infer", len(starts)):
        cloud = clouds[start : start + config.batch].to(device)
        mask = masks[start : start + config.batch].to(device)
        output = network(cloud, mask, descriptors)
        prediction = output.prediction
        columns["pose"].append(rotmat_to_rotvec(prediction.rotmats).flatten(1))
        columns["betas"].append(prediction.betas)
        columns["transl"].append(prediction.transl(body))
        columns["confidence"].append(_certainty(output.similarity, mask))
    arrays = {name: torch.cat(parts).cpu().numpy() for name, parts in columns.items()} if len(clouds) else {}
    count = len(clouds)
    return {
        **{"pose": np.zeros((0, 72)), "betas": np.zeros((0, 10)), "transl": np.zeros((0, 3))},
        **arrays,
        "frame_id": points["frame_id"],
        "hypothesis": ["network"] * count,
        "converged": [True] * count,
        "iterations": [0] * count,
    }


def _certainty(similarity, mask):
    """Mean over points of the best template vertex's probability: (B,) in 0 to 1."""
    best = (similarity * MATCH_SHARPNESS).softmax(-1).amax(-1)
    return (best * mask).sum(1) / mask.sum(1).clamp_min(1)
