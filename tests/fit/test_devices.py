"""The fit moves all that it computes with to its device: shown on a pretended GPU, with the CPU's numbers."""

import numpy as np
import pytest
import torch

from sshmr.config.fit import FitConfig, Stage
from sshmr.fit.adam import _terms
from sshmr.fit.linearise import State
from sshmr.fit.stage import fit_shard
from tests.pretended_gpu import PretendedGpu

FEW = FitConfig(
    headings=2,
    poses=3,
    search=(
        Stage(hypotheses=4, vertices=96, points=96, iterations=2, start=0.1, end=0.06),
        Stage(hypotheses=2, vertices=128, points=128, iterations=2, start=0.06, end=0.03, limbs=True),
    ),
    refine=(
        Stage(hypotheses=4, vertices=96, points=96, iterations=2, start=0.06, end=0.03),
        Stage(hypotheses=2, vertices=128, points=128, iterations=2, start=0.04, end=0.03, limbs=True),
    ),
)


@pytest.fixture
def shard(seen_bodies):
    count = 2
    return {
        "points": seen_bodies["points"][:count].numpy(),
        "n_points": seen_bodies["mask"][:count].sum(1).numpy(),
        "frame_id": [f"demo/walk/{frame}/0" for frame in range(count)],
        "sequence": np.array(["walk"] * count),
        "frame": np.arange(count),
        "view": np.zeros(count, int),
        "offset": np.zeros((count, 3), np.float32),
    }


def test_a_first_fit_and_a_later_one(shard, neutral_body, template, prior):
    parts = (neutral_body, template, prior, FEW)
    with PretendedGpu():
        first = fit_shard(shard, *parts, device="meta")
        later = fit_shard(shard, *parts, initial=first, previous=first, device="meta")
    expected = fit_shard(shard, *parts)
    np.testing.assert_array_equal(first["pose"], expected["pose"])
    expected = fit_shard(shard, *parts, initial=expected, previous=expected)
    np.testing.assert_array_equal(later["pose"], expected["pose"])


@torch.no_grad()
def test_the_energy_of_the_published_routine(seen_bodies, surface, prior):
    data = (seen_bodies["points"], seen_bodies["mask"], torch.full((4,), 0.01))
    start = State.from_pose(*(seen_bodies[name] for name in ("pose", "betas", "transl")))
    unknowns = [seen_bodies["pose"][:, :3], *start[1:]]
    expected = _terms(surface.body, prior, (*data, 0.05), unknowns, start, "later")[0]
    with PretendedGpu():
        moved = tuple(part.to("meta") for part in data)
        there = State(*(part.to("meta") for part in start))
        unknowns = [part.to("meta") for part in unknowns]
        parts = surface.to("meta").body, prior.to("meta")
        found = _terms(*parts, (*moved, 0.05), unknowns, there, "later")[0]
        found = {name: value.cpu() for name, value in found.items()}
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value)
