"""One number for each voxel of each cloud, so that the numbers of neighbours differ by a fixed step."""

import itertools

import torch

from sshmr.network.serialization import BITS

OFFSETS = tuple(itertools.product((-1, 0, 1), repeat=3))
"""The 27 neighbours of a voxel, itself in the middle; entry 26 − k lies opposite entry k."""


def voxel_keys(voxels: torch.Tensor, cloud: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Sorted keys and where they come from.

    Args:
        voxels: (V, 3) int64 in [0, 2^BITS), no two alike in a cloud. cloud: (V,) int64.

    Returns:
        keys (V,) int64, ascending; order (V,) int64, the row of each; steps (27,) int64 from a voxel's key to
        those of its neighbours.
    """
    # A border of one voxel keeps neighbours from wrapping round to the next row of the grid.
    side = (1 << BITS) + 2
    strides = torch.tensor([side * side, side, 1], device=voxels.device)
    keys, order = (cloud * side**3 + ((voxels + 1) * strides).sum(1)).sort()
    return keys, order, (torch.tensor(OFFSETS, device=voxels.device) * strides).sum(1)
