import torch

from sshmr.network.basis import BasisEncoding


def clouds():
    generator = torch.Generator().manual_seed(0)
    mask = torch.ones(3, 50, dtype=torch.bool)
    mask[1, 20:] = False
    return torch.randn(3, 50, 3, generator=generator) * 0.5, mask


@torch.no_grad()
def test_neither_order_nor_padding_nor_company_changes_a_clouds_code():
    torch.manual_seed(0)
    encode = BasisEncoding(64, 32)
    points, mask = clouds()
    code = encode(points, mask)
    order = torch.randperm(50)
    torch.testing.assert_close(encode(points[:, order], mask[:, order]), code)
    moved = torch.where(mask[..., None], points, torch.full_like(points, 0.1))
    torch.testing.assert_close(encode(moved, mask), code)
    torch.testing.assert_close(encode(points[1:2, :20], mask[1:2, :20]), code[1:2])


@torch.no_grad()
def test_each_place_gets_its_nearest_point():
    """With the identity as first layer, and no others, what comes out is what the layer was told."""
    encode = BasisEncoding(16, 64)
    encode.layers = torch.nn.ModuleList()
    encode.first.weight.copy_(torch.eye(64))
    encode.first.bias.zero_()
    points, mask = clouds()
    code = encode(points, mask).view(3, 16, 4)
    for row in range(3):
        for place in range(16):
            offsets = points[row][mask[row]] - encode.places[place]
            nearest = offsets[offsets.norm(dim=1).argmin()]
            torch.testing.assert_close(code[row, place, 1:], nearest)
            torch.testing.assert_close(code[row, place, 0], nearest.norm())
