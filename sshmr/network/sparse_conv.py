"""Submanifold sparse convolution: only over occupied voxels.

Source: Graham et al., "3D Semantic Segmentation with Submanifold Sparse Convolutional Networks", CVPR 2018.
"""

import torch
from torch import nn

from sshmr.network.sparse_columns import Columns, find_columns
from sshmr.network.sparse_pairs import Pairs, find_pairs
from sshmr.network.voxel_keys import OFFSETS


def find_neighbours(voxels: torch.Tensor, cloud: torch.Tensor) -> Pairs | Columns:
    """The neighbours of every voxel, as ``SubmanifoldConv`` needs them on this device.

    Args:
        voxels: (V, 3) int64 in [0, 2^BITS), no two alike in a cloud. cloud: (V,) int64.
    """
    return (find_pairs if voxels.device.type == "cpu" else find_columns)(voxels, cloud)


class SubmanifoldConv(nn.Module):
    """A 3×3×3 convolution over occupied voxels only: (V, in) → (V, out)."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(27 * width_in, width_out))
        self.bias = nn.Parameter(torch.zeros(width_out))
        nn.init.kaiming_uniform_(self.weight, a=5**0.5, mode="fan_out")

    def forward(self, features: torch.Tensor, neighbours: Pairs | Columns) -> torch.Tensor:
        """``neighbours`` as found by ``find_neighbours``: ``Pairs`` or ``Columns``."""
        weight = self.weight.view(len(OFFSETS), features.shape[1], -1)
        device = features.device.type
        kind = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else features.dtype
        with torch.autocast(device, enabled=False):
            return neighbours.convolve(features.to(kind), weight.to(kind)) + self.bias
