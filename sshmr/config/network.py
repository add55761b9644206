"""Width, depth and kind of the network."""

import dataclasses
from typing import Literal

from sshmr.config.mapping import from_mapping
from sshmr.errors import InputError


@dataclasses.dataclass(frozen=True)
class NetworkConfig:
    """The network's shape; the defaults are the ``small`` preset, which trains on a CPU.

    Attributes:
        grid: metres, edge of the finest voxel; every further stage doubles it.
        depths, widths, heads: blocks, channels and attention heads of each encoder stage.
        decoder_depths, decoder_widths, decoder_heads: the same for the decoder, finest stage first, one
            stage fewer than the encoder's; 0 blocks leave only the unpooling.
        frequencies: octaves of sines and cosines of a position that go in beside it, from 2 m waves down.
        patch: voxels that attend to one another at most.
        drop_path: share of clouds whose residual branch is skipped in training, growing with depth up to it.
        precision: ``bfloat16`` has the encoder's products in half precision; matching and head never are.
        features: numbers per point that come out.
        neighbours: best matches that a point keeps on the other shape.
        temperature: of the dual softmax, and of the weights of the best matches.
        mixing: ``linear`` is the published head (farthest points, set abstraction, one learned mixing of the
            points in the order in which they were picked); ``attention`` lets 26 learned queries attend to
            the points instead, so that what a query gathers depends on where a point is, not on its number.
        head_points: points the head works on, chosen by farthest point sampling.
        head_width: channels of the attention head.
        head_layers: layers of the attention head.
        head_reads_matches: the attention head is told each point's expected place on the template.
        basis: places whose nearest points tell the attention head what the whole cloud looks like; 0: none.
        basis_width: channels of that.
        betas: shape coefficients predicted; the published head predicts 1, the rest stay zero.
    """

    grid: float = 0.08
    depths: tuple[int, ...] = (1, 1, 2)
    widths: tuple[int, ...] = (32, 64, 128)
    heads: tuple[int, ...] = (2, 4, 8)
    decoder_depths: tuple[int, ...] = (0, 1)
    decoder_widths: tuple[int, ...] = (64, 64)
    decoder_heads: tuple[int, ...] = (4, 4)
    patch: int = 256
    frequencies: int = 4
    drop_path: float = 0.0
    precision: Literal["float32", "bfloat16"] = "float32"
    features: int = 64
    neighbours: int = 10
    temperature: float = 0.1
    mixing: Literal["linear", "attention"] = "attention"
    head_points: int = 128
    head_width: int = 96
    head_layers: int = 2
    head_reads_matches: bool = True
    basis: int = 512
    basis_width: int = 512
    betas: int = 10

    def __post_init__(self):
        stages = len(self.depths)
        for name, length in (
            ("widths", stages),
            ("heads", stages),
            ("decoder_depths", stages - 1),
            ("decoder_widths", stages - 1),
            ("decoder_heads", stages - 1),
        ):
            if len(getattr(self, name)) != length:
                found = f"{len(getattr(self, name))} values"
                raise InputError(
                    "config", f'key "network.{name}"', found, f"{length}, as depths has {stages}"
                )
        for widths, heads in (("widths", "heads"), ("decoder_widths", "decoder_heads")):
            for width, head in zip(getattr(self, widths), getattr(self, heads), strict=True):
                if head < 1 or width % head:
                    raise InputError("config", f'key "network.{heads}"', head, f"a divisor of {width}")
        for name in ("grid", "patch", "features", "neighbours", "temperature", "head_points"):
            if getattr(self, name) <= 0:
                raise InputError("config", f'key "network.{name}"', getattr(self, name), "more than 0")
        if not 1 <= self.betas <= 10:
            raise InputError("config", 'key "network.betas"', self.betas, "1 to 10")


PRESETS = {
    "small": {},
    "medium": {
        "grid": 0.05,
        "depths": (1, 1, 2, 2),
        "widths": (48, 96, 192, 384),
        "heads": (3, 6, 12, 24),
        "decoder_depths": (1, 1, 1),
        "decoder_widths": (96, 96, 192),
        "decoder_heads": (6, 6, 12),
        "patch": 512,
        "drop_path": 0.1,
        "features": 128,
        "head_width": 192,
        "head_layers": 3,
    },
    "paper": {
        "grid": 0.05,
        "depths": (2, 2, 2, 6, 2),
        "widths": (32, 64, 128, 256, 512),
        "heads": (2, 4, 8, 16, 32),
        "decoder_depths": (2, 2, 2, 2),
        "decoder_widths": (256, 256, 512, 512),
        "decoder_heads": (4, 4, 8, 16),
        "patch": 1024,
        "frequencies": 0,
        "drop_path": 0.3,
        "features": 256,
        "mixing": "linear",
        "head_points": 256,
        "basis": 0,
        "betas": 1,
    },
}


def network_config(settings, where="network"):
    """A ``NetworkConfig`` from a mapping: ``preset`` names the start, other keys replace its values.

    Raises:
        InputError: for an unknown preset or key, or a value that doesn't fit.
    """
    settings = dict(settings)
    preset = settings.pop("preset", "small")
    if preset not in PRESETS:
        raise InputError(where, 'key "preset"', repr(preset), "one of " + ", ".join(PRESETS))
    return from_mapping(NetworkConfig, {**PRESETS[preset], **settings}, where)
