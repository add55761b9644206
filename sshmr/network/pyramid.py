"""The voxels of every stage: their positions, neighbours and patches. This module has no weights."""

from typing import NamedTuple

import torch

from sshmr.network.ragged import Patches, cut_in_patches, scatter
from sshmr.network.serialization import BITS, CURVES, curve_code, z_order_code
from sshmr.network.sparse_columns import Columns
from sshmr.network.sparse_conv import find_neighbours
from sshmr.network.sparse_pairs import Pairs


class Level(NamedTuple):
    """One stage's voxels, cloud after cloud, along the z-order curve within each.

    Attributes:
        cloud: (V,) int64. lengths: (B,) int64, voxels of each cloud.
        neighbours: of every voxel. patches: one layout per curve (one in all when every cloud fits a patch).
        parent: for each row of the finer level (for the finest, each point) its voxel here.
    """

    cloud: torch.Tensor
    lengths: torch.Tensor
    neighbours: Pairs | Columns
    patches: tuple[Patches, ...]
    parent: torch.Tensor


def voxel_of(positions: torch.Tensor, grid: float) -> torch.Tensor:
    """Voxel of each position: (P, 3) metres → (P, 3) int64, the origin in the middle of the grid.

    Positions beyond 2^(BITS−1) voxels are in the outermost one.
    """
    half = 1 << (BITS - 1)
    return (torch.floor(positions / grid).clamp(-half, half - 1) + half).long()


def build_pyramid(
    positions: torch.Tensor, cloud: torch.Tensor, clouds: int, grid: float, stages: int, patch: int
) -> list[Level]:
    """The levels of packed clouds, finest first.

    Args:
        positions: (P, 3) metres. cloud: (P,) int64, ascending. clouds: how many there are.
        grid: metres, edge of the finest voxel. stages: levels. patch: most voxels in a patch.
    """
    voxels = voxel_of(positions, grid)
    levels = []
    bits = BITS
    for stage in range(stages):
        codes = (cloud << 3 * bits) | z_order_code(voxels)
        codes, parent = codes.unique(return_inverse=True)
        voxels = _first_of(voxels, parent, len(codes))
        cloud = codes >> 3 * bits
        lengths = torch.bincount(cloud, minlength=clouds)
        levels.append(
            Level(
                cloud,
                lengths,
                find_neighbours(voxels, cloud),
                _patches(voxels, cloud, lengths, patch, bits),
                parent,
            )
        )
        if stage + 1 < stages:
            voxels, bits = voxels >> 1, bits - 1
    return levels


def _first_of(voxels: torch.Tensor, parent: torch.Tensor, count: int) -> torch.Tensor:
    return scatter(voxels, parent, count, "amax")


def _patches(
    voxels: torch.Tensor, cloud: torch.Tensor, lengths: torch.Tensor, patch: int, bits: int
) -> tuple[Patches, ...]:
    if not len(cloud) or int(lengths.max()) <= patch:
        return (cut_in_patches(torch.arange(len(cloud), device=cloud.device), lengths, patch),)
    layouts = []
    for curve in CURVES:
        order = ((cloud << 3 * bits) | curve_code(voxels, curve, bits)).argsort()
        layouts.append(cut_in_patches(order, lengths, patch))
    return tuple(layouts)
