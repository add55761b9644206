"""Submanifold sparse convolution as one product: the features of 27 voxels in columns, zero for missing ones.

More arithmetic than pair by pair, and memory for the columns, in a few large operations, for a GPU.
"""

from typing import Any, NamedTuple

import torch

from sshmr.network.voxel_keys import OFFSETS, voxel_keys


class Columns(NamedTuple):
    """rows: (V, 27) int64, the row of each neighbour, in the order of ``OFFSETS``; V where none is."""

    rows: torch.Tensor

    def convolve(self, features: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """Features (V, in) and weight (27, in, out) of one kind → (V, out)."""
        return _Convolve.apply(features, weight, self)


def find_columns(voxels: torch.Tensor, cloud: torch.Tensor) -> Columns:
    """The neighbours of every voxel; voxels and cloud as for ``voxel_keys``."""
    keys, order, steps = voxel_keys(voxels, cloud)
    wanted = keys[:, None] + steps
    place = torch.searchsorted(keys, wanted).clamp_max(max(len(keys) - 1, 0))
    rows = torch.empty_like(wanted)
    rows[order] = torch.where(keys[place] == wanted, order[place], len(keys))
    return Columns(rows)


class _Convolve(torch.autograd.Function):
    """Its gradient is a submanifold convolution too, with the mirrored kernel. It needs no scatter."""

    @staticmethod
    def forward(ctx: Any, features: torch.Tensor, weight: torch.Tensor, columns: Columns) -> torch.Tensor:
        ctx.save_for_backward(features, weight, columns.rows)
        return _side_by_side(features, columns.rows) @ weight.flatten(0, 1)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None]:
        features, weight, rows = ctx.saved_tensors
        turned = weight.flip(0).transpose(1, 2)
        to_features = _side_by_side(gradient, rows) @ turned.flatten(0, 1)
        to_weight = _side_by_side(features, rows).T @ gradient
        return to_features, to_weight.view_as(weight), None


def _side_by_side(features: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """(V, C) → (V, 27 · C)."""
    padded = torch.cat([features, features.new_zeros(1, features.shape[1])])
    return padded.index_select(0, rows.flatten()).view(len(rows), len(OFFSETS) * features.shape[1])
