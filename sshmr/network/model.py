"""The network: clouds in, matches to the template and body parameters out."""

from typing import NamedTuple

import torch
from torch import nn

from sshmr.network.encoder import PointTransformer
from sshmr.network.head import Prediction, build_head
from sshmr.network.matching import Projection
from sshmr.network.ragged import pack, unpack

MATCH_SHARPNESS = 100.0
"""Factor on the cosine similarities wherever they stand for a choice among template vertices."""


class Output(NamedTuple):
    """What the network makes of a batch.

    Attributes:
        descriptors: (B, N, C) unit vectors, zero on padding; template_descriptors: (M, C).
        similarity: (B, N, M) cosine.
        matched: (B, N, 3) metres, each point's expected place on the standing template.
        prediction: the body.
    """

    descriptors: torch.Tensor
    template_descriptors: torch.Tensor
    similarity: torch.Tensor
    matched: torch.Tensor
    prediction: Prediction


class MeshRegressor(nn.Module):
    """Encoder, matching and head.

    Args:
        config: a ``NetworkConfig``.
        template: (M, 3) metres, the template's vertices in the standing pose, centred.
    """

    def __init__(self, config, template):
        super().__init__()
        self.config = config
        self.encoder = PointTransformer(config)
        self.projection = Projection(config.features)
        self.head = build_head(config)
        self.register_buffer("template", template.clone().float())

    def encode(self, points, mask):
        """Features of padded clouds.

        Args:
            points: (B, N, 3) metres. mask: (B, N) bool.

        Returns:
            features (B, N, C), zero on padding, and tokens (B, C): those of one extra point at the origin.
        """
        origin = points.new_zeros(len(points), 1, 3)
        mask = torch.cat([mask.new_ones(len(points), 1), mask], dim=1)
        packed = pack(torch.cat([origin, points], dim=1), mask)
        features = unpack(self.encoder(packed.rows, packed.cloud, len(points)), mask)
        return features[:, 1:], features[:, 0]

    def encode_template(self):
        """Descriptors of the template, (M, C): needed once for any number of clouds while weights stand still."""
        mask = torch.ones(1, len(self.template), dtype=torch.bool, device=self.template.device)
        return self.projection(self.encode(self.template[None], mask)[0][0])

    def forward(self, points, mask, template_descriptors=None):
        """Match and regress.

        Args:
            points: (B, N, 3) metres, centred on each cloud's valid mean, zero rows where ``mask`` is False.
            mask: (B, N) bool, at least one True in each cloud.
            template_descriptors: what ``encode_template`` gave; encoded anew when left out.
        """
        if template_descriptors is None:
            template_descriptors = self.encode_template()
        features, token = self.encode(points, mask)
        descriptors = self.projection(features) * mask[..., None]
        similarity = descriptors @ template_descriptors.T
        # The head's errors shall not bend the matching: it reads the matches but sends no gradient there.
        matched = (similarity.detach() * MATCH_SHARPNESS).softmax(-1) @ self.template
        prediction = self.head(features, points, mask, token, matched)
        return Output(descriptors, template_descriptors, similarity, matched, prediction)
