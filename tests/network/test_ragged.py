"""Packing, patches, pooling and unpooling."""

import pytest
import torch

from sshmr.network.pyramid import build_pyramid, voxel_of
from sshmr.network.ragged import cut_in_patches, move_rows, scatter, spread_rows, unpack


def test_unpack_puts_rows_back_and_zeros_elsewhere():
    mask = torch.tensor([[True, False, True], [False, True, True]])
    rows = torch.arange(1.0, 5.0)[:, None].requires_grad_()
    padded = unpack(rows, mask)
    assert padded[..., 0].tolist() == [[1, 0, 2], [0, 3, 4]]
    (padded[..., 0] * torch.tensor([[1.0, 9, 2], [9, 3, 4]])).sum().backward()
    assert rows.grad[:, 0].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("patch", [1, 3, 8, 100])
def test_patches_hold_each_row_once_and_never_two_clouds(patch):
    lengths = torch.tensor([7, 1, 0, 16])
    order = torch.cat([torch.randperm(7), torch.tensor([7]), 8 + torch.randperm(16)])
    cloud = torch.repeat_interleave(torch.arange(4), lengths)
    layout = cut_in_patches(order, lengths, patch)
    groups = [group[group < 24] for group in layout.source.view(layout.shape)]
    assert sorted(torch.cat(groups).tolist()) == list(range(24))
    assert torch.equal(torch.cat(groups), order)
    assert all(1 <= len(group) <= patch for group in groups)
    assert all(len(cloud[group].unique()) == 1 for group in groups)
    # As few as will do, of nearly equal size.
    assert len(groups) == sum(-(-n // patch) for n in lengths.tolist())
    for number in range(4):
        sizes = [len(group) for group in groups if cloud[group[0]] == number]
        assert not sizes or max(sizes) - min(sizes) <= 1
    values = torch.randn(24, 2)
    assert torch.equal(
        move_rows(move_rows(values, layout.source, layout.back), layout.back, layout.source), values
    )


def test_pooling_and_unpooling_return_what_is_constant_in_a_voxel():
    torch.manual_seed(0)
    positions = torch.randn(300, 3) * 0.3
    cloud = torch.arange(3).repeat_interleave(100)
    levels = build_pyramid(positions, cloud, 3, 0.1, 3, 64)
    finer_cloud, parent = cloud, None
    for level, size in zip(levels, (0.1, 0.2, 0.4), strict=True):
        parent = level.parent if parent is None else level.parent[parent]
        voxels = torch.cat(
            [cloud[:, None], torch.div(voxel_of(positions, 0.1), round(size / 0.1)).floor()], 1
        )
        same_voxel = (voxels[:, None] == voxels[None]).all(-1)
        assert torch.equal(parent[:, None] == parent[None], same_voxel)
        assert torch.equal(level.cloud[level.parent], finer_cloud)
        finer_cloud = level.cloud
    pooled = scatter(positions, levels[0].parent, len(levels[0].cloud), "mean")
    spread = spread_rows(pooled, levels[0].parent)
    for i in range(0, 300, 17):
        mates = levels[0].parent == levels[0].parent[i]
        torch.testing.assert_close(spread[i], positions[mates].mean(0))
    torch.testing.assert_close(scatter(spread, levels[0].parent, len(pooled), "mean"), pooled)


def test_the_greatest_of_each_voxel_equals_a_loop_and_takes_the_gradient():
    torch.manual_seed(1)
    rows = torch.randn(40, 3, dtype=torch.float64, requires_grad=True)
    target = torch.cat([torch.arange(7), torch.randint(7, (33,))])
    pooled = scatter(rows, target, 7, "amax")
    pooled.sum().backward()
    gradient = torch.zeros(40, 3, dtype=torch.float64)
    for voxel in range(7):
        mates = (target == voxel).nonzero()[:, 0].tolist()
        for channel in range(3):
            winner = mates[int(rows[mates, channel].argmax())]
            assert pooled[voxel, channel] == rows[winner, channel]
            gradient[winner, channel] = 1
    assert torch.equal(rows.grad, gradient)


def test_the_gradient_of_spreading_rows_is_their_sum():
    torch.manual_seed(2)
    rows = torch.randn(5, 2, dtype=torch.float64, requires_grad=True)
    source = torch.tensor([0, 3, 3, 4, 0, 0])
    assert torch.equal(spread_rows(rows, source), rows[source])
    assert torch.autograd.gradcheck(lambda rows: spread_rows(rows, source), rows)
