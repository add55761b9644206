"""Space-filling curves: one number for each voxel, so that near numbers are near in space.

Sources: Morton 1966 (z-order); Skilling, "Programming the Hilbert curve", AIP Conference Proceedings 707,
2004; Wu et al., "Point Transformer V3", CVPR 2024 (the two curves and their transposes).
"""

import torch

BITS = 10
"""Bits a coordinate: 1,024 voxels along each axis, 51 m at 5 cm."""

CURVES = ("z", "z-transposed", "hilbert", "hilbert-transposed")


SPREAD = ((16, 0x3FF0000FF), (8, 0x300F00F), (4, 0x30C30C3), (2, 0x9249249))
"""Shifts and masks that spread the bits of a number."""


def z_order_code(voxels: torch.Tensor) -> torch.Tensor:
    """Interleave the bits of x, y, z, x foremost: (V, 3) int64 in [0, 2^BITS) → (V,) int64."""
    apart = voxels
    for far, places in SPREAD:
        apart = (apart | apart << far) & places
    return (apart[:, 0] << 2) | (apart[:, 1] << 1) | apart[:, 2]


def hilbert_code(voxels: torch.Tensor, bits: int = BITS) -> torch.Tensor:
    """Place along the Hilbert curve: (V, 3) int64 in [0, 2^bits) → (V,) int64.

    Voxels with consecutive numbers share a face. Source: Skilling 2004, ``AxestoTranspose``.
    """
    axes = [voxels[:, axis].clone() for axis in range(3)]
    for bit in range(bits - 1, 0, -1):
        low = (1 << bit) - 1
        for axis in range(3):
            high = (axes[axis] >> bit & 1).bool()
            swap = (axes[0] ^ axes[axis]) & low
            swap = torch.where(high, 0, swap)
            axes[0] = torch.where(high, axes[0] ^ low, axes[0] ^ swap)
            axes[axis] = axes[axis] ^ swap
    for axis in range(1, 3):
        axes[axis] = axes[axis] ^ axes[axis - 1]
    flip = torch.zeros_like(axes[0])
    for bit in range(bits - 1, 0, -1):
        flip = torch.where((axes[2] >> bit & 1).bool(), flip ^ ((1 << bit) - 1), flip)
    return z_order_code(torch.stack([axis ^ flip for axis in axes], dim=1))


def curve_code(voxels: torch.Tensor, curve: str, bits: int = BITS) -> torch.Tensor:
    """Place along one of ``CURVES``; a transposed curve runs through (y, x, z)."""
    if curve.endswith("transposed"):
        voxels = voxels[:, [1, 0, 2]]
    return z_order_code(voxels) if curve.startswith("z") else hilbert_code(voxels, bits)
