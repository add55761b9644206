"""How far a cloud lies from the body fitted to it, and which of its joints the cloud shows."""

from typing import NamedTuple

import numpy as np
import torch

from sshmr.body.model import BodyModel
from sshmr.fit.linearise import State
from sshmr.geometry.raycast import Surface

FAR = 0.05
"""Metres from the mesh; points farther away are told apart."""
ON_SKIN = 0.08
"""Metres; a point this near to a vertex lies on its part of the skin."""
PIECE = 8192
"""Points whose distances to the vertices are computed at once."""
FEWEST_POINTS = 2
"""On the skin about a joint, for it to count as visible."""


class Residuals(NamedTuple):
    """median (B,) metres, of the points' distances to the mesh; far_share (B,) of points beyond ``FAR``."""

    median: torch.Tensor
    far_share: torch.Tensor


@torch.no_grad()
def residuals(body: BodyModel, state: State, clouds: torch.Tensor, masks: torch.Tensor) -> Residuals:
    """Of B clouds (B, N, 3), metres, with their masks (B, N), to the whole body's posed mesh."""
    vertices = body(state.pose, state.betas, state.transl).vertices.cpu().numpy()
    faces, found = body.faces.cpu().numpy(), []
    for skin, cloud, valid in zip(vertices, clouds.cpu().numpy(), masks.cpu().numpy(), strict=True):
        distance = Surface(skin, faces).distances(cloud[valid])
        found.append((np.median(distance), (distance > FAR).mean()))
    median, far_share = torch.tensor(np.array(found, np.float32).reshape(-1, 2)).unbind(1)
    return Residuals(median, far_share)


@torch.no_grad()
def visible_joints(body: BodyModel, state: State, points: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Which joints a cloud shows: those with points on the skin before or behind them.

    Args:
        body: BodyModel of the template's vertices. points: (B, N, 3) metres; mask: (B, N) bool.

    Returns:
        (B, 24) bool.
    """
    vertices = body(state.pose, state.betas, state.transl).vertices
    # In pieces: the distances of a large cloud to all vertices would take gigabytes.
    parts = [torch.cdist(piece, vertices).min(2) for piece in points.split(PIECE, dim=1)]
    distance, nearest = (torch.cat(column, 1) for column in zip(*parts, strict=True))
    part = body.weights.argmax(1)[nearest]
    on_skin = (mask & (distance < ON_SKIN)).to(points)
    count = points.new_zeros(len(points), len(body.parents)).scatter_add_(1, part, on_skin)
    above = count[:, [max(parent, 0) for parent in body.parents]]
    return torch.maximum(count, above) >= FEWEST_POINTS
