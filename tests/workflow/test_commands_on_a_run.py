"""The commands of README and docs that look at the demo's results, on those of the smoke test."""

import functools
import re
import shutil
import signal
import subprocess
import sys
import urllib.request

import pytest

from tests.cli.conftest import call
from tests.test_documents import commands
from tests.workflow.conftest import ROOT

pytestmark = pytest.mark.slow

LAST_ROUND = "1"


def on_the_smoke_run(words):
    """A command with the smoke test's run, which has fewer rounds, in the place of the demo's."""
    names = {"results/demo": "results/smoke", "3": LAST_ROUND}
    return [names.get(word, word) for word in words]


def documented():
    """Arguments of every ``sshmr … results/demo`` that ends by itself."""
    return [words for _, words in commands("sshmr") if "results/demo" in words and words[0] != "view"]


@pytest.fixture
def folder(smoke_run, monkeypatch):
    """The smoke test's folder as the current one, with another run beside it."""
    monkeypatch.chdir(smoke_run.folder)
    other = smoke_run.folder / "results" / "other"
    if not other.exists():
        shutil.copytree(smoke_run.results, other)
    return smoke_run.folder


@pytest.mark.parametrize("words", documented(), ids=" ".join)
def test_command_runs(folder, words):
    call(*on_the_smoke_run(words))
    assert all((folder / word).stat().st_size for word in words if word.endswith((".png", ".mp4")))


def test_there_are_commands():
    assert len(documented()) >= 3


def test_weights_are_written(folder):
    page = " ".join(path.read_text() for path in sorted((ROOT / "docs").glob("*.md")))
    words = re.search(r"`sshmr (weights results/demo/\S+ -o network)`", page)[1].split()
    call(*(word.replace("demo/round_3", f"smoke/round_{LAST_ROUND}") for word in words))
    assert {path.name for path in (folder / "network").iterdir()} >= {"weights.safetensors"}


def test_view_shows_the_run_until_it_is_interrupted(folder):
    command = [sys.executable, "-u", "-m", "sshmr", "view", "results/smoke", "--port", "0", "--no-browser"]
    # A shell lets its background jobs ignore the signal, and so what these start.
    heed = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    program = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True, preexec_fn=heed)
    try:
        address = re.match(r"http://\S+", program.stdout.readline())[0]
        with urllib.request.urlopen(address, timeout=60) as page:
            assert b"<canvas" in page.read()
    finally:
        program.send_signal(signal.SIGINT)
        assert program.wait(timeout=60) == 0
