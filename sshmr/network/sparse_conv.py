"""Submanifold sparse convolution: a gather and one matrix product.

Source: Graham et al., "3D Semantic Segmentation with Submanifold Sparse Convolutional Networks", CVPR 2018.
"""

import itertools

import torch
from torch import nn

from sshmr.network.serialization import BITS

OFFSETS = tuple(itertools.product((-1, 0, 1), repeat=3))
"""The 27 neighbours of a voxel, itself in the middle; entry 26 − k lies opposite entry k."""


def neighbour_table(voxels, cloud):
    """Row of each voxel's 27 neighbours, in the order of ``OFFSETS``.

    Args:
        voxels: (V, 3) int64 in [0, 2^BITS), no two alike in a cloud. cloud: (V,) int64.

    Returns:
        (V, 27) int64; V where the neighbour is empty.
    """
    # A border of one voxel keeps neighbours from wrapping round to the next row of the grid.
    side = (1 << BITS) + 2
    strides = torch.tensor([side * side, side, 1], device=voxels.device)
    keys = cloud * side**3 + ((voxels + 1) * strides).sum(1)
    keys, order = keys.sort()
    steps = (torch.tensor(OFFSETS, device=voxels.device) * strides).sum(1)
    count = len(keys)
    # Opposite neighbours see each other: look up half of them and mirror the rest.
    half = keys[:, None] + steps[:13]
    place = torch.searchsorted(keys, half.flatten()).clamp_max(max(count - 1, 0)).view_as(half)
    found = keys[place] == half
    sorted_table = torch.full((count, 27), count, dtype=torch.int64, device=voxels.device)
    row = torch.arange(count, device=voxels.device)[:, None].expand_as(half)
    column = torch.arange(13, device=voxels.device).expand_as(half)
    sorted_table[:, 13] = row[:, 0]
    sorted_table[row[found], column[found]] = place[found]
    sorted_table[place[found], 26 - column[found]] = row[found]
    names = torch.cat([order, order.new_tensor([count])])
    table = torch.empty_like(sorted_table)
    table[order] = names[sorted_table]
    return table


class _Convolve(torch.autograd.Function):
    """Its gradient is a submanifold convolution too, with the kernel turned round: no scatter needed."""

    @staticmethod
    def forward(ctx, features, weight, table):
        ctx.save_for_backward(features, weight, table)
        return _columns(features, table) @ weight

    @staticmethod
    def backward(ctx, gradient):
        features, weight, table = ctx.saved_tensors
        width = features.shape[1]
        turned = weight.view(27, width, -1).flip(0).transpose(1, 2).reshape(-1, width)
        to_features = _columns(gradient, table) @ turned
        to_weight = _columns(features, table).T @ gradient
        return to_features, to_weight, None


def _columns(features, table):
    padded = torch.cat([features, features.new_zeros(1, features.shape[1])])
    return padded.index_select(0, table.flatten()).view(len(table), -1)


class SubmanifoldConv(nn.Module):
    """A 3×3×3 convolution over occupied voxels only: (V, in) → (V, out)."""

    def __init__(self, width_in, width_out):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(27 * width_in, width_out))
        self.bias = nn.Parameter(torch.zeros(width_out))
        nn.init.kaiming_uniform_(self.weight, a=5**0.5, mode="fan_out")

    def forward(self, features, table):
        """``table`` as made by ``neighbour_table``."""
        return _Convolve.apply(features, self.weight, table) + self.bias
