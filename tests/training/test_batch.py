"""Whatever is done to a batch, the body still lies in its cloud and labels name the right vertices."""

import math

import pytest
import torch

from sshmr.body.model import BodyModel, open_body_path
from sshmr.body.template import build_template
from sshmr.geometry.rotations import rotvec_to_rotmat
from sshmr.network.head import Prediction
from sshmr.training.batch import Batch, choose_points, cut, join, mirror, pad, recentre, turn

COUNT = 3


@pytest.fixture(scope="module")
def body():
    return BodyModel.load(open_body_path("neutral"), dtype=torch.float64)


@pytest.fixture(scope="module")
def template(neutral_body):
    return build_template(neutral_body, 200)


@pytest.fixture
def batch(body, template):
    """Clouds made of the template's own vertices, in random poses: each label is exact."""
    generator = torch.Generator().manual_seed(0)
    poses = 0.3 * torch.randn(COUNT, 24, 3, generator=generator, dtype=torch.float64)
    target = Prediction(
        rotvec_to_rotmat(poses),
        torch.randn(COUNT, 3, generator=generator, dtype=torch.float64),
        torch.randn(COUNT, 10, generator=generator, dtype=torch.float64),
    )
    points = target.pose_body(body.subset(template.vertex_ids)).vertices
    mask = torch.ones(points.shape[:2], dtype=torch.bool)
    mask[1, 150:] = False
    segment = torch.arange(200).repeat(COUNT, 1).masked_fill(~mask, -1)
    weight = mask.double()
    return Batch(points * mask[..., None], mask, segment, weight, target, torch.ones(COUNT))


def worst_distance(batch, body, template):
    """Largest distance of a point to the vertex that its label names, metres."""
    vertices = batch.target.pose_body(body.subset(template.vertex_ids)).vertices
    named = vertices.gather(1, batch.segment.clamp_min(0)[..., None].expand(-1, -1, 3))
    return float((named - batch.points).norm(dim=-1)[batch.mask].max())


def test_labels_stay_exact_through_turns_cuts_choices_and_recentring(batch, body, template):
    generator = torch.Generator().manual_seed(1)
    assert worst_distance(batch, body, template) < 1e-9
    changed = recentre(turn(batch, torch.tensor([0.3, 2.0, -3.0], dtype=torch.float64)))
    assert worst_distance(changed, body, template) < 1e-9
    torch.testing.assert_close(changed.points.sum(1), torch.zeros(COUNT, 3, dtype=torch.float64))
    fewer = choose_points(cut(changed, 1.0, (0.2, 0.3), generator), 120, generator)
    assert fewer.points.shape == (COUNT, 120, 3)
    assert worst_distance(fewer, body, template) < 1e-9
    assert worst_distance(pad(join([fewer, fewer]), 300), body, template) < 1e-9


def test_a_quarter_turn_takes_front_to_the_left(batch):
    """+90° about y takes +z to +x."""
    turned = turn(batch, torch.full((COUNT,), math.pi / 2, dtype=torch.float64))
    torch.testing.assert_close(turned.points[..., 0], batch.points[..., 2])
    torch.testing.assert_close(turned.points[..., 2], -batch.points[..., 0])


def test_mirrored_bodies_lie_in_mirrored_clouds(batch, body, template):
    """Points within what 200 vertices leave between one and the one that stands for its mirror image."""
    straight = batch._replace(target=batch.target._replace(betas=torch.zeros_like(batch.target.betas)))
    points = straight.target.pose_body(body.subset(template.vertex_ids)).vertices
    straight = straight._replace(points=points * batch.mask[..., None])
    chosen = torch.tensor([True, False, True])
    mirrored = mirror(straight, chosen, template.mirror)
    assert torch.equal(mirrored.points[1], straight.points[1])
    assert worst_distance(mirrored, body, template) < 0.2
    # The whole mesh: SMPL's layout is symmetric, so every vertex has a partner.
    before = straight.target.pose_body(body).vertices * torch.tensor([-1.0, 1, 1], dtype=torch.float64)
    after = mirrored.target.pose_body(body).vertices
    for i in (0, 2):
        assert torch.cdist(after[i], before[i]).amin(1).max() < 0.01
    twice = mirror(mirrored, chosen, template.mirror)
    torch.testing.assert_close(twice.target.rotmats, straight.target.rotmats)
    torch.testing.assert_close(twice.points, straight.points)


def test_cuts_leave_at_least_half(batch):
    for seed in range(5):
        kept = cut(batch, 1.0, (0.1, 2.0), torch.Generator().manual_seed(seed))
        assert (2 * kept.mask.sum(1) >= batch.mask.sum(1)).all()
        assert not kept.points[~kept.mask].any()
        assert (kept.segment[~kept.mask] == -1).all()
