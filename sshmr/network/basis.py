"""A cloud as its nearest points to fixed places (a basis point set). The order of the points does not matter.

Source: Prokudin et al., "Efficient Learning on Point Clouds with Basis Point Sets", ICCV 2019.
"""

import torch
from torch import nn

EXTENT = (0.9, 1.1, 0.9)
"""Half axes in metres of the ellipsoid that the basis fills: a person about the mean of their cloud."""


class BasisEncoding(nn.Module):
    """Nearest point of a cloud to each basis place, and three residual layers over them.

    Args:
        places: how many basis places. width: channels of the code.
    """

    LAYERS = 3
    places: torch.Tensor

    def __init__(self, places: int, width: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        directions = nn.functional.normalize(torch.randn(places, 3, generator=generator), dim=1)
        radii = torch.rand(places, 1, generator=generator) ** (1 / 3)
        self.register_buffer("places", directions * radii * torch.tensor(EXTENT))
        self.first = nn.Linear(4 * places, width)
        self.layers = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))
            for _ in range(self.LAYERS)
        )

    def forward(self, points: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Points (B, N, 3) metres, centred, mask (B, N) bool → code (B, width)."""
        # |x − p|² without |x|², which is the same for all points p and doesn't change which is nearest.
        lengths = points.square().sum(2).masked_fill(~mask, torch.inf)
        places = self.places.expand(len(points), -1, -1)
        nearest = torch.baddbmm(lengths[:, None], places, points.transpose(1, 2), alpha=-2).argmin(2)
        offset = points.gather(1, nearest[..., None].expand(-1, -1, 3)) - self.places
        code: torch.Tensor = self.first(
            torch.cat([offset.norm(dim=2, keepdim=True), offset], dim=2).flatten(1)
        )
        for layer in self.layers:
            code = code + layer(code)
        return code
