"""A round of training as a user runs it: files in, files out, whatever happens in between."""

import json
import math
import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from sshmr.body.prior import open_prior_path
from sshmr.config.network import NetworkConfig
from sshmr.config.relabel import RelabelConfig
from sshmr.config.train import LossWeights
from sshmr.errors import InputError
from sshmr.fit.pseudo_labels import relabel
from sshmr.geometry.rotations import rotvec_to_rotmat
from sshmr.network.model import MeshRegressor
from sshmr.tables.schemas import (
    pseudo_labels_schema,
    read_params,
    read_points,
    read_pseudo_labels,
    write_table,
)
from sshmr.training.checkpoint import load_checkpoint
from sshmr.training.dataset import Clouds
from sshmr.training.loop import Trainer
from sshmr.training.objective import objective
from sshmr.training.resume import choose_state
from sshmr.training.round import RoundInputs, train_round
from tests.forked_python import forked_programs
from tests.scripts import SCRIPTS, call_script

CONFIG = Path(__file__).parents[2] / "config"


def inputs_of(run, **changes):
    body = run.results / "body"
    files = {
        "points": [path for path in run.paths("points/train/*.parquet") if "skipped" not in path.name],
        "pseudo_labels": run.paths("round_0/pseudo_labels/train/*.parquet"),
        "params": run.paths("round_0/fit/train/*.parquet"),
        "body": body / "neutral.npz",
        "template": body / "template.npz",
        "prior": open_prior_path(),
    }
    return RoundInputs(**{name: _plain(value) for name, value in {**files, **changes}.items()})


def _plain(value):
    return [str(path) for path in value] if isinstance(value, list) else value and str(value)


def train(inputs, settings, out, seed=0):
    train_round(
        inputs, settings, seed, torch.device("cpu"), out / "resume",
        out / "checkpoint.pt", out / "history.parquet", out / "settings.json",
    )  # fmt: skip
    return torch.load(out / "checkpoint.pt", weights_only=True)


def same_weights(first, second):
    return all(
        torch.equal(first[kind][name], second[kind][name])
        for kind in ("weights", "last_weights")
        for name in first[kind]
    )


@pytest.fixture
def run(make_run):
    return make_run(frames=5)


def test_a_round_leaves_checkpoint_history_and_settings(run, settings, tmp_path):
    checkpoint = train(inputs_of(run), settings, tmp_path)
    history = pd.read_parquet(tmp_path / "history.parquet")
    assert history["epoch"].tolist() == [1, 2, 3]
    for name in ("total", "label_cross_entropy", "vertices", "joints", "rotations", "criterion", "seconds"):
        assert np.isfinite(history[name]).all()
    best = int(history["criterion"].argmin())
    assert checkpoint["best_epoch"] == best + 1
    assert checkpoint["criterion"] == history["criterion"][best]
    used = json.loads((tmp_path / "settings.json").read_text())
    assert used["clouds"] == 10
    assert used["network"]["widths"] == [8, 16]
    assert used["train"]["epochs"] == 3
    assert not list((tmp_path / "resume").iterdir())


def test_a_round_that_spoils_its_weights_keeps_those_it_started_from(run, settings, tmp_path):
    first = train(inputs_of(run), settings, tmp_path / "first")
    settings["train"] |= {"learning_rate": 1.0, "schedule": "constant", "gradient_limit": 0.0}
    second = train(inputs_of(run, initial=tmp_path / "first/checkpoint.pt"), settings, tmp_path / "second")
    assert second["best_epoch"] == 0
    for name, weights in first["last_weights"].items():
        assert torch.equal(second["weights"][name], weights), name
    assert (pd.read_parquet(tmp_path / "second/history.parquet")["criterion"] > second["criterion"]).all()


def test_the_seed_decides(run, settings, tmp_path):
    settings["train"]["epochs"] = 1
    first, again, other = (
        train(inputs_of(run), settings, tmp_path / name, seed)
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert same_weights(first, again)
    assert not same_weights(first, other)


def test_labels_count_equally_if_they_are_not_weighted(run, neutral_body):
    files = inputs_of(run)
    known = Clouds.load(files.points, files.pseudo_labels, files.params, neutral_body, 1024)
    doubtful = known.batch._replace(weight=known.batch.weight * 0.4, trust=known.batch.trust * 0.7)
    equal = Clouds(doubtful, known.frame_ids).equally_weighted().take(torch.arange(10))
    assert set(equal.weight.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(equal.weight > 0, known.batch.weight > 0)
    assert (equal.trust == 1).all()


@pytest.mark.parametrize(("confidence", "learns"), [(0.29, False), (0.31, True)])
def test_a_fit_below_the_least_confidence_gives_no_gradient(run, neutral_body, confidence, learns):
    files, template = inputs_of(run), run.template
    config = RelabelConfig(least_confidence=0.3)
    for points, labels, params in zip(files.points, files.pseudo_labels, files.params, strict=True):
        fits = {**read_params(params), "confidence": np.full(5, confidence, np.float32)}
        columns = relabel(read_points(points), fits, neutral_body, template, config)
        write_table(labels, columns, pseudo_labels_schema(columns["segment"].shape[1]), {})
    batch = Clouds.load(files.points, files.pseudo_labels, files.params, neutral_body, 1024).take(
        torch.arange(4)
    )
    network = MeshRegressor(NetworkConfig(depths=(1, 1), widths=(8, 16), heads=(2, 2), decoder_depths=(0,),
                                          decoder_widths=(16,), decoder_heads=(2,), features=16, basis=0),
                            template.vertices)  # fmt: skip
    body = neutral_body.subset(template.vertex_ids)
    for name in ("label_cross_entropy", "vertices", "joints", "rotations"):
        weights = LossWeights(**{key: float(key == name) for key in LossWeights.model_fields})
        network.zero_grad()
        objective(network(batch.points, batch.mask), batch, network, body, weights, False)[0].backward()
        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        assert any(gradient.abs().max() > 0 for gradient in gradients) == learns, name


def test_the_published_losses_train_too(run, settings, tmp_path):
    paper = yaml.safe_load((CONFIG / "paper.yaml").read_text())
    settings["network"] |= {
        "mixing": "linear", "basis": 0, "betas": 1, "frequencies": 0, "head_points": 32, "drop_path": 0.3,
    }  # fmt: skip
    settings["train"] = {**paper["train"], "epochs": 2, "batch": 4}
    train(inputs_of(run), settings, tmp_path)
    history = pd.read_parquet(tmp_path / "history.parquet")
    for name in ("self_reconstruction", "cross_reconstruction", "distance_invariance", "chamfer"):
        assert (history[name] > 0).all()
    assert history["pose_size"][0] > 0
    assert np.isnan(history["pose_size"][1])
    assert "vertices" not in history


def test_training_learns(run, settings, tmp_path):
    settings["train"] |= {"epochs": 25, "learning_rate": 0.003, "synthetic": 0.0, "augment": False}
    train(inputs_of(run), settings, tmp_path)
    history = pd.read_parquet(tmp_path / "history.parquet")
    assert history["joints"].iloc[-1] < 0.8 * history["joints"].iloc[0]
    assert history["total"].iloc[-1] < 0.8 * history["total"].iloc[0]


def test_a_later_round_starts_where_the_last_one_ended(run, settings, tmp_path):
    first = train(inputs_of(run), settings, tmp_path / "first")
    settings["train"] |= {"epochs": 1, "learning_rate": 1e-9}
    second = train(inputs_of(run, initial=tmp_path / "first/checkpoint.pt"), settings, tmp_path / "second")
    for name, value in first["last_weights"].items():
        torch.testing.assert_close(second["weights"][name], value, rtol=0, atol=1e-6)
    settings["network"]["features"] = 24
    with pytest.raises(InputError, match="features"):
        train(inputs_of(run, initial=tmp_path / "first/checkpoint.pt"), settings, tmp_path / "third")


def test_killed_it_ends_with_the_same_weights(run, settings, tmp_path):
    """Kill -9 in the middle, then let it finish."""
    settings["train"]["epochs"] = 4
    arguments = [
        "--settings", json.dumps(settings), "--device", "cpu",
        *("--results", str(run.results), "--round", "1", "--out"),
    ]  # fmt: skip
    call_script("train", *arguments, tmp_path / "whole")
    broken = tmp_path / "broken"
    command = [forked_programs() / "python", str(SCRIPTS / "train.py"), *arguments, str(broken)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    _wait_for_epochs(process, broken / "resume", 1)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (broken / "train/checkpoint.pt").exists()
    call_script("train", *arguments, broken)
    whole, resumed = (
        torch.load(f / "train/checkpoint.pt", weights_only=True) for f in (tmp_path / "whole", broken)
    )
    assert same_weights(whole, resumed)
    for key, value in whole["optimiser"]["state"][0].items():
        assert torch.equal(value, resumed["optimiser"]["state"][0][key])
    histories = [pd.read_parquet(folder / "train/history.parquet") for folder in (tmp_path / "whole", broken)]
    pd.testing.assert_frame_equal(*(history.drop(columns="seconds") for history in histories))


def test_cut_off_within_an_epoch_it_continues_from_the_step(run, settings, tmp_path, monkeypatch):
    whole = train(inputs_of(run), settings, tmp_path / "whole")
    monkeypatch.setattr("sshmr.training.loop.KEEP_SECONDS", 0)
    save, kept = Trainer._save, []

    def cut_off(trainer, path):
        save(trainer, path)
        kept.append((trainer.progress.epoch, trainer.progress.step))
        if len(kept) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "_save", cut_off)
    with pytest.raises(KeyboardInterrupt):
        train(inputs_of(run), settings, tmp_path / "broken")
    assert kept[-1] == (0, 2)
    resumed = train(inputs_of(run), settings, tmp_path / "broken")
    assert kept[2] == (0, 3)
    assert same_weights(whole, resumed)
    histories = [
        pd.read_parquet(tmp_path / folder / "history.parquet").drop(columns="seconds")
        for folder in ("whole", "broken")
    ]
    pd.testing.assert_frame_equal(*histories)


def test_a_damaged_or_foreign_state_is_reported(run, settings, tmp_path, monkeypatch):
    monkeypatch.setattr("sshmr.training.resume.state_key", lambda *_: "state")
    path = tmp_path / "resume" / "state.pt"
    path.parent.mkdir()
    for write in (
        lambda: path.write_bytes(b"half a state"),
        lambda: torch.save({"network": {}, "optimiser": {}, "progress": {}}, path),
        lambda: torch.save([1], path),
    ):
        write()
        with pytest.raises(InputError, match=r"state\.pt: damaged.*Delete it"):
            train(inputs_of(run), settings, tmp_path)


def _wait_for_epochs(process, resume, epochs):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        states = list(resume.glob("[0-9a-f]*.pt")) if resume.exists() else []
        if states and torch.load(states[0], weights_only=True)["progress"]["epoch"] >= epochs:
            return
        time.sleep(0.005)
    raise AssertionError(f"it ended before epoch {epochs}: {process.stderr.read().decode()}")


def test_other_settings_do_not_resume_a_foreign_state(run, settings, tmp_path):
    """The state of a run with other settings lies in the same folder and is not read."""
    resume = tmp_path / "resume"
    resume.mkdir()
    (resume / "0123456789abcdef.pt").write_bytes(b"half a state")
    train(inputs_of(run), settings, tmp_path)
    assert (tmp_path / "checkpoint.pt").exists()


def test_predictions_are_a_params_table(run, settings, tmp_path):
    train(inputs_of(run), settings, tmp_path)
    inputs = inputs_of(run)
    for batch in (1, 32):
        call_script(
            "infer", "--points", inputs.points[0], "--body", inputs.body, "--template", inputs.template,
            "--checkpoint", tmp_path / "checkpoint.pt", "--output", tmp_path / f"{batch}.parquet",
            "--settings", json.dumps({"batch": batch, "rotations": 1, "mirrored": False}),
        )  # fmt: skip
    one, many = (read_params(tmp_path / f"{batch}.parquet") for batch in (1, 32))
    assert one["frame_id"] == read_points(inputs.points[0])["frame_id"]
    assert set(one["hypothesis"]) == {"network"}
    assert ((one["confidence"] > 0) & (one["confidence"] < 1)).all()
    for name in ("betas", "transl"):
        np.testing.assert_allclose(one[name], many[name], atol=1e-4)
    rotmats = [rotvec_to_rotmat(torch.from_numpy(table["pose"]).view(-1, 24, 3)) for table in (one, many)]
    torch.testing.assert_close(*rotmats, atol=1e-3, rtol=0)
    assert np.abs(one["pose"]).max() <= math.pi + 1e-5


def test_ground_truth_is_not_read(run, settings, tmp_path, monkeypatch):
    """Labels never reach training: it is the same without them in the file."""
    import sshmr.training.dataset as dataset

    asked = []

    def spy(path, truth=False):
        asked.append(truth)
        return read_points(path, truth)

    monkeypatch.setattr(dataset, "read_points", spy)
    train(inputs_of(run), settings, tmp_path)
    assert asked == [False, False]


def test_frames_without_fit_or_labels_are_left_out_and_wrong_tables_refused(run, settings, tmp_path):
    inputs = inputs_of(run)
    train(inputs_of(run, params=inputs.params[:1]), settings, tmp_path)
    used = json.loads((tmp_path / "settings.json").read_text())
    assert (used["clouds"], used["skipped"]) == (5, 5)
    with pytest.raises(InputError, match="missing in pseudo labels or fits"):
        train(inputs_of(run, points=inputs.points[:1], params=inputs.params[1:]), settings, tmp_path)
    with pytest.raises(InputError, match="no such file"):
        train(inputs_of(run, prior=tmp_path / "none.npz"), settings, tmp_path)
    assert len(read_pseudo_labels(inputs.pseudo_labels[0])["frame_id"]) == 5


def test_foreign_and_older_checkpoints_are_refused(run, settings, tmp_path):
    checkpoint = train(inputs_of(run), settings, tmp_path)
    path = tmp_path / "checkpoint.pt"
    for change, word in (
        ({"format": "other"}, "not a checkpoint of this program"),
        ({"version": 0}, "version"),
        ({"body_digest": "0" * 64}, "another body"),
        ({"vertex_ids": checkpoint["vertex_ids"].flip(0)}, "template"),
    ):
        torch.save({**checkpoint, **change}, path)
        with pytest.raises(InputError, match=word):
            load_checkpoint(path, run.template)
    torch.save({key: value for key, value in checkpoint.items() if key != "weights"}, path)
    with pytest.raises(InputError, match="weights"):
        load_checkpoint(path)
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(InputError, match="not readable"):
        load_checkpoint(path)
    torch.save(eval, path)  # a pickle that names a function
    with pytest.raises(InputError, match="not readable"):
        load_checkpoint(path)
    with pytest.raises(InputError, match="no such file"):
        load_checkpoint(tmp_path / "none.pt")


def test_a_state_of_other_code_is_dropped_and_said_so(run, settings, tmp_path, capsys):
    resume = tmp_path / "resume"
    used = {"settings": settings, "inputs": {}, "code": "before"}
    left = choose_state(resume, used)
    left.write_bytes(b"a state")
    assert choose_state(resume, used) == left
    assert "continue from" in capsys.readouterr().out
    assert choose_state(resume, {**used, "code": "now"}) != left
    assert f"{left.name} is dropped; changed since: code." in capsys.readouterr().out
    assert not left.exists()
