"""The Snakemake commands of README and docs, as they stand, on simulated data where they name a data set."""

import os
import re
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from sshmr.body.model import BodyModel, open_body_path
from sshmr.body.prior import PosePrior, open_prior_path
from sshmr.capture.config import CaptureConfig, DepthConfig
from sshmr.capture.simulate import simulate_sequence
from sshmr.data.shards import simulated_file, simulated_plan, simulated_root
from tests.test_documents import commands

from .conftest import ROOT, Clone

pytestmark = pytest.mark.slow

DATA_SETS = ("sloper4d", "behave", "surreal", "clouds")
ELSEWHERE = ("--report", "--workflow-profile")
"""What needs a finished run, as test_smoke_run.py has it, or a cluster."""


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
    return clone


def kind_of(words):
    """The data set that a command is about, or None."""
    return next((kind for kind in DATA_SETS if f"config/{kind}.yaml" in words), None)


def reads_data(words):
    """Whether a command reads a data set, as it is made here, and needs no large network."""
    return kind_of(words) is not None and "mm" not in words[-1] and "config/paper.yaml" not in words


def makes_demo(words):
    """Whether a command runs the demo, or a part of it, on any machine."""
    special = ("--configfile", "device=cuda", "train={processes: 2}")
    return not set(words) & set(special) and "results/" not in words[0]


def made_small(words):
    """The same run with next to no fit and network: of a data set under its own name, of the demo shorter."""
    if kind_of(words) is None:
        return [
            *(word.replace("rounds=6", "rounds=2") for word in words),
            "--configfile",
            "config/smoke.yaml",
        ]
    overlay = words.index("--configfile") + 2
    return [*words[:overlay], "config/smoke.yaml", *words[overlay:], f"dataset={kind_of(words)}"]


def on_simulated(words):
    """The command with simulated data in the place of what a user has."""
    kind = kind_of(words)
    given = [re.sub(r"path/to/(?!smpl|body)[\w/]+", f"data/{kind}", word) for word in words]
    given = [word for word in given if "path/to" not in word]  # bodies that nobody may hand on
    if kind and f"data/{kind}" not in " ".join(given):
        given += [*(["--config"] if "--config" not in given else []), f"source={{root: data/{kind}}}"]
    if not reads_data(words) and not makes_demo(words):
        return [*given, "--dry-run", "--quiet"]
    return given if kind and words[0] == "extract" else made_small(given)


@pytest.fixture(scope="module")
def outcomes(workflow, tmp_path_factory):
    """How each command ended. Plans are made side by side, as only one run at a time may work in a folder."""
    demo = Clone(tmp_path_factory.mktemp("demo"))

    def run(several):
        return {
            words: (demo if makes_demo(words) else workflow).run(*on_simulated(words)) for words in several
        }

    in_full = [[words for words in documented() if chosen(words)] for chosen in (reads_data, makes_demo)]
    plans = [[words] for words in documented() if not reads_data(words) and not makes_demo(words)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return {words: end for ends in pool.map(run, [*in_full, *plans]) for words, end in ends.items()}


@pytest.mark.timeout(900)  # the first one waits for all
@pytest.mark.parametrize("words", documented(), ids=lambda words: " ".join(words)[:70])
def test_command_runs(workflow, outcomes, words):
    assert outcomes[words].returncode == 0, outcomes[words].stdout[-3000:]
    if reads_data(words):
        results = workflow.folder / "results" / kind_of(words)
        assert list((results / "points").rglob("*[0-9].parquet"))
        assert words[0] == "extract" or (results / "report.html").is_file()


def test_there_are_commands():
    assert len(documented()) > 15


def test_each_target_that_the_readme_names_can_be_asked_for(clone):
    targets = re.search(r"Targets are `([\w ]+)`", (ROOT / "README.md").read_text())[1].split()
    assert len(targets) == 10
    done = clone.run(*targets, "--dry-run", "--quiet")
    assert done.returncode == 0, done.stdout[-3000:]
