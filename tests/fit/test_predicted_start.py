"""A search that also has a network's prediction to start from."""

import pytest
import torch

from sshmr.config.fit import FitConfig
from sshmr.fit.engine import Engine
from sshmr.fit.linearise import State
from sshmr.fit.search import DOUBTFUL, _without_neighbours, found_from_nothing, judged, name_of_start
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


@torch.no_grad()
def test_a_post_beside_a_person_is_left_out_if_it_makes_the_fit_doubtful(engine, neutral_body, seen_bodies):
    """The fit before is upside down."""
    seen = {name: value[:1] for name, value in seen_bodies.items()}
    person, generator = seen["points"][:, seen["mask"][0]], torch.Generator().manual_seed(0)
    post = torch.rand(1, 150, 3, generator=generator) * torch.tensor([0.1, 1.2, 0.1])
    cloud = torch.cat(
        [person, post + person.amax(1) * torch.tensor([1, 0, 0]) + torch.tensor([0.2, -0.7, 0])], 1
    )
    everything = torch.ones(cloud.shape[:2], dtype=torch.bool)
    truth = true_state(seen)
    wrong = State.from_pose(torch.tensor([[3.1] + 71 * [0.0]]), torch.zeros(1, 10), torch.zeros(1, 3))
    before = judged(
        engine, neutral_body, cloud, everything, engine.from_predictions(cloud, everything, [wrong])
    )
    assert before.confidence < DOUBTFUL
    after = _without_neighbours(engine, neutral_body, (cloud, everything, None), truth, before)
    assert joint_error(neutral_body, after.fitted, seen) < 60
    assert after.confidence > before.confidence + 0.3
    assert after.far_share > 0.1, "the post still counts"
