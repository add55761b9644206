"""A body under loose clothes, seen from one side, keeps its size."""

import numpy as np
import torch

from sshmr.config.fit import FitConfig, Stage
from sshmr.fit.energy import Problem
from sshmr.fit.gauss_newton import refine
from sshmr.fit.linearise import State
from sshmr.geometry.normals import vertex_normals
from tests.fit.conftest import visible_points

STAGE = Stage(hypotheses=1, vertices=1024, points=1024, iterations=6, start=0.03, end=0.0075, sliding=0.03)
TRUNK = (0, 3, 6, 9)


@torch.no_grad()
def test_clothes_do_not_make_a_body_grow(surface, prior, neutral_body):
    """The mean body in clothes 5 cm outside its trunk; half of the growth at most is left."""
    pose = torch.cat([torch.zeros(1, 3), prior.means[:1]], 1)
    start = State.from_pose(pose, torch.zeros(1, 10), torch.zeros(1, 3))
    skin = neutral_body(pose, start.betas, start.transl).vertices[0].numpy()
    faces, worn = neutral_body.faces.numpy(), neutral_body.weights[:, TRUNK].sum(1).numpy()
    points = {}
    for name, thick in (("naked", 0.0), ("clothed", 0.05)):
        seen = skin + (thick * worn)[:, None] * vertex_normals(skin, faces)
        cloud = visible_points(seen, faces, 0.0, 800, np.random.default_rng(0))
        points[name] = torch.tensor(cloud, dtype=torch.float32)[None]

    def width(name, outside):
        config = FitConfig(outside=outside)
        mask = torch.ones(1, 800, dtype=torch.bool)
        problem = Problem(surface, prior, points[name], mask, config)
        state, _ = refine(problem, start, STAGE.spreads(), STAGE.sliding)
        rest = neutral_body(torch.zeros(1, 72), state.betas, torch.zeros(1, 3)).vertices[0]
        trunk = rest[neutral_body.weights.argmax(1) == TRUNK[1]]
        return float(trunk[:, 0].max() - trunk[:, 0].min())

    naked, tight, loose = width("naked", 0.02), width("clothed", 1.0), width("clothed", 0.02)
    assert abs(naked - width("naked", 1.0)) < 0.01
    assert tight - naked > 0.03
    assert loose - naked < 0.5 * (tight - naked)
