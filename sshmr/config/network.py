"""Width, depth and kind of the network."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sshmr.config.base import Settings, misfit
from sshmr.config.mapping import from_mapping

Count = Annotated[int, Field(ge=1, le=8192)]
Depth = Annotated[int, Field(ge=0, le=64)]


class NetworkConfig(Settings):
    """The network's size. The defaults train on a CPU; config/paper.yaml has the published size."""

    grid: float = Field(0.08, ge=0.005, le=1)
    """Edge of the finest voxels, in metres. Every further stage doubles it."""
    depths: tuple[Count, ...] = Field((1, 1, 2), min_length=1, max_length=8)
    """Blocks per encoder stage."""
    widths: tuple[Count, ...] = (32, 64, 128)
    """Channels per encoder stage."""
    heads: tuple[Count, ...] = (2, 4, 8)
    """Attention heads per encoder stage."""
    decoder_depths: tuple[Depth, ...] = (0, 1)
    """Blocks per decoder stage, finest first, one stage fewer than the encoder. 0 leaves only the
    unpooling."""
    decoder_widths: tuple[Count, ...] = (64, 64)
    """Channels per decoder stage."""
    decoder_heads: tuple[Count, ...] = (4, 4)
    """Attention heads per decoder stage."""
    patch: int = Field(256, ge=1, le=65536)
    """Largest number of voxels that attend to each other."""
    frequencies: int = Field(4, ge=0, le=16)
    """Octaves of the positional encoding (sine and cosine), from a wavelength of 2 m down."""
    drop_path: float = Field(0.0, ge=0, lt=1)
    """Probability that the deepest residual branch is skipped for a cloud in training; it grows with
    depth."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Precision of the encoder: float32, or bfloat16 on a GPU. Matching and head are always float32."""
    features: int = Field(64, ge=1, le=8192)
    """Descriptor size per point."""
    neighbours: int = Field(10, ge=1, le=1024)
    """Number of best matches that each point keeps on the other shape."""
    temperature: float = Field(0.1, ge=0.001, le=100)
    """Temperature of the dual softmax and of the weights of the best matches."""
    mixing: Literal["linear", "attention"] = "attention"
    """Head: linear (published: one learned mixing of the points in sampling order), or attention (26 learned
    queries attend to the points, independent of their order)."""
    head_points: int = Field(128, ge=1, le=32768)
    """Points that the head reads, chosen by farthest point sampling."""
    head_width: int = Field(96, ge=1, le=8192)
    """Channels of the attention head."""
    head_layers: int = Field(2, ge=1, le=64)
    """Layers of the attention head."""
    head_reads_matches: bool = True
    """The attention head also reads each point's expected position on the template."""
    basis: int = Field(512, ge=0, le=32768)
    """Basis points whose nearest cloud points describe the whole cloud to the attention head. 0 uses none."""
    basis_width: int = Field(512, ge=1, le=8192)
    """Channels of that description."""
    betas: int = Field(10, ge=1, le=10)
    """Number of predicted shape coefficients. The published head predicts 1. The others stay zero."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        stages = len(self.depths)
        lengths = {"widths": stages, "heads": stages}
        lengths |= dict.fromkeys(("decoder_depths", "decoder_widths", "decoder_heads"), stages - 1)
        for name, length in lengths.items():
            value = getattr(self, name)
            if len(value) != length:
                raise misfit(name, value, f"{length} values, as depths has {stages}")
        for widths, heads in (("widths", "heads"), ("decoder_widths", "decoder_heads")):
            for width, head in zip(getattr(self, widths), getattr(self, heads), strict=True):
                if width % head:
                    raise misfit(
                        heads, getattr(self, heads), f"divisors of {widths}; {head} does not divide {width}"
                    )
        return self


def network_config(settings: object, where: object = "config") -> NetworkConfig:
    """A ``NetworkConfig`` from a mapping.

    Raises:
        InputError: for an unknown key or a wrong value.
    """
    return from_mapping(NetworkConfig, settings, "network", where)
