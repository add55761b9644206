"""A search that also has a network's prediction to start from."""

import pytest
import torch

from sshmr.config.fit import FitConfig
from sshmr.fit.engine import Engine
from sshmr.fit.linearise import State
from sshmr.fit.search import found_from_nothing, name_of_start
from tests.fit.test_engine import joint_error, true_state


@pytest.fixture(scope="module")
def engine(surface, prior):
    return Engine(surface, prior, FitConfig(unusual=0.0))


@torch.no_grad()
def test_a_true_prediction_wins_and_is_named(engine, neutral_body, seen_bodies):
    clouds = seen_bodies["points"], seen_bodies["mask"]
    found = found_from_nothing(engine, neutral_body, *clouds, true_state(seen_bodies))
    assert joint_error(neutral_body, found.fitted, seen_bodies).max() < 60
    names = {name_of_start(engine, index) for index in found.fitted.hypothesis.tolist()}
    assert "network" in names


@torch.no_grad()
def test_a_wrong_prediction_is_searched_again(engine, neutral_body, seen_bodies):
    """Bodies two metres away with their arms up: no fit from there is sure of itself."""
    seen = {name: value[:2] for name, value in seen_bodies.items()}
    pose = torch.zeros(2, 72)
    pose[:, 48:54] = torch.tensor([0, 0, 1.2, 0, 0, -1.2])
    wrong = State.from_pose(pose, torch.zeros(2, 10), torch.tensor([[2.0, 0.0, 0.0]]).expand(2, 3))
    found = found_from_nothing(engine, neutral_body, seen["points"], seen["mask"], wrong)
    assert joint_error(neutral_body, found.fitted, seen).max() < 80
