"""Neighbours and farthest points against loops in float64."""

import sys
import types

import pytest
import torch

from sshmr.geometry import neighbours
from sshmr.geometry.neighbours import farthest_point_sample, group, knn, nearest


@pytest.fixture
def clouds():
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(3, 40, 3, generator=generator, dtype=torch.float64)
    mask = torch.ones(3, 40, dtype=torch.bool)
    mask[1, 25:], mask[2, 2:] = False, False
    return points * mask[..., None], mask


def test_knn_equals_sorting_every_distance(clouds):
    points, mask = clouds
    query = torch.randn(3, 7, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    distances, indices = knn(query, points, 4, mask)
    for b in range(3):
        valid = mask[b].nonzero()[:, 0].tolist()
        for q in range(7):
            ranked = sorted((float((query[b, q] - points[b, i]).norm()), i) for i in valid)
            ranked = (ranked + [ranked[0]] * 4)[: len(ranked)] + [ranked[0]] * 4
            assert indices[b, q].tolist() == [i for _, i in ranked[:4]]
            torch.testing.assert_close(distances[b, q].tolist(), [d for d, _ in ranked[:4]])


def test_nearest_distance_is_differentiable_even_where_it_is_zero(clouds):
    points, mask = clouds[0][:2], clouds[1][:2]
    query = points[:, :5].clone().requires_grad_()
    distance, index = nearest(query, points, mask)
    assert distance.max() < 1e-5
    assert index[0].tolist() == [0, 1, 2, 3, 4]
    distance.sum().backward()
    assert torch.isfinite(query.grad).all()


def test_group_takes_rows_by_index(clouds):
    points, _ = clouds
    indices = torch.randint(40, (3, 6, 2), generator=torch.Generator().manual_seed(2))
    grouped = group(points, indices)
    assert torch.equal(grouped[2, 5, 1], points[2, indices[2, 5, 1]])
    assert grouped.shape == (3, 6, 2, 3)


def slow_sample(points, count):
    chosen = [int((points - points.mean(0)).norm(dim=1).argmax())]
    while len(chosen) < count:
        chosen.append(int(torch.cdist(points, points[chosen]).amin(1).argmax()))
    return chosen


def test_farthest_points_equal_a_loop_and_never_are_padding(clouds):
    points, mask = clouds
    chosen = farthest_point_sample(points, 12, mask)
    for b, count in ((0, 12), (1, 12), (2, 2)):
        assert chosen[b, :count].tolist() == slow_sample(points[b, mask[b]], count)
    assert chosen[2].tolist() == chosen[2, :2].tolist() * 6


def test_farthest_points_do_not_depend_on_the_order(clouds):
    points, mask = clouds[0][:2], clouds[1][:2]
    order = torch.randperm(40, generator=torch.Generator().manual_seed(3))
    picked = group(points, farthest_point_sample(points, 30, mask))
    shuffled = group(points[:, order], farthest_point_sample(points[:, order], 30, mask[:, order]))
    assert torch.equal(picked, shuffled)


def test_the_gpu_kernel_is_asked_in_its_own_terms(clouds, monkeypatch):
    """pointnet2_ops' sampler starts at row 0, knows no mask and passes over points near the origin."""

    def kernel(points, count):
        chosen = torch.zeros(len(points), count, dtype=torch.int32)
        for b, cloud in enumerate(points):
            far = cloud.square().sum(1) > 1e-3
            distance = torch.where(far, torch.inf, -1.0)
            for i in range(1, count):
                distance = torch.minimum(distance, (cloud - cloud[chosen[b, i - 1]]).square().sum(1))
                chosen[b, i] = distance.argmax()
        return chosen

    package = types.ModuleType("pointnet2_ops")
    utils = types.ModuleType("pointnet2_ops.pointnet2_utils")
    utils.furthest_point_sample = kernel
    monkeypatch.setitem(sys.modules, "pointnet2_ops", package)
    monkeypatch.setitem(sys.modules, "pointnet2_ops.pointnet2_utils", utils)
    neighbours._kernel.cache_clear()
    points, mask = clouds
    first = farthest_point_sample(points, 1, mask)
    found = neighbours._sample_by_kernel(neighbours._kernel(), points, 12, mask, first)
    neighbours._kernel.cache_clear()
    expected = farthest_point_sample(points, 12, mask)
    assert torch.equal(found[:2], expected[:2])
    assert torch.equal(found[2, :2], expected[2, :2])
