"""The tutorial's commands, as they stand in docs/cli.md."""

import re
import shlex
from pathlib import Path

import pytest

from .conftest import call

DOCS = Path(__file__).resolve().parents[2] / "docs" / "cli.md"


@pytest.mark.slow
def test_the_tutorial_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"<!-- tutorial -->\n```bash\n(.*?)```", DOCS.read_text(), re.S)
    lines = [line for block in blocks for line in block.splitlines()]
    assert len(lines) >= 10
    for line in lines:
        stdin = None
        if " | " in line:
            stdin = "\n".join(str(path) for path in sorted(tmp_path.glob("people/**/*3.ply")))
            line = line.split(" | ")[1]
        command = shlex.split(line)
        assert command[0] == "sshmr"
        call(*command[1:], *(["--jobs", "1"] if command[1] == "fit" else []), stdin=stdin)
    for written in ("out/meshes/seq001_simulated_001.glb", "motions/seq002_simulated_002_amass.npz", "some"):
        assert (tmp_path / written).exists()
    assert len(list(tmp_path.glob("zup/*/*.obj"))) == 10
