"""The distances of a cloud from the body fitted to it, and the joints that the cloud shows."""

from typing import NamedTuple

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from sshmr.body.model import BodyModel
from sshmr.fit.linearise import State
from sshmr.geometry.raycast import Surface

FAR = 0.05
"""Metres from the mesh. ``far_share`` counts the points farther away."""
ON_SKIN = 0.08
"""Metres. A point this near to a vertex counts as on its part of the skin."""
MISSED, LINKED = 0.07, 0.08
"""Metres; points farther than the first from the mesh, each within the second of the next, may be a limb."""
BESIDE, CELL = 0.1, 0.01
"""Metres between two things that stand side by side, seen from above; and side of the squares of which each
counts as one point: the number of pairs must not grow with the cloud."""
PIECE = 8192
"""Number of points whose distances to the vertices are computed at the same time."""
FEWEST_POINTS = 2
"""Points on the skin about a joint that make it visible."""


class Residuals(NamedTuple):
    """Distances of B clouds from the meshes.

    Attributes:
        median: (B,) metres, of the points' distances to the mesh.
        far_share: (B,) of points beyond ``FAR``.
        missed_share: (B,) of points in the largest connected group beyond ``MISSED``.
    """

    median: torch.Tensor
    far_share: torch.Tensor
    missed_share: torch.Tensor


@torch.no_grad()
def residuals(body: BodyModel, state: State, clouds: torch.Tensor, masks: torch.Tensor) -> Residuals:
    """Of B clouds (B, N, 3), metres, with their masks (B, N), to the whole body's posed mesh."""
    vertices = body(state.pose, state.betas, state.transl).vertices.cpu().numpy()
    faces, found = body.faces.cpu().numpy(), []
    for skin, cloud, valid in zip(vertices, clouds.cpu().numpy(), masks.cpu().numpy(), strict=True):
        distance = Surface(skin, faces).distances(cloud[valid])
        missed = _largest_group(cloud[valid][distance > MISSED]) / len(distance)
        found.append((np.median(distance), (distance > FAR).mean(), missed))
    return Residuals(*torch.tensor(np.array(found, np.float32).reshape(-1, 3)).unbind(1))


def _largest_group(places: np.ndarray) -> int:
    """Size of the largest group of (n, 3) points in which each is within ``LINKED`` of another."""
    return int(np.bincount(_groups(places, LINKED)).max()) if len(places) else 0


def largest_piece(cloud: np.ndarray) -> np.ndarray:
    """Which points (K,) of a cloud (K, 3) belong to its largest piece, seen from above."""
    above = cloud[:, [0, 2]]
    _, first, square = np.unique(np.floor(above / CELL), axis=0, return_index=True, return_inverse=True)
    piece = _groups(above[first], BESIDE)[square.ravel()]
    return np.asarray(piece == np.bincount(piece).argmax())


def _groups(places: np.ndarray, apart: float) -> np.ndarray:
    """Number (n,) of the group of each place (n, D). Places nearer than ``apart`` are in the same one."""
    pairs = cKDTree(places).query_pairs(apart, output_type="ndarray")
    links = coo_array((np.ones(len(pairs), bool), pairs.T), (len(places), len(places)))
    return np.asarray(connected_components(links, directed=False)[1])


@torch.no_grad()
def visible_joints(body: BodyModel, state: State, points: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Which joints a cloud shows: those with points on the skin before or behind them.

    Args:
        body: BodyModel of the template's vertices. points: (B, N, 3) metres; mask: (B, N) bool.

    Returns:
        (B, 24) bool.
    """
    vertices = body(state.pose, state.betas, state.transl).vertices
    # In parts: the distances of a large cloud to all vertices would need gigabytes.
    parts = [torch.cdist(piece, vertices).min(2) for piece in points.split(PIECE, dim=1)]
    distance, nearest = (torch.cat(column, 1) for column in zip(*parts, strict=True))
    part = body.weights.argmax(1)[nearest]
    on_skin = (mask & (distance < ON_SKIN)).to(points)
    count = points.new_zeros(len(points), len(body.parents)).scatter_add_(1, part, on_skin)
    above = count[:, [max(parent, 0) for parent in body.parents]]
    return torch.maximum(count, above) >= FEWEST_POINTS
