"""Synthetic clouds are what a sensor sees of the body that they are labelled with."""

import numpy as np
import pytest
import torch

from sshmr.body.template import build_template
from sshmr.pretraining.clouds import LEAST_POINTS, VIEWS, SyntheticScenes
from sshmr.pretraining.coarse import CoarseBody
from sshmr.pretraining.poses import PoseMixture, drawn_poses
from sshmr.pretraining.sensors import MOST_RAYS, Sensor, depth_sensor, lidar_sensor


@pytest.fixture(scope="module")
def template(neutral_body):
    return build_template(neutral_body, 400)


@pytest.fixture(scope="module")
def mixture(prior):
    return PoseMixture(drawn_poses(prior, 200).training, prior)


@pytest.fixture(scope="module")
def scenes(neutral_body, template, mixture):
    return SyntheticScenes(CoarseBody.of(neutral_body, template), mixture)


@pytest.fixture(scope="module")
def batch(scenes):
    return scenes.draw(16, 384, 0)


def test_the_coarse_body_lies_on_the_whole_one_and_stays_open_between_limbs(neutral_body, template):
    coarse = CoarseBody.of(neutral_body, template)
    corners = coarse.body.v_template[coarse.faces]
    assert torch.cdist(corners.mean(1), neutral_body.v_template).amin(1).max() < 0.03
    # No face joins the legs: left of the middle and right of it, below the hips.
    low = corners[..., 1].amax(1) < coarse.body.joint_template[0, 1] - 0.15
    side = corners[..., 0].sign()
    assert (side[low].amax(1) == side[low].amin(1)).all()


def test_points_lie_on_the_body_and_labels_name_the_vertex_there(batch, neutral_body, template):
    assert batch.points.shape == (16 * VIEWS, 384, 3)
    vertices = batch.target.pose_body(neutral_body).vertices
    labelled = batch.mask & (batch.segment >= 0)
    distance = torch.cdist(batch.points, vertices).amin(2)[labelled]
    # Clothes lie up to 6 cm outside, noise is up to 3 cm, vertices are up to 3 cm apart.
    assert distance.median() < 0.03
    assert (distance > 0.12).float().mean() < 0.01
    named = batch.target.pose_body(neutral_body.subset(template.vertex_ids)).vertices
    there = named.gather(1, batch.segment.clamp_min(0)[..., None].expand(-1, -1, 3))
    assert (there - batch.points).norm(dim=-1)[labelled].median() < 0.05


def test_padding_is_empty_and_weightless(batch):
    assert (batch.points[~batch.mask] == 0).all()
    assert (batch.segment[~batch.mask] == -1).all()
    assert ((batch.weight > 0) == (batch.segment >= 0)).all()
    assert (batch.mask.sum(1) >= LEAST_POINTS // 2).all()


def test_clouds_differ_in_size_and_some_hold_what_is_not_a_body(batch):
    sizes = batch.mask.sum(1)
    assert sizes.min() < 200 < sizes.max()
    foreign = (batch.mask & (batch.segment < 0)).sum(1)
    assert (foreign == 0).any()
    assert (foreign > 20).any()


def test_a_seed_draws_the_same_and_another_does_not(scenes, batch):
    again, other = scenes.draw(16, 384, 0), scenes.draw(16, 384, 1)
    assert torch.equal(again.points, batch.points)
    assert not torch.equal(other.points, batch.points)


@pytest.mark.parametrize("draw", [depth_sensor, lidar_sensor])
def test_sensors_look_at_the_person_with_few_enough_rays(draw):
    rng = np.random.default_rng(0)
    person = rng.uniform((-0.3, -0.9, -0.3), (0.3, 0.9, 0.3), (500, 3))
    for _ in range(20):
        sensor = draw(rng)
        rays = sensor.rays(person, 0.02, rng)
        assert 0 < len(rays) <= MOST_RAYS
        np.testing.assert_allclose(np.linalg.norm(rays, axis=1), 1)
        middle = -sensor.eye / np.linalg.norm(sensor.eye)
        assert (rays @ middle).min() > 0.5


def test_a_lidars_rays_lie_on_cones_a_step_apart():
    sensor = Sensor(np.array([0.0, 0.5, 6.0]), (0.01, 0.02), True, 0.0, 0.0, 0.0)
    person = np.array([[-0.3, -0.9, 0], [0.3, 0.9, 0]])
    rays = sensor.rays(person, 0.02, np.random.default_rng(0))
    elevations = np.unique(np.arcsin(rays[:, 1]).round(9))
    np.testing.assert_allclose(np.diff(elevations), 0.02, atol=1e-8)
