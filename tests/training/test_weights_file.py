"""Weights as safetensors: what is read is what was written, and what is no such file is told."""

import pytest
import torch
from safetensors.torch import save_file

from sshmr.body.prior import PosePrior
from sshmr.body.template import build_template
from sshmr.config.infer import InferConfig
from sshmr.errors import InputError
from sshmr.network.pretrained import pretrained_path
from sshmr.pretraining.clouds import SyntheticScenes
from sshmr.pretraining.coarse import CoarseBody
from sshmr.pretraining.evaluation import errors
from sshmr.pretraining.poses import PoseMixture, drawn_poses
from sshmr.training.batch import recentre
from sshmr.training.checkpoint import load_checkpoint, network_from
from sshmr.training.weights_file import read_about, read_weights, save_weights

ABOUT = {"network": {}, "body_digest": "0", "vertex_ids": [3, 1], "seed": 0, "epoch": 5}


def test_half_precision_comes_back_single_and_integers_stay(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_weights(path, ABOUT, {"a": torch.tensor([0.5, 2.0]).half(), "b": torch.tensor([7])})
    read = read_weights(path)
    assert torch.equal(read["weights"]["a"], torch.tensor([0.5, 2.0]))
    assert torch.equal(read["weights"]["b"], torch.tensor([7]))
    assert read["vertex_ids"].tolist() == [3, 1]
    assert read["best_epoch"] == 5


def test_what_is_not_a_weights_file_is_reported(tmp_path):
    damaged, foreign, bare = (tmp_path / f"{name}.safetensors" for name in ("damaged", "foreign", "bare"))
    damaged.write_bytes(b"nothing")
    save_file({"a": torch.zeros(1)}, foreign)
    save_file({"a": torch.zeros(1)}, bare, {"sshmr": "{}"})
    for path in (damaged, foreign, bare, tmp_path / "none.safetensors"):
        with pytest.raises(InputError, match=path.stem):
            read_about(path)


def test_weights_of_another_body_are_refused(tmp_path, neutral_body):
    path = tmp_path / "weights.safetensors"
    save_weights(path, ABOUT, {"a": torch.zeros(1)})
    with pytest.raises(InputError, match="body"):
        load_checkpoint(path, build_template(neutral_body, 2))


@pytest.fixture(scope="module")
def shipped(neutral_body):
    template = build_template(neutral_body)
    path = pretrained_path()
    return template, network_from(load_checkpoint(path, template), template, path)


def test_the_shipped_weights_are_small_and_say_what_they_are():
    assert pretrained_path().stat().st_size < 15e6
    about = read_about(pretrained_path())
    card = pretrained_path().with_suffix(".md").read_text()
    assert about["simulated"] is True
    assert "mocap.cs.cmu.edu" in card
    assert f"after {about['epoch']:,} steps" in card


def test_the_shipped_network_finds_simulated_people(shipped, neutral_body, prior: PosePrior):
    template, network = shipped
    poses = PoseMixture(drawn_poses(prior, 100).held_out, prior, {"captured": 1.0})
    clouds = recentre(SyntheticScenes(CoarseBody.of(neutral_body, template), poses).draw(8, 384, 0))
    found = errors(network, {"all": clouds}, neutral_body, InferConfig(rotations=2, passes=2))
    # Millimetres, on 24 clouds of poses drawn from the prior; the standing pose at the right place is at 250.
    assert found["all"] < 150
