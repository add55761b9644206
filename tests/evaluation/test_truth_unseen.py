"""The loop does not use the ground truth: its stages write the same tables with and without it.

Each stage's script runs on three versions of the points tables: with the truth, with garbage in its place,
and without any. The outputs must be equal, bit for bit.
"""

import ast
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from sshmr.body.prior import open_prior_path
from sshmr.tables.run_folder import RunFolder
from sshmr.tables.schemas import TRUTH_COLUMNS, points_schema, read_points, write_table
from tests.scripts import call_script
from tests.training.conftest import SETTINGS

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "workflow_scripts"
STAGE = {"vertices": 64, "points": 48, "iterations": 1, "start": 0.1, "end": 0.05}
FIT = {
    "poses": 1,
    "headings": 4,
    "unusual": 0.0,
    "search": [{**STAGE, "hypotheses": 4}, {**STAGE, "hypotheses": 1}],
    "refine": [{**STAGE, "hypotheses": 4}, {**STAGE, "hypotheses": 1}],
}
TRAIN = {
    "network": SETTINGS["network"],
    "train": {
        "epochs": 1,
        "batch": 4,
        "points": 48,
        "matched_points": 16,
        "validation": 0,
        "initial": "none",
    },
}


def run_script(name, **arguments):
    call_script(name, *(word for key, value in arguments.items() for word in (f"--{key}", value)))


def go_round_the_loop(run):
    """Bootstrap, relabel, train, infer, fit, relabel; returns the files that were written."""
    out = run.results
    models = {"body": out / "body/neutral.npz", "template": out / "body/template.npz"}
    prior = {"prior": shutil.copy(open_prior_path(), out / "body/prior.npz")}
    where = {name: (split, name) for name, split in run.shards.items()}
    shards = {name: RunFolder(out).points_of(*place) for name, place in where.items()}
    training = [name for name, split in run.shards.items() if split == "train"]
    fit = {"settings": json.dumps(FIT), **models, **prior}
    # The fits of so few steps have a low confidence. Training uses them all the same.
    relabel = {"settings": '{"least_confidence": 0.0}', **models}

    folder = RunFolder(out)
    for name, points in shards.items():
        run_script("fit", points=points, output=folder.params_of(0, "fit", *where[name]), **fit)
    for name in training:
        fits, output = folder.params_of(0, "fit", *where[name]), folder.pseudo_labels_of(0, *where[name])
        run_script("relabel", points=shards[name], params=fits, output=output, **relabel)
    run_script("train", results=out, round=1, settings=json.dumps(TRAIN), seed=3, device="cpu")
    for name, points in shards.items():
        predicted = folder.params_of(1, "network", *where[name])
        run_script("infer", points=points, checkpoint=folder.checkpoint(1), output=predicted, **models)
        later, previous = (folder.params_of(number, "fit", *where[name]) for number in (1, 0))
        run_script("fit", points=points, initial=predicted, previous=previous, output=later, **fit)
    for name in training:
        fits, output = folder.params_of(1, "fit", *where[name]), folder.pseudo_labels_of(1, *where[name])
        run_script("relabel", points=shards[name], params=fits, output=output, **relabel)
    return out


def falsify(run, kind):
    """Replace the truth in all points tables by garbage, or by nulls."""
    rng = np.random.default_rng(11)
    for path in run.paths("points/*/*.parquet"):
        if path.name.endswith(".skipped.parquet"):
            continue
        table = read_points(path, truth=True)
        for name, shape in TRUTH_COLUMNS.items():
            if kind == "empty":
                table.pop(name)
            elif shape is None:
                table[name] = ["garbage"] * len(table["frame_id"])
            else:
                table[name] = rng.normal(0, 20, table[name].shape)
        write_table(path, table, points_schema(table["points"].shape[1]), {"simulated": True})


@pytest.fixture(scope="module")
def outputs(make_run):
    """The folders that the loop wrote with true, garbage and missing truth."""
    found = {}
    for kind in ("true", "garbage", "empty"):
        run = make_run(rounds=0)
        shutil.rmtree(run.results / "round_0")
        if kind != "true":
            falsify(run, kind)
        found[kind] = go_round_the_loop(run)
    return found


def rows(path):
    """A table without its metadata and times."""
    table = pq.read_table(path).replace_schema_metadata()
    return table.drop_columns([name for name in ("seconds",) if name in table.column_names])


@pytest.mark.parametrize("kind", ["garbage", "empty"])
def test_tables_of_every_stage_are_the_same_without_the_truth(outputs, kind):
    tables = outputs["true"].glob("round_*/*/**/*.parquet")
    names = sorted(str(path.relative_to(outputs["true"])) for path in tables)
    assert {Path(name).parts[1] for name in names} == {"fit", "pseudo_labels", "infer", "train"}
    for name in names:
        assert rows(outputs["true"] / name).equals(rows(outputs[kind] / name)), name


@pytest.mark.parametrize("kind", ["garbage", "empty"])
def test_trained_weights_are_the_same_without_the_truth(outputs, kind):
    first, second = (
        torch.load(RunFolder(outputs[key]).checkpoint(1), weights_only=False)["weights"]
        for key in ("true", kind)
    )
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_comparison_would_notice_a_stage_that_reads_the_truth(outputs):
    """Outputs depend on the input: fits of different sequences differ."""
    fits = outputs["true"] / "round_0/fit/train"
    assert not rows(fits / "walk.parquet").equals(rows(fits / "wave.parquet"))


def test_without_the_option_the_truth_is_not_read(make_run, monkeypatch):
    asked = []
    read_table = pq.read_table

    def remember(path, columns=None):
        asked.append(columns)
        return read_table(path, columns=columns)

    monkeypatch.setattr(pq, "read_table", remember)
    run = make_run(rounds=0)
    table = read_points(run.results / "points" / "test" / "sit.parquet")
    assert not set(table) & set(TRUTH_COLUMNS)
    assert len(asked) == 1
    assert not set(asked[0]) & set(TRUTH_COLUMNS)


def test_only_evaluation_and_viewing_read_the_truth():
    """Searches the package for calls of ``read_points`` with ``truth``."""
    asking = set()
    for path in [*ROOT.glob("sshmr/**/*.py"), *SCRIPTS.glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = ast.unparse(node.func).rpartition(".")[2] if isinstance(node, ast.Call) else ""
            if name == "read_points" and any(keyword.arg == "truth" for keyword in node.keywords):
                asking.add(path.relative_to(ROOT).parts[:2])
    assert asking == {("sshmr", "evaluation"), ("sshmr", "viewing")}
