"""The curves against bit-by-bit definitions."""

import itertools

import torch

from sshmr.network.serialization import CURVES, curve_code, hilbert_code, z_order_code


def cube(bits):
    side = range(1 << bits)
    return torch.tensor(list(itertools.product(side, side, side)))


def test_z_order_interleaves_bits_as_text():
    voxels = torch.randint(0, 1 << 10, (200, 3), generator=torch.Generator().manual_seed(0))
    for voxel, code in zip(voxels.tolist(), z_order_code(voxels).tolist(), strict=True):
        x, y, z = (format(value, "010b") for value in voxel)
        assert code == int("".join(a + b + c for a, b, c in zip(x, y, z, strict=True)), 2)


def test_hilbert_visits_every_voxel_once_by_steps_through_faces():
    for bits in (1, 2, 3):
        voxels = cube(bits)
        codes = hilbert_code(voxels, bits)
        assert sorted(codes.tolist()) == list(range(8**bits))
        walk = voxels[codes.argsort()]
        assert ((walk[1:] - walk[:-1]).abs().sum(1) == 1).all()


def test_hilbert_nests_so_that_coarse_voxels_are_unbroken_runs():
    voxels = cube(3)
    blocks = hilbert_code(voxels, 3).argsort().view(8, 64)
    for block in voxels[blocks] >> 2:
        assert len(block.unique(dim=0)) == 1


def test_every_eighth_of_hilbert_is_the_whole_curve_in_small_turned_or_mirrored():
    """With the two above, what makes a curve Hilbert's."""
    small = cube(2)[hilbert_code(cube(2), 2).argsort()]
    eighths = cube(3)[hilbert_code(cube(3), 3).argsort()].view(8, 64, 3)
    images = [
        small[:, order] * torch.tensor(signs) + torch.tensor([0 if sign > 0 else 3 for sign in signs])
        for order in itertools.permutations(range(3))
        for signs in itertools.product((1, -1), repeat=3)
    ]
    for walk in eighths:
        within = walk - walk.amin(0)
        assert sum(torch.equal(within, image) for image in images) == 1


def test_transposed_curves_swap_x_and_y():
    voxels = cube(2)
    swapped = voxels[:, [1, 0, 2]]
    assert torch.equal(curve_code(voxels, "z-transposed", 2), z_order_code(swapped))
    assert torch.equal(curve_code(voxels, "hilbert-transposed", 2), hilbert_code(swapped, 2))
    assert len({tuple(curve_code(voxels, curve, 2).tolist()) for curve in CURVES}) == 4
