"""Point Transformer V3: attention within patches along space-filling curves, over a pyramid of voxels.

Source: Wu et al., "Point Transformer V3: Simpler, Faster, Stronger", CVPR 2024. Ours differs in three
ways, so that a cloud's features depend only on that cloud: layer norm replaces batch norm,
a curve is cut in equal pieces rather than padded with rows borrowed from the piece before, and points that
share a finest voxel are averaged before the encoder and distinguished again after it.
"""

import itertools
import math
from collections.abc import Sequence

import torch
from torch import nn

from sshmr.config.network import NetworkConfig
from sshmr.network.attention import attend
from sshmr.network.pyramid import Level, build_pyramid
from sshmr.network.ragged import Patches, scatter, spread_rows
from sshmr.network.sparse_conv import SubmanifoldConv


class PatchAttention(nn.Module):
    """Self-attention within each patch of a level: (V, C) → (V, C)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.mixed = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, features: torch.Tensor, patches: Patches) -> torch.Tensor:
        return self.out(attend(self.mixed(features), patches, self.heads))


class Block(nn.Module):
    """Positional encoding by convolution, attention, and a two-layer perceptron, each with a residual
    connection."""

    def __init__(self, width: int, heads: int, drop_path: float) -> None:
        super().__init__()
        self.drop_path = drop_path
        self.convolution = SubmanifoldConv(width, width)
        self.position = nn.Sequential(nn.Linear(width, width), nn.LayerNorm(width))
        self.norm1 = nn.LayerNorm(width)
        self.attention = PatchAttention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.perceptron = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, features: torch.Tensor, level: Level, patches: Patches) -> torch.Tensor:
        features = features + self.position(self.convolution(features, level.neighbours))
        features = features + self._drop(self.attention(self.norm1(features), patches), level)
        return features + self._drop(self.perceptron(self.norm2(features)), level)

    def _drop(self, branch: torch.Tensor, level: Level) -> torch.Tensor:
        """Skip the branch for whole clouds (Huang et al., "Deep Networks with Stochastic Depth", 2016)."""
        if not self.training or self.drop_path == 0:
            return branch
        kept = torch.rand(len(level.lengths), device=branch.device) >= self.drop_path
        return branch * (kept / (1 - self.drop_path)).to(branch.dtype)[level.cloud, None]


class Stage(nn.Module):
    """Blocks of one level; the curves alternate, in random order during training."""

    def __init__(self, depth: int, width: int, heads: int, drop_paths: Sequence[float]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(width, heads, drop_paths[i]) for i in range(depth))

    def forward(self, features: torch.Tensor, level: Level) -> torch.Tensor:
        count = len(level.patches)
        turns = torch.randperm(count).tolist() if self.training and count > 1 else range(count)
        for i, block in enumerate(self.blocks):
            features = block(features, level, level.patches[turns[i % count]])
        return features


def _projection(width_in: int, width_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width_in, width_out), nn.LayerNorm(width_out), nn.GELU())


class PointTransformer(nn.Module):
    """The encoder: from packed clouds to features per point."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        widths, decoder = config.widths, config.decoder_widths
        rates = _rates(config.drop_path, config.depths)
        decoder_rates = _rates(config.drop_path, config.decoder_depths)
        self.embed = _projection(6 + 6 * config.frequencies, widths[0])
        self.stages = nn.ModuleList(
            Stage(*shape) for shape in zip(config.depths, widths, config.heads, rates, strict=True)
        )
        self.down = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(widths))
        self.down_norm = nn.ModuleList(nn.Sequential(nn.LayerNorm(width), nn.GELU()) for width in widths[1:])
        coarse = (*decoder[1:], widths[-1])
        self.up = nn.ModuleList(_projection(a, b) for a, b in zip(coarse, decoder, strict=True))
        self.skip = nn.ModuleList(_projection(a, b) for a, b in zip(widths, decoder, strict=False))
        self.decoder = nn.ModuleList(
            Stage(*shape)
            for shape in zip(config.decoder_depths, decoder, config.decoder_heads, decoder_rates, strict=True)
        )
        finest = decoder[0] if decoder else widths[-1]
        self.point = nn.Linear(widths[0], finest)
        self.out = nn.Linear(finest, config.features)

    def forward(self, positions: torch.Tensor, cloud: torch.Tensor, clouds: int) -> torch.Tensor:
        """Features of packed clouds.

        Args:
            positions: (P, 3) metres, centred per cloud. cloud: (P,) int64, ascending. clouds: how many.

        Returns:
            (P, features).
        """
        config = self.config
        levels = build_pyramid(positions, cloud, clouds, config.grid, len(config.depths), config.patch)
        corner = positions / config.grid
        within = corner - torch.floor(corner) - 0.5
        points = self.embed(torch.cat([waves(positions, config.frequencies), within], dim=1))
        features = scatter(points, levels[0].parent, len(levels[0].cloud), "mean")
        kept = []
        for i, (stage, level) in enumerate(zip(self.stages, levels, strict=True)):
            if i:
                kept.append(features)
                pooled = scatter(self.down[i - 1](features), level.parent, len(level.cloud), "amax")
                features = self.down_norm[i - 1](pooled)
            features = stage(features, level)
        for i in reversed(range(len(kept))):
            coarse = spread_rows(self.up[i](features), levels[i + 1].parent)
            features = self.decoder[i](coarse + self.skip[i](kept[i]), levels[i])
        return self.out(spread_rows(features, levels[0].parent) + self.point(points))


def waves(positions: torch.Tensor, frequencies: int) -> torch.Tensor:
    """Positions, and sines and cosines of them, wavelengths 2 m, 1 m …: (..., 3) → (..., 3 + 6·frequencies).

    Source: Mildenhall et al., "NeRF", ECCV 2020.
    """
    parts = [positions]
    for octave in range(frequencies):
        phase = positions * (math.pi * 2**octave)
        parts += [phase.sin(), phase.cos()]
    return torch.cat(parts, dim=-1)


def _rates(highest: float, depths: Sequence[int]) -> list[list[float]]:
    """Drop rates of every block, stage by stage, growing evenly from 0 to the highest."""
    last = max(sum(depths) - 1, 1)
    return [[highest * (sum(depths[:i]) + j) / last for j in range(depth)] for i, depth in enumerate(depths)]
