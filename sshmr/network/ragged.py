"""Concatenate clouds of different sizes, and undo it. Padding never reaches the encoder."""

from typing import Any, NamedTuple

import torch


def unpack(rows: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Put packed rows back: (P, C) and (B, N) bool → (B, N, C), zero rows where ``mask`` is False."""
    number = (mask.flatten().cumsum(0) - 1).view_as(mask)
    slots = torch.where(mask, number, len(rows)).flatten()
    return move_rows(rows, slots, mask.flatten().nonzero()[:, 0]).unflatten(0, mask.shape)


class _MoveRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor, source: torch.Tensor, back: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(back)
        return _gather(rows, source)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (back,) = ctx.saved_tensors
        return _gather(gradient, back), None, None


def _gather(rows: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
    return torch.cat([rows, rows.new_zeros(1, rows.shape[1])]).index_select(0, source)


def move_rows(rows: torch.Tensor, source: torch.Tensor, back: torch.Tensor) -> torch.Tensor:
    """Move rows to new places, each to at most one.

    Args:
        rows: (P, C). source: (Q,) the row for each place, P where none belongs: that place becomes zero.
        back: (P,) each row's place, Q where it has none.

    Returns:
        (Q, C). The gradient is a gather as well, so it is fast and the same on every run.
    """
    return _MoveRows.apply(rows, source, back)


class _SpreadRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(source)
        ctx.count = len(rows)
        return rows[source]

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        (source,) = ctx.saved_tensors
        return scatter(gradient, source, ctx.count, "sum"), None


def spread_rows(rows: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
    """Copy rows to places: (P, C), (Q,) → (Q, C)."""
    return _SpreadRows.apply(rows, source)


def scatter(rows: torch.Tensor, target: torch.Tensor, count: int, reduce: str) -> torch.Tensor:
    """Reduce rows by target: (P, C) and (P,) → (count, C); ``reduce`` as in ``Tensor.scatter_reduce``."""
    index = target[:, None].expand_as(rows)
    return rows.new_zeros(count, rows.shape[1]).scatter_reduce(0, index, rows, reduce, include_self=False)


class Patches(NamedTuple):
    """A layout of rows in patches of equal size.

    Attributes:
        source: (G·S,) the row in each slot, P in an empty one. back: (P,) each row's slot.
        valid: (G, S) bool, or None when no slot is empty.
        shape: (G, S), patches and slots of each.
    """

    source: torch.Tensor
    back: torch.Tensor
    valid: torch.Tensor | None
    shape: tuple[int, int]


def cut_in_patches(order: torch.Tensor, lengths: torch.Tensor, patch: int) -> Patches:
    """Cut every cloud's curve into the smallest number of pieces of at most ``patch`` rows, of equal size ±
    1.

    Args:
        order: (P,) rows along the curve, cloud after cloud. lengths: (B,) rows of each cloud.
    """
    pieces = (lengths + patch - 1) // patch
    starts = lengths.cumsum(0) - lengths
    cloud = torch.repeat_interleave(torch.arange(len(lengths), device=order.device), lengths)
    place = torch.arange(len(order), device=order.device) - starts[cloud]
    piece = place * pieces[cloud] // lengths[cloud]
    first = (piece * lengths[cloud] + pieces[cloud] - 1) // pieces[cloud]
    size = int(((lengths + pieces - 1) // pieces.clamp_min(1)).max()) if len(lengths) else 0
    count = int(pieces.sum())
    group = (pieces.cumsum(0) - pieces)[cloud] + piece
    slots = group * size + place - first
    source = torch.full((count * size,), len(order), dtype=torch.int64, device=order.device)
    source[slots] = order
    back = torch.empty_like(order)
    back[order] = slots
    valid = (source < len(order)).view(count, size)
    return Patches(source, back, None if count * size == len(order) else valid, (count, size))
