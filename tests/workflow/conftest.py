"""A copy of the workflow in its own folder, so that tests can edit it and leave no results behind."""

import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from code_hash import Code, code_hash

from tests.forked_python import with_forked_programs
from tests.workflow import forked

ROOT = Path(__file__).resolve().parents[2]
PARTS = (
    "Snakefile", "config.yaml", "config", "rules", "schemas", "envs", "profiles", "workflow_scripts", "sshmr",
)  # fmt: skip
SMOKE = ("--configfile", "config/smoke.yaml")
LAYOUTS = {
    "seq001_simulated_001": "sloper4d",
    "seq002_simulated_002": "behave",
    "seq003_simulated_003": "surreal",
    "seq004_simulated_004": "clouds",
}
"""The tour's sequences for training, and the layout that each is recorded in."""
TOUR = (
    "--configfile", "config/tour.yaml",
    "--config", "capture={sequences: 4, test_sequences: 0, frames: 6, defects: 0.0}",
)  # fmt: skip


class Clone:
    """A copy of the workflow; ``results`` is where the smoke test's files go."""

    def __init__(self, folder, of=None):
        """
        Args:
            folder: where it is made. of: another copy, which is copied with its results.
        """
        self.folder = folder
        self.results = folder / "results" / "smoke"
        keep_code()
        for part in of.folder.iterdir() if of else (ROOT / part for part in PARTS):
            if part.is_dir():
                # With __pycache__, so that no copy compiles and reads the code once more.
                shutil.copytree(part, folder / part.name)
            else:
                shutil.copy2(part, folder / part.name)

    def command(self, *arguments):
        """Snakemake's command line."""
        return [sys.executable, "-m", "snakemake", *map(str, arguments)]

    def run(self, *arguments, environment=()):
        """Run Snakemake to its end; stdout and stderr come back as one text."""
        words = self.command(*arguments)[3:]
        variables = {**with_forked_programs(os.environ), **dict(environment)}
        with tempfile.NamedTemporaryFile("r", errors="replace") as output:
            status = forked.run(words, self.folder, variables, output.name)
            return subprocess.CompletedProcess(words, status, output.read())

    def plan(self, *arguments):
        """Jobs of a dry run by rule: ``{"fit_shard": 2, …}``."""
        done = self.run("--dry-run", *arguments)
        assert done.returncode == 0, done.stdout[-4000:]
        table = re.search(r"^job +count\n[- ]+\n(.*?)^total", done.stdout, re.M | re.S)
        if table is None:
            assert "Nothing to be done" in done.stdout, done.stdout
            return {}
        return {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)", table[1], re.M)}


@functools.cache
def keep_code():
    """Read the code for its hashes once, so that every copy finds it read."""
    code = Code(ROOT)
    for script in (ROOT / "workflow_scripts").glob("[!_]*.py"):
        code_hash(script, ROOT, code)


@pytest.fixture
def clone(tmp_path):
    """A fresh copy of the workflow, in a folder whose name is not plain."""
    folder = tmp_path / "it's a copy"
    folder.mkdir()
    return Clone(folder)


@pytest.fixture(scope="session")
def smoke_run(tmp_path_factory):
    """A copy of the workflow in which the smoke test has run to its end."""
    clone = Clone(tmp_path_factory.mktemp("smoke"))
    done = clone.run(*SMOKE)
    assert done.returncode == 0, done.stdout[-4000:]
    clone.output = done.stdout
    return clone


@pytest.fixture(scope="session")
def tour(tmp_path_factory):
    """A copy of the workflow with the points tables of one training sequence of each layout."""
    clone = Clone(tmp_path_factory.mktemp("tour"))
    done = clone.run("extract", *TOUR)
    assert done.returncode == 0, done.stdout[-4000:]
    return clone
