"""The Snakemake commands of README and docs run. Simulated data replaces the data sets that they name."""

import functools
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sshmr.geometry.open3d_import import open3d
from sshmr.sources.shards import simulated_root
from sshmr.tables.schemas import read_points
from tests.test_documents import commands

from .conftest import LAYOUTS, ROOT, Clone

pytestmark = pytest.mark.slow

ELSEWHERE = ("--report", "--workflow-profile")
"""What needs a finished run, as test_smoke_run.py has it, or a cluster."""
PLANNED = {
    "device=cuda",
    "rounds=5",
    "train={processes: 2}",
    "--forcerun",
    "tour",
    "pretrain",
    "paper",
    "mine",
}
"""Words and overlays of commands that are only planned: they need a GPU or days, or run elsewhere.

test_tour.py extracts the tour's data, tests/cluster/run.py trains with two processes, and
tests/training/test_round.py with the published losses. test_smoke_run.py compares what ``--forcerun`` plans.
"""
SMALLER = {
    "gpu=4": "gpu=1",
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
    """Arguments of each command, each once; one with more rounds comes last, as it changes the run."""
    found = {tuple(words) for _, words in commands("snakemake") if not set(words) & set(ELSEWHERE)}
    return sorted(found, key=lambda words: ("rounds=6" in words, words))


@pytest.fixture(scope="module")
def on_data(tour):
    """The tour's copy of the workflow, and in its folder ``data`` what the tour simulated in each layout."""
    for shard, kind in LAYOUTS.items():
        within = shard if kind == "sloper4d" else "."
        recordings = simulated_root(tour.folder / "results" / "tour" / "capture", shard, kind)
        shutil.copytree(recordings / within, tour.folder / "data" / kind / within)
    turned_to_millimetres(tour.folder / "data" / "clouds", tour.folder / "data" / "clouds_mm")
    (tour.folder / "poses.parquet").touch()
    shutil.copy2(tour.folder / "config" / "clouds.yaml", tour.folder / "mine.yaml")
    return tour


@pytest.fixture(scope="module")
def on_demo(smoke_run, tmp_path_factory):
    """A copy of the smoke test's finished run, for the commands on the demo."""
    return Clone(tmp_path_factory.mktemp("demo"), of=smoke_run)


def turned_to_millimetres(source, target):
    """The same clouds with z up, in millimetres, in the same formats."""
    shutil.copytree(source, target)

    def turned(points):
        x, y, z = 1000 * np.asarray(points)[:, :3].T
        return np.stack([x, -z, y], axis=1)

    for path in target.glob("*/*"):
        if path.suffix == ".npy":
            np.save(path, turned(np.load(path)))
        elif path.suffix == ".npz":
            np.savez(path, points=turned(np.load(path)["points"]))
        elif path.suffix == ".bin":
            rows = np.fromfile(path, np.float32).reshape(-1, 4)
            rows[:, :3] = turned(rows)
            rows.tofile(path)
        else:
            cloud = open3d().io.read_point_cloud(str(path))
            cloud.points = open3d().utility.Vector3dVector(turned(cloud.points))
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
    """Whether a command is not carried out here."""
    return bool(PLANNED & {*words, *overlays(words)})


def on_simulated(words):
    """The command with simulated data in place of a user's, and with very small fits and networks.

    Runs on a data set stop at its points tables. What follows is the same for all: that on clouds has it.
    """
    name = run_of(words)
    names = ["clouds" if overlay == "mine" else overlay for overlay in overlays(words)]
    kind = next((kind for kind in LAYOUTS.values() if kind in names), None)
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
        plan = [] if "--dry-run" in words else ["--dry-run", "--quiet"]
        return [*files, *(overlay if not overlays(words) else ()), *keys, *settings, *plan]
    target = ["extract"] if kind and words[0] != "extract" and name != "clouds" else []
    return [*target, *files, *overlay, *keys, *settings]


def run_once(clone):
    """A function of a command: its result. Commands that are the same on simulated data run once."""
    run = functools.cache(clone.run)
    return lambda *words: run(*on_simulated(words))


@pytest.fixture(scope="module")
def run_on_data(on_data):
    """Run a command on simulated data of its data set."""
    return run_once(on_data)


@pytest.fixture(scope="module")
def run_on_demo(on_demo):
    """Run a command of the demo."""
    return run_once(on_demo)


ON_DATA, ON_DEMO = (
    [words for words in documented() if bool(overlays(words)) is some] for some in (True, False)
)


@pytest.mark.parametrize("words", ON_DATA, ids=lambda words: " ".join(words)[:70])
def test_command_runs_on_data(on_data, run_on_data, words):
    done = run_on_data(*words)
    assert done.returncode == 0, done.stdout[-3000:]
    if not only_planned(words):
        assert points_of(on_data, run_of(words))


@pytest.mark.parametrize("words", ON_DEMO, ids=lambda words: " ".join(words)[:70])
def test_command_runs_on_the_demo(run_on_demo, words):
    done = run_on_demo(*words)
    assert done.returncode == 0, done.stdout[-3000:]


def test_clouds_end_in_a_report(on_data, run_on_data):
    run_on_data("--configfile", "config/clouds.yaml", "--config", "source={root: path/to/clouds}")
    assert (on_data.folder / "results" / "clouds" / "report.html").is_file()


def test_more_rounds_end_in_a_report(on_demo, run_on_demo):
    run_on_demo("--config", "rounds=6")
    assert (on_demo.results / "round_2" / "train" / "checkpoint.pt").is_file()
    assert pd.read_parquet(on_demo.results / "measures.parquet")["round"].max() == 2


def test_millimetres_with_z_up_become_metres_with_y_up(on_data, run_on_data):
    """The two runs differ in nothing but the files' unit and axes."""
    points = []
    for name in ("clouds", "clouds_mm"):
        run_on_data(*next(words for words in ON_DATA if run_of(words) == name))
        (path,) = points_of(on_data, name)
        points.append(read_points(path)["points"])
    np.testing.assert_allclose(*points, atol=1e-5)


def points_of(clone, name):
    """The points tables of a run on data."""
    return list((clone.folder / "results" / name / "points").rglob("*[0-9].parquet"))


def test_there_are_commands():
    assert len(documented()) > 15


def test_each_target_that_the_readme_names_can_be_asked_for(clone):
    targets = re.search(r"Targets are `([\w ]+)`", (ROOT / "README.md").read_text())[1].split()
    assert len(targets) == 10
    done = clone.run(*targets, "--dry-run", "--quiet")
    assert done.returncode == 0, done.stdout[-3000:]
