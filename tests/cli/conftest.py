"""Simulated people as files, settings of a quick fit, and the command line as a user calls it."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sshmr.cli.app import app
from tests.forked_python import forked_programs

ROOT = Path(__file__).resolve().parents[2]

QUICK = """
extract: {minimum_points: 50}
fit:
  poses: 12
  unusual: 0.0
  search:
    - {hypotheses: 8, vertices: 128, points: 128, iterations: 6, start: 0.12, end: 0.05}
    - {hypotheses: 1, vertices: 512, points: 256, iterations: 6, start: 0.04, end: 0.02}
  refine:
    - {hypotheses: 1, vertices: 512, points: 256, iterations: 6, start: 0.04, end: 0.02}
infer: {rotations: 1, mirrored: false, passes: 1, tilted: false}
"""


def call(*arguments, code=0, stdin=None):
    """Call the command line in this process; returns what it printed on standard output."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)
    assert result.exit_code == code, result.stdout + result.stderr
    call.stderr = result.stderr
    return result.stdout


def call_json(*arguments, **options):
    """The same with ``--json``; returns the one object that it printed."""
    return json.loads(call(*arguments, "--json", **options))


def start(*arguments, **options):
    """Start the command line as a process of its own."""
    return subprocess.Popen(
        [str(forked_programs() / "sshmr"), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


@pytest.fixture(scope="session")
def quick(tmp_path_factory):
    """A settings file whose fits take a tenth of a second."""
    path = tmp_path_factory.mktemp("settings") / "quick.yaml"
    path.write_text(QUICK)
    return path


@pytest.fixture(scope="session")
def people(tmp_path_factory):
    """Two simulated people, three .ply files each, and their labels."""
    folder = tmp_path_factory.mktemp("data") / "people"
    settings = folder.parent / "capture.yaml"
    settings.write_text("capture: {distance: [3.0, 5.0], defects: 0.0}")
    call("simulate", "-o", folder, "--sequences", 2, "--frames", 3, "--config", settings)
    return folder


@pytest.fixture(scope="session")
def fitted(people, quick, tmp_path_factory):
    """The run's folder of all six."""
    out = tmp_path_factory.mktemp("run") / "out"
    call("fit", people, "-o", out, "--config", quick, "--jobs", 1)
    return out
