"""The commands of the tutorial, and of the command line's page that goes on from there."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from .conftest import call

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where both pages' commands run, each once."""
    return tmp_path_factory.mktemp("pages")


@pytest.mark.slow
def test_the_tutorial_leads_to_meshes_and_a_report(folder, quick, monkeypatch):
    monkeypatch.chdir(folder)
    run("tutorial.md", least=6, quick=quick)
    for written in ("out/meshes/seq001_simulated_001.glb", "out/report.html", "strip.png"):
        assert (folder / written).exists()


@pytest.mark.slow
def test_the_commands_of_the_command_line_page_run(folder, quick, monkeypatch):
    monkeypatch.chdir(folder)
    run("tutorial.md", least=6, quick=quick)
    run("cli.md", least=7, quick=quick)
    for written in ("out/meshes/seq001_simulated_001.glb", "motions/seq002_simulated_002_amass.npz", "some"):
        assert (folder / written).exists()
    assert len(list(folder.glob("zup/*/*.obj"))) == 10


def run(page, least, quick):
    """Run a page's commands in the current folder with quick fits, but for those that ran there before."""
    blocks = re.findall(r"<!-- tutorial -->\n```bash\n(.*?)```", (DOCS / page).read_text(), re.S)
    lines = [line for block in blocks for line in block.splitlines()]
    assert len(lines) >= least
    done = Path("done.txt")
    before = done.read_text().splitlines() if done.exists() else []
    done.write_text("\n".join([*before, *lines]))
    for line in [line for line in lines if line not in before]:
        stdin = None
        if " | " in line:
            stdin = "\n".join(str(path) for path in sorted(Path().glob("people/**/*3.ply")))
            line = line.split(" | ")[1]
        command = shlex.split(line)
        assert command[0] == "sshmr"
        if command[1] == "fit":
            command += ["--jobs", "1", *([] if "--config" in command else ["--config", str(quick)])]
        call(*command[1:], stdin=stdin)
        if command[1] == "init":
            settings = yaml.safe_load(Path("people.yaml").read_text())
            settings["fit"] = yaml.safe_load(quick.read_text())["fit"]
            Path("people.yaml").write_text(yaml.safe_dump(settings))
