"""A child is found as a small adult, in the right pose."""

import numpy as np
import pytest
import torch

from sshmr.config.fit import FitConfig, Stage
from sshmr.fit.stage import fit_shard, surroundings

SEARCH = (
    Stage(hypotheses=12, vertices=96, points=96, iterations=6, start=0.15, end=0.05),
    Stage(hypotheses=2, vertices=384, points=384, iterations=8, start=0.05, end=0.02),
)
SIZE = 0.62


@pytest.fixture(scope="module")
def small(seen_bodies):
    """A points table of two bodies, one of them small, and its params from starts near the truth."""
    scale = np.array([SIZE, 1.0], np.float32)
    points = seen_bodies["points"][:2].numpy() * scale[:, None, None]
    table = {
        "frame_id": ["a", "b"],
        "sequence": ["child", "adult"],
        "points": points,
        "n_points": seen_bodies["mask"][:2].sum(1).numpy(),
        "offset": np.zeros((2, 3)),
        "frame": np.zeros(2, int),
        "view": np.zeros(2, int),
    }
    start = {name: seen_bodies[name][:2].numpy() for name in ("pose", "betas", "transl")}
    start["betas"] = 0 * start["betas"]
    start["transl"] = start["transl"] * scale[:, None]
    return table, scale, start | {"frame_id": ["a", "b"]}


def test_the_size_is_found_along_with_the_body(small, seen_bodies, neutral_body, template, prior):
    table, scale, start = small
    config = FitConfig(size="any", unusual=0.0, poses=24, headings=8, search=SEARCH, refine=SEARCH)
    found = fit_shard(table, neutral_body, template, prior, config, initial=start, search=True)
    assert found["scale"][1] == 1
    assert 0.5 < found["scale"][0] < 0.85
    arrays = (torch.from_numpy(found[name]) for name in ("pose", "betas", "transl", "scale"))
    pose, betas, transl, size = arrays
    joints = neutral_body(pose, betas, transl).scaled(size, transl).joints
    error = (joints - seen_bodies["joints"][:2] * torch.from_numpy(scale)[:, None, None]).norm(dim=2).mean(1)
    assert (error < 0.03).all()

    # The next round keeps the size, and the place.
    again = fit_shard(table, neutral_body, template, prior, config, previous=found)
    assert (again["scale"] == found["scale"]).all()
    assert np.abs(again["transl"] - found["transl"]).max() < 0.05


def test_a_sequence_has_one_size(small):
    table, _, start = small
    table = table | {"sequence": ["one"] * 2}
    around = surroundings(table, start | {"scale": np.array([0.8, 1.0], np.float32)})
    assert len(set(around.scale.tolist())) == 1
