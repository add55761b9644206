"""The notebooks run from the first cell to the last."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.cli.conftest import QUICK
from tests.forked_python import with_forked_programs

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))
LESS = {
    "--frames 4": "--frames 2",
    "--sequences 3": "--sequences 2",
    "fit people": "fit people --config quick.yaml",
}
"""What stands for words of their commands, as fewer and quicker fits show the same."""


def test_there_are_notebooks():
    assert len(NOTEBOOKS) >= 2


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", with_forked_programs(os.environ)["PATH"])
    notebook = nbformat.read(path, as_version=4)
    (tmp_path / "quick.yaml").write_text(QUICK)
    for cell in notebook.cells:
        for word, less in LESS.items():
            cell.source = cell.source.replace(word, less)
    client = NotebookClient(notebook, timeout=200, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code)
    printed = "".join(output.get("text", "") for cell in code for output in cell.outputs)
    assert "Error" not in printed
    shown = [output for cell in code for output in cell.outputs if output.output_type == "execute_result"]
    assert shown
