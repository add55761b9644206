"""The command line as a whole."""

import subprocess
import sys

import pytest

from .conftest import call, start

COMMANDS = ("init", "fit", "predict", "export", "weights", "evaluate", "simulate", "doctor")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_gives_examples(command):
    assert f"sshmr {command}" in call(command, "--help")


def test_help_names_every_command_and_the_exit_codes():
    text = call("--help")
    assert all(f" {command} " in text for command in (*COMMANDS, "body"))
    assert "130" in text


def test_help_loads_nothing_heavy():
    program = (
        "import sys, sshmr.cli.app; "
        "print([name for name in ('torch', 'open3d', 'pandas', 'pyarrow', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_package_runs_as_a_program():
    process = start("fit", "nowhere", "-o", "out")
    output, errors = process.communicate()
    assert process.returncode == 2
    assert output == ""
    assert errors.startswith("Error: nowhere")


def test_wrong_usage_is_refused():
    call("fit", code=2)
    call("fit", "a.ply", "-o", "out", "--up", "w", code=2)
    call("nothing", code=2)
