"""The sparse convolution against PyTorch's dense one on the occupied cells."""

import pytest
import torch

from sshmr.network.sparse_columns import find_columns
from sshmr.network.sparse_conv import SubmanifoldConv
from sshmr.network.sparse_pairs import find_pairs

SIDE = 7


def occupied(seed, count=60):
    """Distinct voxels of two clouds, unsorted, and their cloud."""
    generator = torch.Generator().manual_seed(seed)
    cells = torch.randperm(2 * SIDE**3, generator=generator)[:count]
    cloud, cell = cells // SIDE**3, cells % SIDE**3
    return torch.stack([cell // SIDE**2, cell // SIDE % SIDE, cell % SIDE], dim=1), cloud


def dense(conv, features, voxels, cloud):
    """The same kernel as a conv3d; (27·in, out) → (out, in, 3, 3, 3)."""
    width = features.shape[1]
    kernel = conv.weight.view(3, 3, 3, width, -1).permute(4, 3, 0, 1, 2)
    grid = features.new_zeros(2, width, SIDE, SIDE, SIDE)
    x, y, z = voxels.T
    grid = grid.permute(0, 2, 3, 4, 1).index_put((cloud, x, y, z), features).permute(0, 4, 1, 2, 3)
    out = torch.nn.functional.conv3d(grid, kernel, conv.bias, padding=1)
    return out.permute(0, 2, 3, 4, 1)[cloud, x, y, z]


@pytest.mark.parametrize("find", [find_pairs, find_columns])
def test_values_and_gradients_equal_a_dense_convolution(find):
    torch.manual_seed(0)
    voxels, cloud = occupied(1)
    conv = SubmanifoldConv(4, 5).double()
    torch.nn.init.normal_(conv.bias)
    neighbours = find(voxels, cloud)
    results = []
    for run in (lambda x: conv(x, neighbours), lambda x: dense(conv, x, voxels, cloud)):
        features = torch.randn(60, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
        features.requires_grad_()
        conv.zero_grad()
        value = run(features)
        (value * torch.linspace(-1, 1, value.numel()).view_as(value)).sum().backward()
        results.append((value, features.grad, conv.weight.grad.clone(), conv.bias.grad.clone()))
    for sparse_part, dense_part in zip(*results, strict=True):
        torch.testing.assert_close(sparse_part, dense_part)


@pytest.mark.parametrize("find", [find_pairs, find_columns])
def test_neighbours_do_not_wrap_round_the_grid_or_cross_clouds(find):
    last = 1023
    voxels = torch.tensor([[0, 0, last], [0, 1, 0], [last, last, last], [0, 0, 0], [0, 0, last]])
    cloud = torch.tensor([0, 0, 0, 1, 1])
    neighbours = find(voxels, cloud)
    conv = SubmanifoldConv(2, 3)
    features = torch.randn(5, 2, requires_grad=True)
    alone = conv(features, neighbours)
    middle = conv.weight.view(27, 2, 3)[13]
    torch.testing.assert_close(alone, features @ middle + conv.bias)
    alone.sum().backward()
    torch.testing.assert_close(features.grad, middle.sum(1).expand(5, 2))
