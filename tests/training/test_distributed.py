"""Several processes train one network as one process does in several goes."""

import json
import os
import socket
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from sshmr.config.train import TrainConfig, train_config
from sshmr.errors import InputError
from sshmr.tables.schemas import read_points
from sshmr.training import dataset
from sshmr.training.distributed import Processes, cut_in_parts
from sshmr.training.prefetch import ahead
from tests.forked_python import forked_programs
from tests.scripts import SCRIPTS, call_script


@pytest.fixture
def run(make_run):
    return make_run(frames=5)


def points_of(run):
    return [path for path in run.paths("points/train/*.parquet") if "skipped" not in path.name]


def arguments(run, settings, out):
    return [
        "--settings", json.dumps(settings), "--device", "cpu",
        *("--results", str(run.results), "--round", "1", "--out", str(out)),
    ]  # fmt: skip


def with_shares(settings, **shares):
    return {**settings, "train": {**settings["train"], **shares}}


def run_two(words):
    """Run a script in two processes that meet as torchrun's do; tests/cluster/run.py starts torchrun."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    meet = {"MASTER_ADDR": "localhost", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    command = [forked_programs() / "python", *words]
    processes = [
        subprocess.Popen(command, env={**os.environ, **meet, "RANK": rank, "LOCAL_RANK": rank})
        for rank in "01"
    ]
    try:
        assert [process.wait(timeout=120) for process in processes] == [0, 0]
    finally:
        for process in processes:  # If one failed, the other one waits for it.
            process.kill()


def test_two_processes_do_what_one_does_in_two_micro_batches(run, settings, tmp_path):
    alone, together = tmp_path / "alone", tmp_path / "together"
    call_script("train", *arguments(run, with_shares(settings, accumulate=2), alone))
    run_two([SCRIPTS / "train.py", *arguments(run, with_shares(settings, processes=2), together)])
    first, second = (torch.load(out / "train/checkpoint.pt", weights_only=True) for out in (alone, together))
    for name, weight in first["last_weights"].items():
        torch.testing.assert_close(weight, second["last_weights"][name], atol=2e-4, rtol=1e-3)
    histories = [pd.read_parquet(out / "train/history.parquet") for out in (alone, together)]
    for name in ("total", "vertices", "label_cross_entropy", "criterion"):
        np.testing.assert_allclose(histories[0][name], histories[1][name], rtol=1e-3)
    used = [json.loads((out / "train/settings.json").read_text()) for out in (alone, together)]
    assert used[0]["clouds"] == used[1]["clouds"] == 10
    assert used[0]["inputs"] == used[1]["inputs"]


def test_every_frame_is_in_one_part_and_parts_are_alike(run):
    paths = points_of(run)
    assert cut_in_parts(paths, 1) == [paths]
    parts = cut_in_parts(paths, 2)
    assert sorted(path for part in parts for path in part) == sorted(paths)
    sizes = [sum(len(read_points(path)["frame_id"]) for path in part) for part in parts]
    assert max(sizes) - min(sizes) <= 5


def test_a_share_reads_no_other_shares_tables(run, monkeypatch, neutral_body):
    opened = []
    for name in ("read_points", "read_pseudo_labels", "read_params"):
        read = getattr(dataset, name)
        monkeypatch.setattr(dataset, name, lambda path, read=read: opened.append(str(path)) or read(path))
    own = cut_in_parts(points_of(run), 2)[1]
    labels, params = (run.paths(f"round_0/{kind}/train/*.parquet") for kind in ("pseudo_labels", "fit"))
    dataset.Clouds.load(own, labels, params, neutral_body, 1024)
    assert len(opened) == 3 * len(own)
    assert {Path(path).name for path in opened} == {Path(path).name for path in own}


def test_more_shares_than_shards_are_refused():
    settings = TrainConfig(processes=3, accumulate=2)
    settings.check_shards(6)
    with pytest.raises(InputError, match=r"train.processes.*6 shares.*at most 5"):
        settings.check_shards(5)


def test_a_process_alone_gets_the_advice_to_start_with_torchrun(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert Processes.joined(1) == Processes(0, 1)
    with pytest.raises(InputError, match="torchrun --standalone --nproc-per-node 2"):
        Processes.joined(2)


@pytest.mark.parametrize("key", ["processes", "accumulate"])
def test_there_is_at_least_one(key):
    with pytest.raises(InputError, match=f"train.{key}"):
        train_config({key: 0})


def test_items_made_ahead_come_in_order_and_their_errors_where_they_are_needed():
    assert list(ahead(lambda item: item**2, range(5))) == [0, 1, 4, 9, 16]
    assert list(ahead(str, [])) == []
    items = ahead(lambda item: 1 / item, [1, 0, 2])
    assert next(items) == 1
    with pytest.raises(ZeroDivisionError):
        next(items)
