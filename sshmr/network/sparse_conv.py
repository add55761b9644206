"""Submanifold sparse convolution: products for pairs of voxels that are there, none for empty ones.

Source: Graham et al., "3D Semantic Segmentation with Submanifold Sparse Convolutional Networks", CVPR 2018.
"""

import itertools
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from sshmr.network.serialization import BITS

OFFSETS = tuple(itertools.product((-1, 0, 1), repeat=3))
"""The 27 neighbours of a voxel, itself in the middle; entry 26 − k lies opposite entry k."""

HALF = 13
"""So many offsets come before the middle; a pair seen from its other end has the opposite one."""


class Neighbours(NamedTuple):
    """H pairs of neighbouring voxels: the first of each lies at offset k from the second, k ascending.

    Attributes:
        ends: (2H,) int64, the row of each pair's first voxel, then of each pair's second.
        counts: how many pairs each of the first 13 offsets has.
        order: (2H,) int64, the entries of ``ends`` sorted by the row at the pair's other end.
        starts: (V,) int64, where each row's entries begin in ``order``.
    """

    ends: torch.Tensor
    counts: tuple[int, ...]
    order: torch.Tensor
    starts: torch.Tensor


def find_neighbours(voxels, cloud):
    """The neighbours of every voxel.

    Args:
        voxels: (V, 3) int64 in [0, 2^BITS), no two alike in a cloud. cloud: (V,) int64.
    """
    # A border of one voxel keeps neighbours from wrapping round to the next row of the grid.
    side = (1 << BITS) + 2
    strides = torch.tensor([side * side, side, 1], device=voxels.device)
    keys, order = (cloud * side**3 + ((voxels + 1) * strides).sum(1)).sort()
    steps = (torch.tensor(OFFSETS[:HALF], device=voxels.device) * strides).sum(1)
    wanted = keys + steps[:, None]
    place = torch.searchsorted(keys, wanted.flatten()).clamp_max(max(len(keys) - 1, 0)).view_as(wanted)
    found = keys[place] == wanted
    first, second = order[place[found]], order[found.nonzero()[:, 1]]
    other_end = torch.cat([second, first])
    counts = torch.bincount(other_end, minlength=len(keys))
    return Neighbours(
        torch.cat([first, second]),
        tuple(found.sum(1).tolist()),
        other_end.argsort(stable=True),
        counts.cumsum(0) - counts,
    )


class _Convolve(torch.autograd.Function):
    """Its gradient is a submanifold convolution too, with the kernel turned round: no scatter needed."""

    @staticmethod
    def forward(ctx, features, weight, neighbours):
        ctx.save_for_backward(features, weight)
        ctx.neighbours = neighbours
        return _convolve(features, _at_both_ends(features, neighbours), weight.unbind(), neighbours)

    @staticmethod
    def backward(ctx, gradient):
        features, weight = ctx.saved_tensors
        neighbours = ctx.neighbours
        gradients = _at_both_ends(gradient, neighbours)
        turned = [part.T for part in reversed(weight.unbind())]
        to_features = _convolve(gradient, gradients, turned, neighbours)
        features_there = _at_both_ends(features, neighbours)
        to_weight = torch.empty_like(weight)
        torch.mm(features.T, gradient, out=to_weight[HALF])
        for offset, here, there in _runs(neighbours):
            torch.mm(features_there[here].T, gradients[there], out=to_weight[offset])
            torch.mm(features_there[there].T, gradients[here], out=to_weight[-1 - offset])
        for offset, count in enumerate(neighbours.counts):
            if not count:
                to_weight[[offset, -1 - offset]] = 0
        return to_features, to_weight, None


def _at_both_ends(features, neighbours):
    """(2H, C): features at the first end of every pair, then at the second."""
    return features.index_select(0, neighbours.ends)


def _convolve(features, at_ends, weight, neighbours):
    """``weight``: 27 matrices, in the order of ``OFFSETS``."""
    carried = at_ends.new_empty(len(at_ends), weight[0].shape[1])
    for offset, here, there in _runs(neighbours):
        torch.mm(at_ends[here], weight[offset], out=carried[here])
        torch.mm(at_ends[there], weight[-1 - offset], out=carried[there])
    summed = functional.embedding_bag(neighbours.order, carried, neighbours.starts, mode="sum")
    return torch.addmm(summed, features, weight[HALF])


def _runs(neighbours):
    """Each offset that has pairs, and where they are among the first ends and among the second ones."""
    start, half = 0, len(neighbours.ends) // 2
    for offset, count in enumerate(neighbours.counts):
        if count:
            yield offset, slice(start, start + count), slice(half + start, half + start + count)
        start += count


class SubmanifoldConv(nn.Module):
    """A 3×3×3 convolution over occupied voxels only: (V, in) → (V, out)."""

    def __init__(self, width_in, width_out):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(27 * width_in, width_out))
        self.bias = nn.Parameter(torch.zeros(width_out))
        nn.init.kaiming_uniform_(self.weight, a=5**0.5, mode="fan_out")

    def forward(self, features, neighbours):
        """``neighbours`` as found by ``find_neighbours``."""
        weight = self.weight.view(len(OFFSETS), features.shape[1], -1)
        device = features.device.type
        kind = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else features.dtype
        with torch.autocast(device, enabled=False):
            return _Convolve.apply(features.to(kind), weight.to(kind), neighbours) + self.bias
