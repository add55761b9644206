"""Pretraining as a user runs it: cut off and continued, prolonged, and what it writes."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch

from sshmr.body.model import open_body_path
from sshmr.body.prior import open_prior_path
from sshmr.body.template import build_template
from sshmr.errors import InputError
from sshmr.pretraining.stage import pretrain
from sshmr.training.checkpoint import load_checkpoint, network_from
from sshmr.training.weights_file import read_about
from tests.forked_python import forked_programs
from tests.training.conftest import SETTINGS

SCRIPT = Path(__file__).parents[2] / "workflow_scripts" / "pretrain.py"
SMALL = {
    "network": SETTINGS["network"],
    "pretrain": {
        "steps": 10, "decay": 4, "batch": 2, "points": 64, "matched_points": 32, "evaluate_every": 5,
        "evaluated": 3,
    },
    "infer": {"rotations": 1, "mirrored": False, "passes": 1, "tilted": False},
}  # fmt: skip


@pytest.fixture(scope="module")
def template(neutral_body, tmp_path_factory):
    path = tmp_path_factory.mktemp("body") / "template.npz"
    build_template(neutral_body, 200).save(path)
    return path


def outputs(folder):
    return folder / "weights.safetensors", folder / "README.md", folder / "log.jsonl"


def train(template, folder, **changes):
    settings = SMALL | {"pretrain": SMALL["pretrain"] | changes}
    files = (Path(open_body_path("neutral")), template, Path(open_prior_path()))
    pretrain(*files, settings, 0, folder / "state", *outputs(folder))
    return weights_of(folder)


@pytest.fixture(scope="module")
def trained(template, tmp_path_factory):
    """The folder of a finished training."""
    folder = tmp_path_factory.mktemp("trained")
    train(template, folder)
    return folder


@pytest.fixture
def again(trained, tmp_path):
    """A copy of it, to train on."""
    return shutil.copytree(trained, tmp_path / "again")


def weights_of(folder):
    return load_checkpoint(folder / "weights.safetensors")["weights"]


def same(first, second):
    return all(torch.equal(first[name], second[name]) for name in first)


def test_what_it_writes(trained, neutral_body):
    about = read_about(trained / "weights.safetensors")
    assert (about["epoch"], about["clouds"], about["simulated"]) == (10, 20, True)
    assert {"depth", "lidar", "unusual"} <= about["errors"].keys()
    rows = [json.loads(line) for line in (trained / "log.jsonl").read_text().splitlines()]
    assert rows[-1]["step"] == 10
    assert rows[-1]["depth"] > 0
    card = (trained / "README.md").read_text()
    assert "**simulated**" in card
    assert f"| depth cameras, captured poses | {about['errors']['depth']:.0f} mm |" in card
    restored = build_template(neutral_body, 200)
    path = trained / "weights.safetensors"
    network_from(load_checkpoint(path, restored), restored, path)


def test_weights_are_halved_and_places_are_not(trained):
    from safetensors.torch import load_file

    tensors = load_file(trained / "weights.safetensors")
    assert tensors["head.readout.rotation.weight"].dtype == torch.float16
    assert tensors["template"].dtype == torch.float32


def test_cut_off_at_any_step_it_ends_as_one_never_interrupted(template, trained, tmp_path, monkeypatch):
    monkeypatch.setattr("sshmr.pretraining.loop.KEEP_SECONDS", -1.0)
    from sshmr.pretraining.loop import Pretrainer

    step = Pretrainer._train
    for stop in (3, 7):

        def interrupted(self, batch, stop=stop):
            if self.step == stop:
                raise KeyboardInterrupt
            return step(self, batch)

        monkeypatch.setattr(Pretrainer, "_train", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(template, tmp_path / "cut")
    monkeypatch.setattr(Pretrainer, "_train", step)
    assert same(train(template, tmp_path / "cut"), weights_of(trained))


def test_a_longer_training_continues_before_the_rate_fell(template, again, tmp_path):
    longer = train(template, again, steps=14)
    assert same(longer, train(template, tmp_path / "long", steps=14))


def test_another_networks_state_is_refused(template, again):
    (again / "state" / "trunk.pt").write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"trunk\.pt"):
        train(template, again, steps=20)


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_kill_leaves_a_state_to_continue_from(template, tmp_path):
    pretraining = SMALL["pretrain"] | {"steps": 1000, "decay": 999}
    weights, card, log = outputs(tmp_path)
    command = [
        forked_programs() / "python", SCRIPT, "--body", open_body_path("neutral"), "--template", template,
        "--prior", open_prior_path(), "--settings", json.dumps(SMALL | {"pretrain": pretraining}), "--resume",
        tmp_path / "state", "--weights", weights, "--card", card, "--log", log,
    ]  # fmt: skip
    process = subprocess.Popen([str(word) for word in command])
    deadline = time.monotonic() + 120
    while not (tmp_path / "state" / "trunk.pt").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not weights.exists()
    state = torch.load(tmp_path / "state" / "trunk.pt", weights_only=True)
    assert state["step"] == 1
