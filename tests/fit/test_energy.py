import math

import pytest
import torch

from sshmr.fit.energy import (
    Sight,
    bending,
    depth_behind,
    soft_correspondence,
    view_direction,
    visibility,
)


@pytest.fixture
def scene():
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    mask = torch.ones(2, 30, dtype=torch.bool)
    mask[1, 20:] = False
    return draw(2, 40, 3), draw(2, 30, 3), mask, torch.tensor([0.2, 0.05], dtype=torch.float64)


def slow_posterior(vertices, points, mask, variance, outlier_weight):
    """p (M, N) of one cloud by the formula of coherent point drift, entry by entry."""
    count = int(mask.sum())
    constant = (2 * math.pi * variance) ** 1.5 * outlier_weight / (1 - outlier_weight) * len(vertices) / count
    posterior = torch.zeros(len(vertices), len(points), dtype=torch.float64)
    for j in range(count):
        likelihood = [math.exp(-((v - points[j]) ** 2).sum().item() / (2 * variance)) for v in vertices]
        for i, value in enumerate(likelihood):
            posterior[i, j] = value / (sum(likelihood) + constant)
    return posterior


def test_correspondence_agrees_with_the_formula_entry_by_entry(scene):
    vertices, points, mask, variance = scene
    match = soft_correspondence(vertices, points, mask, variance, 0.05)
    for row in range(2):
        data = (vertices[row], points[row], mask[row], variance[row].item())
        posterior = slow_posterior(*data, 0.05)
        mass = posterior.sum(1)
        torch.testing.assert_close(match.mass[row], mass)
        torch.testing.assert_close(match.inlier[row], posterior.sum(0))
        seen = mass > 1e-6
        expected = (posterior @ points[row])[seen] / mass[seen, None]
        torch.testing.assert_close(match.target[row][seen], expected)


def test_padding_changes_nothing_wherever_it_lies(scene):
    """The published routine's zero padding pulls the body to the origin; here it must have no say."""
    vertices, points, mask, variance = scene
    elsewhere = torch.where(mask[..., None], points, torch.full_like(points, 0.3))
    first = soft_correspondence(vertices, points, mask, variance, 0.05)
    second = soft_correspondence(vertices, elsewhere, mask, variance, 0.05)
    cut = soft_correspondence(vertices[1:], points[1:, :20], mask[1:, :20], variance[1:], 0.05)
    torch.testing.assert_close(first.target, second.target)
    torch.testing.assert_close(first.mass[1:], cut.mass)


def test_far_points_belong_to_nobody(scene):
    vertices, points, mask, variance = scene
    far = points.clone()
    far[0, 0] = 50.0
    match = soft_correspondence(vertices, far, mask, variance, 0.05)
    assert match.inlier[0, 0] < 1e-6
    assert torch.isfinite(match.target).all()


def test_vertices_that_turn_away_from_the_sensor_weigh_little():
    normals = torch.tensor([[[0.0, 0, 1], [0, 0, -1], [1, 0, 0]]])
    view = view_direction(torch.tensor([[5.0, 0.0, 1.0]]), normals)
    weight = visibility(torch.zeros_like(normals), normals, view, 10.0).exp()[0]
    assert weight[0] > 0.95
    assert weight[1] < 0.01
    assert weight[2] > 0.5


def test_skin_behind_other_skin_is_out_of_sight():
    """A hand 20 cm before a trunk hides what is straight behind it, and nothing beside it."""
    trunk = torch.tensor([[x, 0.0, 0.0] for x in (-0.9, 0.0, 0.9)])
    vertices = torch.cat([trunk, torch.tensor([[0.0, 0.0, 0.2]])])[None]
    normals = torch.tensor([0.0, 0.0, 1.0]).expand_as(vertices)
    view = torch.tensor([[0.0, 0.0, 0.9]])
    assert depth_behind(vertices, view)[0].tolist() == pytest.approx([0.0, 0.2, 0.0, 0.0])
    weight = visibility(vertices, normals, view, 10.0).exp()[0]
    assert weight[1] < 0.05
    assert weight[[0, 2, 3]].min() > 0.95
    assert depth_behind(vertices, 0.2 * view).abs().max() == 0, "seen from all sides, nothing is hidden"


def test_a_sensor_whose_place_is_known_sees_along_its_rays():
    """A hand at half the way to the sensor hides the skin on the same ray."""
    vertices = torch.tensor([[[-0.9, 0.0, 0.0], [0.0, 0.0, 0.0], [0.9, 0.0, 0.0], [0.45, 0.0, 1.0]]])
    normals = torch.tensor([0.0, 0.0, 1.0]).expand_as(vertices)
    guessed = torch.tensor([[0.0, 0.0, -1.0]])
    weight = visibility(vertices, normals, guessed, 10.0, Sight(torch.tensor([[0.0, 0.0, 2.0]]))).exp()[0]
    assert weight[2] < 0.05
    assert weight[[0, 1, 3]].min() > 0.9
    unknown = visibility(vertices, normals, guessed, 10.0, Sight(torch.full((1, 3), torch.nan)))
    torch.testing.assert_close(unknown, visibility(vertices, normals, guessed, 10.0))


def test_crowding_vertices_before_others_earns_nothing():
    """The mixture is shared among what is in sight: hidden vertices neither explain points nor cost."""
    points = torch.rand(1, 40, 3, generator=torch.Generator().manual_seed(1))
    mask, variance = torch.ones(1, 40, dtype=torch.bool), torch.tensor([0.01])
    vertices = torch.rand(1, 30, 3, generator=torch.Generator().manual_seed(2))
    twice = torch.cat([vertices, vertices], 1)
    hidden = torch.cat([torch.zeros(1, 30), torch.full((1, 30), -60.0)], 1)
    alone = soft_correspondence(vertices, points, mask, variance, 0.05, torch.zeros(1, 30))
    torch.testing.assert_close(
        soft_correspondence(twice, points, mask, variance, 0.05, hidden).log_likelihood, alone.log_likelihood
    )
    doubled = soft_correspondence(twice, points, mask, variance, 0.05, torch.zeros(1, 60))
    torch.testing.assert_close(doubled.log_likelihood, alone.log_likelihood)


def test_a_cloud_seen_from_all_around_leaves_no_vertex_out():
    normals = torch.nn.functional.normalize(
        torch.randn(1, 4000, 3, generator=torch.Generator().manual_seed(0)), dim=2
    )
    view = view_direction(torch.ones(1, 4000), normals)
    weight = visibility(torch.zeros_like(normals), normals, view, 10.0).exp()
    assert weight.min() > 0.8 * weight.max()


def test_knees_and_elbows_bend_the_natural_way():
    """A squat's knees turn about +x; a hanging left arm's elbow about −y brings the hand forward."""
    pose = torch.zeros(2, 23, 3)
    pose[0, 3, 0] = pose[0, 4, 0] = 1.0
    pose[0, 17, 1], pose[0, 18, 1] = -1.0, 1.0
    pose[1] = -pose[0]
    bent = bending(pose.flatten(1))
    assert (bent[0] < 0).all()
    assert (bent[1] > 0).all()
