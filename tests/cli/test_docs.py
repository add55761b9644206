"""The tutorial's commands, as they stand in docs/cli.md."""

import re
import shlex
from pathlib import Path

import pytest

from .conftest import call

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.slow
def test_the_tutorial_leads_to_meshes_and_a_report(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run("tutorial.md", least=6)
    for written in ("out/meshes/seq001_simulated_001.glb", "out/report.html", "strip.png"):
        assert (tmp_path / written).exists()


@pytest.mark.slow
def test_the_commands_of_the_command_line_page_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run("cli.md", least=11)
    for written in ("out/meshes/seq001_simulated_001.glb", "motions/seq002_simulated_002_amass.npz", "some"):
        assert (tmp_path / written).exists()
    assert len(list(tmp_path.glob("zup/*/*.obj"))) == 10


def run(page, least):
    """Run a page's commands in the current folder."""
    blocks = re.findall(r"<!-- tutorial -->\n```bash\n(.*?)```", (DOCS / page).read_text(), re.S)
    lines = [line for block in blocks for line in block.splitlines()]
    assert len(lines) >= least
    for line in lines:
        stdin = None
        if " | " in line:
            stdin = "\n".join(str(path) for path in sorted(Path().glob("people/**/*3.ply")))
            line = line.split(" | ")[1]
        command = shlex.split(line)
        assert command[0] == "sshmr"
        call(*command[1:], *(["--jobs", "1"] if command[1] == "fit" else []), stdin=stdin)
