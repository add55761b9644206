"""The Snakemake commands of README and docs run. Simulated data replaces the data sets that they name."""

import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from sshmr.body.model import BodyModel, open_body_path
from sshmr.body.prior import PosePrior, open_prior_path
from sshmr.capture.simulate import simulate_sequence
from sshmr.config.capture import CaptureConfig, DepthConfig
from sshmr.geometry.open3d_import import open3d
from sshmr.sources.shards import simulated_file, simulated_plan, simulated_root
from sshmr.tables.schemas import read_points
from tests.test_documents import commands

from .conftest import ROOT, Clone

pytestmark = pytest.mark.slow

DATA_SETS = ("sloper4d", "behave", "surreal", "clouds")
ELSEWHERE = ("--report", "--workflow-profile")
"""What needs a finished run, as test_smoke_run.py has it, or a cluster."""
SMALLER = {
    "rounds=6": "rounds=2",
    "results/demo/round_2/fit/test/seq013_simulated_007_and_3_more.parquet":
        "results/smoke/round_1/fit/test/seq002_simulated_002.parquet",
}  # fmt: skip
"""What stands for a word in a run with next to no data."""
MORE = {
    "train={processes: 2}": ("capture={sequences: 3}", "extract={shard_frames: 4}", "dataset=together"),
}
"""What a command with such a word needs beside."""


def documented():
    """Arguments of each command, each once."""
    found = {tuple(words) for _, words in commands("snakemake")}
    return sorted(words for words in found if not set(words) & set(ELSEWHERE))


@pytest.fixture(scope="module")
def workflow(tmp_path_factory):
    """A copy of the workflow, and beside it ``data`` with a small data set of each kind."""
    clone = Clone(tmp_path_factory.mktemp("documented"))
    bodies = {gender: BodyModel.load(open_body_path(gender)) for gender in ("female", "male")}
    prior = PosePrior.load(open_prior_path())
    for kind in DATA_SETS:
        settings = CaptureConfig(
            layouts=(kind,),
            sequences=1,
            test_sequences=0,
            frames=3,
            defects=0.0,
            depth=DepthConfig(width=192, height=144),
        )
        name = simulated_plan(settings)[0].name
        folder = clone.folder / "made" / kind
        simulate_sequence(name, settings, bodies.get, prior, 0, simulated_file(folder, name, kind))
        shutil.copytree(simulated_root(folder, name, kind), clone.folder / "data" / kind)
    turned_to_millimetres(clone.folder / "data" / "clouds", clone.folder / "data" / "clouds_mm")
    (clone.folder / "poses.parquet").touch()
    init = [sys.executable, "-m", "sshmr", "init", "data/clouds", "-o", "mine.yaml"]
    subprocess.run(init, cwd=clone.folder, check=True)
    return clone


def turned_to_millimetres(source, target):
    """The same clouds with z up, in millimetres."""
    shutil.copytree(source, target)
    for path in target.glob("*/*"):
        cloud = open3d().io.read_point_cloud(str(path))
        x, y, z = 1000 * np.asarray(cloud.points).T
        cloud.points = open3d().utility.Vector3dVector(np.stack([x, -z, y], axis=1))
        open3d().io.write_point_cloud(str(path), cloud)


def overlays(words):
    """Names of the configuration files that a command is given."""
    return [Path(word).stem for word in words if word.endswith(".yaml")]


def run_of(words):
    """Name of the run that a command makes here: that of its last overlay, or smoke without overlays."""
    if "unit: mm" in words[-1]:
        return "clouds_mm"
    return (["smoke", *overlays(words)])[-1]


def only_planned(words):
    """Whether a command needs a GPU or days, or runs elsewhere, as the tour does."""
    return bool({"device=cuda", "rounds=5"} & set(words) or {"tour", "pretrain"} & set(overlays(words)))


def on_simulated(words):
    """The command with simulated data in place of a user's, and with very small fits and networks.

    Runs on a data set stop at its points tables, but for that of the published settings.
    """
    name = run_of(words)
    names = ["clouds" if overlay == "mine" else overlay for overlay in overlays(words)]
    kind = next((kind for kind in DATA_SETS if kind in names), None)
    data = f"data/{'clouds_mm' if name == 'clouds_mm' else kind}"
    settings = [more for word in words for more in MORE.get(word, ())]
    if kind:
        settings += [f"source={{root: {data}}}"]
    if overlays(words):
        settings += [f"dataset={name}"]
    given = [SMALLER.get(word, word) for word in words if "path/to" not in word]
    at = given.index("--config") if "--config" in given else len(given)
    overlay = ["config/smoke.yaml"] if overlays(words) else ["--configfile", "config/smoke.yaml"]
    files, keys = given[:at], given[at:] or ["--config"] * bool(settings)
    if only_planned(words):
        return [*files, *keys, *settings, "--dry-run", "--quiet"]
    # What follows the points tables is the same for all data sets, and test_tour.py runs it on all of them.
    # What follows the training is the same for any number of processes.
    target = ["extract"] if kind and "paper" not in names and words[0] != "extract" else []
    if "train={processes: 2}" in words and words[0] != "train":
        target = ["train"]
    return [*target, *files, *overlay, *keys, *settings]


@pytest.fixture(scope="module")
def outcomes(workflow, tmp_path_factory):
    """The result of each command. Those on data and those of the demo run in parallel, in two folders."""
    demo = Clone(tmp_path_factory.mktemp("demo"))
    on_data = [words for words in documented() if overlays(words)]
    on_demo = [words for words in documented() if not overlays(words)]

    def run(clone, several):
        return {words: clone.run(*on_simulated(words)) for words in several}

    with ThreadPoolExecutor(2) as pool:
        ends = pool.map(run, (workflow, demo), (on_data, on_demo))
        return {words: end for some in ends for words, end in some.items()}


@pytest.mark.timeout(1500)  # the first one waits for all
@pytest.mark.parametrize("words", documented(), ids=lambda words: " ".join(words)[:70])
def test_command_runs(workflow, outcomes, words):
    assert outcomes[words].returncode == 0, outcomes[words].stdout[-3000:]
    if overlays(words) and not only_planned(words):
        results = workflow.folder / "results" / run_of(words)
        assert list((results / "points").rglob("*[0-9].parquet"))
        assert "extract" in on_simulated(words) or (results / "report.html").is_file()


@pytest.mark.timeout(1500)
def test_millimetres_with_z_up_become_metres_with_y_up(workflow, outcomes):
    """The two runs differ in nothing but the files' unit and axes."""
    points = []
    for name in ("clouds", "clouds_mm"):
        (path,) = (workflow.folder / "results" / name / "points").rglob("*[0-9].parquet")
        points.append(read_points(path)["points"])
    np.testing.assert_allclose(*points, atol=1e-5)


def test_there_are_commands():
    assert len(documented()) > 15


def test_each_target_that_the_readme_names_can_be_asked_for(clone):
    targets = re.search(r"Targets are `([\w ]+)`", (ROOT / "README.md").read_text())[1].split()
    assert len(targets) == 10
    done = clone.run(*targets, "--dry-run", "--quiet")
    assert done.returncode == 0, done.stdout[-3000:]
