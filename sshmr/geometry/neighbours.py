"""Nearest neighbours and farthest points on padded clouds.

In plain PyTorch. Farthest points use ``pointnet2_ops`` if it is installed and the cloud is on a
GPU, since that loop is the one thing here whose time is launches rather than arithmetic. Same result.
"""

import functools
from collections.abc import Callable

import torch


def nearest(
    query: torch.Tensor, reference: torch.Tensor, mask: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Nearest reference point of each query.

    Args:
        query: (B, Q, 3) metres. reference: (B, R, 3). mask: (B, R) bool, True for real points.

    Returns:
        distance (B, Q) metres, differentiable, and index (B, Q) int64.
    """
    distances, indices = knn(query, reference, 1, mask)
    return distances[..., 0], indices[..., 0]


def knn(
    query: torch.Tensor, reference: torch.Tensor, count: int, mask: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """The ``count`` nearest reference points of each query, nearest first.

    Args:
        query: (B, Q, 3) metres. reference: (B, R, 3). count: at most R. mask: (B, R) bool.

    Returns:
        distances (B, Q, count) metres, differentiable, and indices (B, Q, count) int64. Where a cloud has
        fewer real points than ``count``, the nearest one is repeated.
    """
    with torch.no_grad():
        apart = exact_distances(query, reference)
        if mask is not None:
            apart = apart.masked_fill(~mask[:, None], float("inf"))
        found, indices = apart.topk(count, dim=-1, largest=False) if count > 1 else apart.min(-1, True)
        indices = torch.where(found.isinf(), indices[..., :1], indices)
    difference = query[:, :, None] - group(reference, indices)
    # The slope of the square root is infinite at zero. A point on its neighbour gets no gradient.
    return (difference.square().sum(-1) + 1e-12).sqrt(), indices


def exact_distances(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """(…, P, 3) and (…, Q, 3) → (…, P, Q): from differences, since products would lose digits."""
    if first.device.type == "cpu":
        return torch.cdist(first, second, compute_mode="donot_use_mm_for_euclid_dist")
    # On a GPU that takes three quarters of a training step; three subtractions do not.
    apart = (a[..., None] - b[..., None, :] for a, b in zip(first.unbind(-1), second.unbind(-1), strict=True))
    return sum((part.square() for part in apart), start=first.new_zeros(())).sqrt()


def group(values: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
    """Rows by index: (B, N, C) and (B, ...) int64 → (B, ..., C)."""
    flat = indices.flatten(1)[..., None].expand(-1, -1, values.shape[-1])
    return values.gather(1, flat).unflatten(1, indices.shape[1:])


def farthest_point_sample(points: torch.Tensor, count: int, mask: torch.Tensor | None = None) -> torch.Tensor:
    """Pick points one by one, each the farthest from those before it.

    The first is the one farthest from the cloud's mean: the choice does not depend on the points' order.

    Args:
        points: (B, N, 3) metres. count: how many. mask: (B, N) bool, at least one True in each cloud.

    Returns:
        (B, count) int64. A cloud with fewer real points starts again from its first.
    """
    mask = torch.ones(points.shape[:2], dtype=torch.bool, device=points.device) if mask is None else mask
    shares = mask[..., None].to(points.dtype)
    mean = (points * shares).sum(1, keepdim=True) / shares.sum(1, keepdim=True)
    first = (points - mean).square().sum(-1).masked_fill(~mask, -1).argmax(1, keepdim=True)
    kernel = _kernel() if points.is_cuda else None
    if kernel is not None:
        chosen = _sample_by_kernel(kernel, points, count, mask, first)
    else:
        chosen = _sample(points, count, mask, first)
    turn = torch.arange(count, device=points.device) % mask.sum(1, keepdim=True)
    return chosen.gather(1, turn)


def _sample(points: torch.Tensor, count: int, mask: torch.Tensor, first: torch.Tensor) -> torch.Tensor:
    chosen = torch.empty(len(points), count, dtype=torch.int64, device=points.device)
    distance = torch.where(mask, torch.inf, -1.0).to(points.dtype)
    rows = points.mT.contiguous()  # The numbers of a coordinate are contiguous, which is three times as fast.
    offset, squared = torch.empty_like(rows), torch.empty_like(distance)
    last = first
    for i in range(count):
        chosen[:, i] = last[:, 0]
        torch.sub(rows, rows.gather(2, last[:, None].expand(-1, rows.shape[1], -1)), out=offset)
        torch.sum(offset.square_(), 1, out=squared)
        torch.minimum(distance, squared, out=distance)
        last = distance.argmax(1, keepdim=True)
    return chosen


def _sample_by_kernel(
    kernel: Callable[..., torch.Tensor],
    points: torch.Tensor,
    count: int,
    mask: torch.Tensor,
    first: torch.Tensor,
) -> torch.Tensor:
    # The kernel has no mask, starts at row 0 and ignores points near the origin: put the first
    # point at the beginning and into the padding, and move all points away from the origin.
    start = group(points, first)
    filled = torch.where(mask[..., None], points, start)
    away = filled - filled.amin(1, keepdim=True) + 1
    chosen = kernel(torch.cat([group(away, first), away], 1).float().contiguous(), count).long()
    chosen = torch.where(chosen == 0, first, chosen - 1)
    return torch.where(mask.gather(1, chosen), chosen, first)


@functools.cache
def _kernel() -> Callable[..., torch.Tensor] | None:
    try:
        from pointnet2_ops.pointnet2_utils import furthest_point_sample
    except ImportError:
        return None
    return furthest_point_sample
