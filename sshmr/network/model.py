"""The network: from clouds to matches with the template, and body parameters."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn

from sshmr.config.network import NetworkConfig
from sshmr.network.encoder import PointTransformer
from sshmr.network.head import Prediction, build_head
from sshmr.network.matching import Projection
from sshmr.network.ragged import unpack

MATCH_SHARPNESS = 100.0
"""Factor on the cosine similarities in a softmax over the template vertices."""


class Output(NamedTuple):
    """The network's output for a batch.

    Attributes:
        descriptors: (B, K, C) unit vectors of the matched points, zero on padding.
        template_descriptors: (M, C).
        similarity: (B, K, M) cosine.
        prediction: the body. rot6d: (B, 24, 6) its rotations before they are made orthonormal.
    """

    descriptors: torch.Tensor
    template_descriptors: torch.Tensor
    similarity: torch.Tensor
    prediction: Prediction
    rot6d: torch.Tensor


class MeshRegressor(nn.Module):
    """Encoder, matching and head.

    Args:
        config: a ``NetworkConfig``.
        template: (M, 3) metres, the template's vertices in the standing pose, centred.
    """

    template: torch.Tensor

    def __init__(self, config: NetworkConfig, template: torch.Tensor) -> None:
        super().__init__()
        self.config = config
        self.encoder = PointTransformer(config)
        self.projection = Projection(config.features)
        self.head = build_head(config)
        self.register_buffer("template", template.clone().float())

    def encode(
        self, clouds: Sequence[tuple[torch.Tensor, torch.Tensor]]
    ) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Features of clouds.

        Args:
            clouds: list of (points (B, N, 3) metres, mask (B, N) bool); all go through the encoder together.

        Returns:
            For each: features (B, N, C), zero on padding, and tokens (B, C), of an extra point at the origin.
        """
        masks = [torch.cat([mask.new_ones(len(mask), 1), mask], dim=1) for _, mask in clouds]
        rows = [
            torch.nn.functional.pad(points, (0, 0, 1, 0))[mask]
            for (points, _), mask in zip(clouds, masks, strict=True)
        ]
        lengths = torch.cat([mask.sum(1) for mask in masks])
        cloud = torch.repeat_interleave(torch.arange(len(lengths), device=lengths.device), lengths)
        with torch.autocast(cloud.device.type, torch.bfloat16, self.config.precision == "bfloat16"):
            packed = self.encoder(torch.cat(rows), cloud, len(lengths))
        packed = packed.to(rows[0].dtype).split([len(part) for part in rows])
        padded = [unpack(part, mask) for part, mask in zip(packed, masks, strict=True)]
        return [(features[:, 1:], features[:, 0]) for features in padded]

    def encode_template(self) -> torch.Tensor:
        """Descriptors of the template, (M, C): needed once for any number of clouds."""
        return self.projection(self.encode([self._template_cloud()])[0][0][0])

    def _template_cloud(self) -> tuple[torch.Tensor, torch.Tensor]:
        everywhere = torch.ones(1, len(self.template), dtype=torch.bool, device=self.template.device)
        return self.template[None], everywhere

    def forward(
        self,
        points: torch.Tensor,
        mask: torch.Tensor,
        template_descriptors: torch.Tensor | None = None,
        matched_points: int = 0,
    ) -> Output:
        """Match and regress.

        Args:
            points: (B, N, 3) metres, centred on each cloud's valid mean, zero rows where ``mask`` is False.
            mask: (B, N) bool, at least one True in each cloud.
            template_descriptors: what ``encode_template`` returned; None encodes the template.
            matched_points: the encoder sees all points, matching and head the first so many; 0 for all.
        """
        clouds = [(points, mask)]
        if template_descriptors is None:
            clouds.append(self._template_cloud())
        encoded = self.encode(clouds)
        features, token = encoded[0]
        if template_descriptors is None:
            template_descriptors = self.projection(encoded[1][0][0])
        cloud = (points, mask)
        if matched_points:
            features, points, mask = (part[:, :matched_points] for part in (features, points, mask))
        descriptors = self.projection(features) * mask[..., None]
        similarity = descriptors @ template_descriptors.T
        matched = None
        if self.head.reads_matches:
            # The head reads the matches, but its loss must not change them: no gradient flows back.
            matched = (similarity.detach() * MATCH_SHARPNESS).softmax(-1) @ self.template
        prediction, rot6d = self.head(features, points, mask, token, matched, cloud)
        return Output(descriptors, template_descriptors, similarity, prediction, rot6d)
