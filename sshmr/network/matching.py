"""The matching of points and template vertices: similarities, best matches, reconstruction.

Source: Lang et al., "DPC: Unsupervised Deep Point Correspondence via Cross and Self Construction", 3DV 2021.
"""

import torch
from torch import nn
from torch.nn import functional

from sshmr.geometry.neighbours import group


class Projection(nn.Module):
    """Descriptors from features, (..., C): a residual two-layer perceptron, then unit length."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.perceptron = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return functional.normalize(features + self.perceptron(features), dim=-1)


def dual_log_softmax(
    similarity: torch.Tensor, temperature: float, mask: torch.Tensor | None = None
) -> torch.Tensor:
    """Log-softmax over the template plus log-softmax over the points: high where each is the other's best.

    Args:
        similarity: (B, N, M) cosine. mask: (B, N) bool, True for real points.

    Returns:
        (B, N, M), −inf in the rows of padding.
    """
    scaled = similarity / temperature
    over_points = scaled
    if mask is not None:
        over_points = scaled.masked_fill(~mask[..., None], float("-inf"))
    return scaled.log_softmax(2) + over_points.log_softmax(1)


def best_matches(
    similarity: torch.Tensor, scores: torch.Tensor, count: int, temperature: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """The ``count`` best columns of every row, and their weights.

    Args:
        similarity: (B, R, C) cosine, whose softmax at ``temperature`` over the chosen gives the weights.
        scores: (B, R, C), by which they are chosen; −inf rules a column out.

    Returns:
        indices (B, R, count) and weights (B, R, count), rows of weights sum to 1.
    """
    chosen, indices = scores.topk(count, dim=-1)
    values = similarity.gather(-1, indices) / temperature
    # A row with fewer choices than count leaves the rest out; one without any weighs them alike.
    ruled_out = chosen.isneginf() & ~chosen.isneginf().all(-1, keepdim=True)
    return indices, values.masked_fill(ruled_out, float("-inf")).softmax(-1)


def reconstruct(indices: torch.Tensor, weights: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    """Weighted mean of matched positions: (B, R, K), (B, R, K) and (B, C, 3) → (B, R, 3)."""
    return (weights[..., None] * group(positions, indices)).sum(2)
