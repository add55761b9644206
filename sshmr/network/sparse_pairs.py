"""Submanifold sparse convolution pair by pair: products for occupied voxels only.

The least arithmetic, in many small products, for a CPU.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch.nn import functional

from sshmr.network.voxel_keys import voxel_keys

HALF = 13
"""So many offsets come before the middle; a pair seen from its other end has the opposite one."""


class Pairs(NamedTuple):
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

    def convolve(self, features: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """Features (V, in) and weight (27, in, out) of one kind → (V, out)."""
        return _Convolve.apply(features, weight, self)


def find_pairs(voxels: torch.Tensor, cloud: torch.Tensor) -> Pairs:
    """All pairs of neighbours; voxels and cloud as for ``voxel_keys``."""
    keys, order, steps = voxel_keys(voxels, cloud)
    wanted = keys + steps[:HALF, None]
    place = torch.searchsorted(keys, wanted.flatten()).clamp_max(max(len(keys) - 1, 0)).view_as(wanted)
    found = keys[place] == wanted
    first, second = order[place[found]], order[found.nonzero()[:, 1]]
    other_end = torch.cat([second, first])
    counts = torch.bincount(other_end, minlength=len(keys))
    return Pairs(
        torch.cat([first, second]),
        tuple(found.sum(1).tolist()),
        other_end.argsort(stable=True),
        counts.cumsum(0) - counts,
    )


class _Convolve(torch.autograd.Function):
    """Its gradient is a submanifold convolution too, with the mirrored kernel. It needs no scatter."""

    @staticmethod
    def forward(ctx: Any, features: torch.Tensor, weight: torch.Tensor, pairs: Pairs) -> torch.Tensor:
        ctx.save_for_backward(features, weight)
        ctx.pairs = pairs
        return _convolve(features, _at_both_ends(features, pairs), weight.unbind(), pairs)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None]:
        features, weight = ctx.saved_tensors
        pairs = ctx.pairs
        gradients = _at_both_ends(gradient, pairs)
        turned = [part.T for part in reversed(weight.unbind())]
        to_features = _convolve(gradient, gradients, turned, pairs)
        features_there = _at_both_ends(features, pairs)
        to_weight = torch.empty_like(weight)
        torch.mm(features.T, gradient, out=to_weight[HALF])
        for offset, here, there in _runs(pairs):
            torch.mm(features_there[here].T, gradients[there], out=to_weight[offset])
            torch.mm(features_there[there].T, gradients[here], out=to_weight[-1 - offset])
        for offset, count in enumerate(pairs.counts):
            if not count:
                to_weight[[offset, -1 - offset]] = 0
        return to_features, to_weight, None


def _at_both_ends(features: torch.Tensor, pairs: Pairs) -> torch.Tensor:
    """(2H, C): features at the first end of every pair, then at the second."""
    return features.index_select(0, pairs.ends)


def _convolve(
    features: torch.Tensor, at_ends: torch.Tensor, weight: Sequence[torch.Tensor], pairs: Pairs
) -> torch.Tensor:
    """``weight``: 27 matrices, in the order of ``OFFSETS``."""
    carried = at_ends.new_empty(len(at_ends), weight[0].shape[1])
    for offset, here, there in _runs(pairs):
        torch.mm(at_ends[here], weight[offset], out=carried[here])
        torch.mm(at_ends[there], weight[-1 - offset], out=carried[there])
    summed = functional.embedding_bag(pairs.order, carried, pairs.starts, mode="sum")
    return torch.addmm(summed, features, weight[HALF])


def _runs(pairs: Pairs) -> Iterator[tuple[int, slice, slice]]:
    """Each offset that has pairs, and where they are among the first ends and among the second ones."""
    start, half = 0, len(pairs.ends) // 2
    for offset, count in enumerate(pairs.counts):
        if count:
            yield offset, slice(start, start + count), slice(half + start, half + start + count)
        start += count
