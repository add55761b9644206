"""A copy of the workflow in its own folder, so that tests can edit it and leave no results behind."""

import functools
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from code_hash import Code, code_hash

ROOT = Path(__file__).resolve().parents[2]
PARTS = (
    "Snakefile", "config.yaml", "config", "rules", "schemas", "envs", "profiles", "workflow_scripts", "sshmr",
)  # fmt: skip
SMOKE = ("--configfile", "config/smoke.yaml")


class Clone:
    """A copy of the workflow; ``results`` is where the smoke test's files go."""

    def __init__(self, folder):
        keep_code()
        self.folder = folder
        self.results = folder / "results" / "smoke"
        for part in PARTS:
            if (ROOT / part).is_dir():
                # With __pycache__, so that no copy compiles and reads the code once more.
                shutil.copytree(ROOT / part, folder / part)
            else:
                shutil.copy(ROOT / part, folder / part)

    def command(self, *arguments):
        """Snakemake's command line."""
        return [sys.executable, "-m", "snakemake", *map(str, arguments)]

    def run(self, *arguments, environment=()):
        """Run Snakemake to its end; stdout and stderr come back as one text."""
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **dict(environment)},
        )

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
    """A fresh copy of the workflow."""
    return Clone(tmp_path)


@pytest.fixture(scope="session")
def smoke_run(tmp_path_factory):
    """A copy of the workflow in which the smoke test has run to its end."""
    clone = Clone(tmp_path_factory.mktemp("smoke"))
    done = clone.run(*SMOKE)
    assert done.returncode == 0, done.stdout[-4000:]
    clone.output = done.stdout
    return clone
