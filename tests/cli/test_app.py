"""The command line as a whole."""

import json
import os
import resource
import subprocess
import sys

import pytest

from .conftest import call

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
    command = [sys.executable, "-m", "sshmr", "fit", "nowhere", "-o", "out"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("Error: nowhere")


def test_wrong_usage_is_refused():
    call("fit", code=2)
    call("fit", "a.ply", "-o", "out", "--up", "w", code=2)
    call("nothing", code=2)


def test_a_disk_that_takes_no_more_is_reported(fitted, tmp_path):
    """A limit on the size of files stands for a full disk; what cannot be written whole is not there."""
    out = tmp_path / "out"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        call("export", fitted, "-o", out, "-f", "ply", code=2)
        told = call.stderr
        result = call("export", fitted, "-o", out, "-f", "glb", "--json", code=2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert told.splitlines()[-1].startswith(f"Error: {out}")
    assert "File too large. Free some space or choose another folder" in told
    assert "Free some space" in json.loads(result)["error"]["message"]
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_file_in_the_way_of_a_folder_is_reported(fitted, tmp_path):
    (tmp_path / "out").write_text("in the way")
    call("export", fitted, "-o", tmp_path / "out" / "below", "-f", "ply", code=2)
    assert "There is a file where a folder is expected" in call.stderr
    call("export", fitted, "-o", tmp_path / ("x" * 300), "-f", "ply", code=2)
    assert "Choose a shorter name" in call.stderr
    if os.path.ismount("/sys"):  # Nobody may write there, as on a disk that can only be read.
        call("export", fitted, "-o", "/sys/nothing", "-f", "ply", code=2)
        assert "Choose another folder, or change its permissions" in call.stderr
