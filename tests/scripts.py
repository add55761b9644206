"""The workflow's scripts, called in this process: a process of its own would spend seconds on imports."""

import contextlib
import io
import runpy
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[1] / "workflow_scripts"


def call_script(name, *arguments):
    """Call a script's ``main`` as its command line would; returns what it printed."""
    path, printed = SCRIPTS / f"{name}.py", io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.setattr("sys.argv", [str(path), *map(str, arguments)])
        runpy.run_path(str(path), run_name="script")["main"]()
    return printed.getvalue()
