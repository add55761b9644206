"""Asking a command for help must not wait for torch."""

import subprocess
import sys

import pytest

CHECK = """
import sys
import typer
import typer.testing
from sshmr.cli.{name} import {name}
app = typer.Typer()
app.command()({name})
answer = typer.testing.CliRunner().invoke(app, ["--help"])
assert answer.exit_code == 0 and "results/demo" in answer.output, answer.output
assert not {{"torch", "open3d", "pandas", "numpy"}} & set(sys.modules)
"""


@pytest.mark.parametrize("name", ["view", "render", "report"])
def test_help_comes_without_the_heavy_packages(name):
    subprocess.run([sys.executable, "-c", CHECK.format(name=name)], check=True)
