"""From features per point to body parameters."""

from typing import NamedTuple

import torch
from torch import nn

from sshmr.body.model import BodyModel, Posed
from sshmr.body.template import standing_pose
from sshmr.config.network import NetworkConfig
from sshmr.geometry.neighbours import farthest_point_sample, group, knn
from sshmr.geometry.rotations import rot6d_to_rotmat, rotmat_to_rot6d, rotvec_to_rotmat
from sshmr.network.basis import BasisEncoding

JOINTS = 24
TOKENS = JOINTS + 2
"""One for each joint's rotation, one for the translation, one for the shape."""


class Prediction(NamedTuple):
    """The prediction of the head for each cloud.

    Attributes:
        rotmats: (B, 24, 3, 3) local rotations, root first.
        pelvis: (B, 3) metres, where the pelvis joint is in the cloud's frame.
        betas: (B, 10).
    """

    rotmats: torch.Tensor
    pelvis: torch.Tensor
    betas: torch.Tensor

    def transl(self, body: BodyModel) -> torch.Tensor:
        """The body model's translation, (B, 3) metres: the pelvis is at its rest position plus this."""
        return self.pelvis - body.rest_joints(self.betas)[:, 0]

    def pose_body(self, body: BodyModel) -> Posed:
        """Vertices and joints of ``body`` in this pose."""
        return body(self.rotmats, self.betas, self.transl(body))


def heading(rotmats: torch.Tensor) -> torch.Tensor:
    """Where bodies face: rotations (B, 24, 3, 3) → (B,) radians about the vertical, 0 along +z."""
    forward = rotmats[:, 0, :, 2]
    return torch.atan2(forward[:, 0], forward[:, 2])


class Readout(nn.Module):
    """26 tokens to parameters. Starts at the standing pose, mean shape, pelvis at the cloud's mean."""

    def __init__(self, width: int, betas: int) -> None:
        super().__init__()
        self.rotation = nn.Linear(width, 6)
        self.translation = nn.Linear(width, 3)
        self.shape = nn.Linear(width, betas)
        self.betas = betas
        for layer in (self.rotation, self.translation, self.shape):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)
        standing = rotvec_to_rotmat(standing_pose().view(JOINTS, 3))
        self.register_buffer("standing", rotmat_to_rot6d(standing), persistent=False)

    def forward(self, tokens: torch.Tensor) -> tuple[Prediction, torch.Tensor]:
        rot6d = self.rotation(tokens[:, :JOINTS]) + self.standing
        betas = self.shape(tokens[:, JOINTS + 1])
        if self.betas < 10:
            betas = torch.cat([betas, betas.new_zeros(len(betas), 10 - self.betas)], dim=1)
        prediction = Prediction(rot6d_to_rotmat(rot6d), self.translation(tokens[:, JOINTS]), betas)
        return prediction, rot6d


class LinearHead(nn.Module):
    """The published head.

    Farthest points, set abstraction over 5 neighbours (Qi et al., "PointNet++", NeurIPS 2017), an embedding
    of the coordinates, the global token, and one learned mixing over the points in the order of picking.
    """

    NEIGHBOURS = 5
    WIDTH = 64
    reads_matches = False

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.points = config.head_points
        width = config.features
        self.abstraction = nn.Sequential(
            nn.Linear(width + 3, width), nn.GELU(), nn.Linear(width, width), nn.GELU()
        )
        self.coordinates = nn.Linear(3, width)
        self.pointwise = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, self.WIDTH))
        self.token = nn.Linear(width, self.WIDTH)
        self.mixing = nn.Linear(self.points, TOKENS)
        self.norm = nn.LayerNorm(self.WIDTH)
        self.readout = Readout(self.WIDTH, config.betas)

    def forward(
        self,
        features: torch.Tensor,
        points: torch.Tensor,
        mask: torch.Tensor,
        token: torch.Tensor,
        matched: torch.Tensor | None,
        cloud: tuple[torch.Tensor, torch.Tensor],
    ) -> tuple[Prediction, torch.Tensor]:
        """As ``AttentionHead.forward``; without the matches and the whole cloud."""
        chosen = farthest_point_sample(points, self.points, mask)
        centres = group(points, chosen)
        _, around = knn(centres, points, self.NEIGHBOURS, mask)
        relative = group(points, around) - centres[:, :, None]
        grouped = self.abstraction(torch.cat([group(features, around), relative], dim=-1)).amax(2)
        local = self.pointwise(grouped + self.coordinates(centres)) + self.token(token)[:, None]
        mixed = self.mixing(local.transpose(1, 2)).transpose(1, 2)
        return self.readout(self.norm(mixed))


class AttentionHead(nn.Module):
    """Learned queries attend to every point: its position, its features and its match."""

    HEADS = 4

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.reads_matches = config.head_reads_matches
        width = config.head_width
        self.queries = nn.Parameter(torch.randn(TOKENS, width) * 0.5)
        self.token = nn.Linear(config.features, width)
        self.basis = None
        if config.basis:
            self.basis = BasisEncoding(config.basis, config.basis_width)
            self.spread = nn.Linear(config.basis_width, TOKENS * width)
        self.memory = nn.Sequential(
            nn.Linear(config.features + (6 if self.reads_matches else 3), width),
            nn.GELU(),
            nn.Linear(width, width),
            nn.LayerNorm(width),
        )
        self.layers = nn.ModuleList(
            nn.TransformerDecoderLayer(
                width,
                self.HEADS,
                2 * width,
                dropout=0.0,
                activation="gelu",
                batch_first=True,
                norm_first=True,
            )
            for _ in range(config.head_layers)
        )
        self.norm = nn.LayerNorm(width)
        self.readout = Readout(width, config.betas)

    def forward(
        self,
        features: torch.Tensor,
        points: torch.Tensor,
        mask: torch.Tensor,
        token: torch.Tensor,
        matched: torch.Tensor | None,
        cloud: tuple[torch.Tensor, torch.Tensor],
    ) -> tuple[Prediction, torch.Tensor]:
        """Regress the body.

        Args:
            features: (B, N, C). points: (B, N, 3) metres. mask: (B, N) bool. token: (B, C), the global token.
            matched: (B, N, 3) metres, each point's place on the standing template.
            cloud: the whole clouds, points (B, K, 3) and mask (B, K), of which the above may be a part.

        Returns:
            The prediction, and the six numbers of each rotation, (B, 24, 6).
        """
        seen = [features, points] if matched is None else [features, points, matched]
        memory = self.memory(torch.cat(seen, dim=-1))
        tokens = self.queries + self.token(token)[:, None]
        if self.basis is not None:
            tokens = tokens + self.spread(self.basis(*cloud)).unflatten(1, (TOKENS, -1))
        for layer in self.layers:
            tokens = layer(tokens, memory, memory_key_padding_mask=~mask)
        return self.readout(self.norm(tokens))


def build_head(config: NetworkConfig) -> LinearHead | AttentionHead:
    """The head that ``config.mixing`` names."""
    return LinearHead(config) if config.mixing == "linear" else AttentionHead(config)
