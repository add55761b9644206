"""How far a cloud lies from the body fitted to it."""

import numpy as np
import torch

from sshmr.body.model import BodyModel
from sshmr.fit.linearise import State
from sshmr.geometry.raycast import Surface


@torch.no_grad()
def median_residuals(body: BodyModel, state: State, clouds: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """(B,) metres: median distance of each cloud's valid points (B, N, 3) to the posed body's surface."""
    vertices = body(state.pose, state.betas, state.transl).vertices.numpy()
    faces = body.faces.numpy()
    return np.array(
        [
            np.median(Surface(skin, faces).distances(cloud[valid]))
            for skin, cloud, valid in zip(vertices, clouds, masks, strict=True)
        ],
        np.float32,
    )
