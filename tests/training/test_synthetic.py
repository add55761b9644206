"""Synthetic clouds resemble what a sensor sees of a body, and their labels are right."""

import pytest
import torch

from sshmr.body.template import build_template
from sshmr.training.synthetic import SyntheticPeople


@pytest.fixture(scope="module")
def drawn(neutral_body, prior):
    template = build_template(neutral_body, 400)
    people = SyntheticPeople(neutral_body, template, prior)
    batch = people.draw(24, 300, torch.Generator().manual_seed(0))
    return people, template, batch


def test_points_lie_on_the_body_they_came_from(drawn, neutral_body):
    _, template, batch = drawn
    distance = torch.cdist(batch.points, batch.target.pose_body(neutral_body).vertices).amin(2)[batch.mask]
    # Vertices are up to 3 cm apart, the sensor's noise is up to 2 cm, and some points are meant as outliers.
    assert distance.median() < 0.02
    assert (distance > 0.1).float().mean() < 0.05
    vertices = batch.target.pose_body(neutral_body.subset(template.vertex_ids)).vertices
    named = vertices.gather(1, batch.segment.clamp_min(0)[..., None].expand(-1, -1, 3))
    trusted = batch.mask & (batch.weight > 0)
    assert (named - batch.points).norm(dim=-1)[trusted].median() < 0.04


def test_clouds_are_partial_centred_and_of_many_sizes(drawn, neutral_body):
    _, _, batch = drawn
    sizes = batch.mask.sum(1)
    assert sizes.min() >= 50
    assert sizes.max() > 2 * sizes.min()
    assert (batch.points.sum(1) / sizes[:, None]).norm(dim=1).max() < 1e-5
    # Seen from one side: only part of the body is near any point.
    vertices = batch.target.pose_body(neutral_body).vertices
    reach = torch.where(batch.mask[:, None], torch.cdist(vertices, batch.points), torch.inf).amin(2)
    assert ((reach > 0.05).float().mean(1) > 0.25).all()


def test_headings_and_shapes_vary(drawn):
    _, _, batch = drawn
    facing = batch.target.rotmats[:, 0, :, 2]
    assert facing[:, [0, 2]].mean(0).norm() < 0.5
    assert batch.target.betas.std(0).min() > 0.4


def test_the_same_seed_draws_the_same(drawn):
    people, _, batch = drawn
    again = people.draw(24, 300, torch.Generator().manual_seed(0))
    assert torch.equal(batch.points, again.points)
    assert torch.equal(batch.segment, again.segment)
