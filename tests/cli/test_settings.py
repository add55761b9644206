"""Settings files on the command line: every key is used, or named as not used, or refused."""

import json
import shlex

import numpy as np
import pytest
import yaml

from sshmr.cli.init import _text, dataset_name
from sshmr.cli.settings import USED, read_cloud_settings, read_settings
from sshmr.config.run import Config
from sshmr.errors import InputError
from sshmr.local.inspect import Guess
from sshmr.tables.run_folder import RunFolder

from .conftest import call, call_json

READER = ("extract.behave", "extract.clouds.test_fraction")
"""What the commands for one's own clouds never use."""


def given(tmp_path, text, command="fit", **defaults):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return read_settings(path, command, defaults)


def test_without_a_file_the_defaults_hold():
    assert read_settings(None, "fit").config == Config()
    assert read_settings(None, "fit", {"extract": {"voxel": 0.02}}).config.extract.voxel == 0.02


def test_a_files_value_takes_the_place_of_the_commands_default(tmp_path):
    text = "extract: {voxel: 0.05, clouds: {up: z}}"
    extract = given(tmp_path, text, extract={"voxel": 0.02, "points": 512}).config.extract
    assert (extract.voxel, extract.points, extract.clouds.up) == (0.05, 512, "z")


@pytest.mark.parametrize(
    ("command", "unused"),
    [
        ("fit", ["dataset", "source", *READER, "train.epochs"]),
        ("predict", ["dataset", "source", *READER, "template", "fit", "train"]),
        ("predict --fit", ["dataset", "source", *READER, "template", "train"]),
        ("evaluate", ["dataset", "source", "device", "extract", "template", "fit", "train"]),
        ("simulate", ["dataset", "source", "device", "extract", "template", "fit", "train"]),
    ],
)  # fmt: skip
def test_keys_that_a_command_does_not_use_are_named(tmp_path, command, unused):
    text = """
dataset: scans
source: {kind: clouds}
device: cpu
extract: {points: 512, behave: {every: 3}, clouds: {up: z, test_fraction: 0.5}}
template: {points: 512}
fit: {poses: 3}
train: {epochs: 3}
"""
    (note,) = given(tmp_path, text, command).notes
    assert note == f"{tmp_path / 'mine.yaml'}: sshmr {command} does not use {', '.join(unused)}"


def test_a_file_that_is_used_wholly_brings_no_note(tmp_path):
    assert given(tmp_path, "fit: {poses: 3}\nprior: open\n").notes == []
    assert set(USED) == {"fit", "predict", "predict --fit", "people", "evaluate", "simulate"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("fit: {batch: [}", "not readable .*expected a settings file"),
        ("- 1", r"it holds \[1\]"),
        ("fitt: {}", 'key "fitt" is unknown.*Did you mean "fit"'),
        ("fit: {headngs: 1}", 'key "fit.headngs" is unknown.*Did you mean "fit.headings"'),
        ("fit: {outlier_weight: 0}", 'key "fit.outlier_weight" is 0; expected more than 0'),
        ("fit: {headings: 0}", 'key "fit.headings" is 0; expected 1 or more'),
        ("fit: {poses: 400}", 'key "fit.poses" is 400; expected 193 or less'),
        ("fit: {facing: .nan}", 'key "fit.facing" is nan; expected a finite number'),
        ("train: {epochs: 0}", 'key "train.epochs" is 0'),
        ("fit:", 'key "fit" is None; expected a mapping of keys'),
    ],
)
def test_wrong_files_are_refused_whichever_section_is_wrong(tmp_path, text, says):
    with pytest.raises(InputError, match=says) as caught:
        given(tmp_path, text)
    assert str(caught.value).startswith(str(tmp_path / "mine.yaml"))


def test_options_win_over_the_file(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("extract: {clouds: {up: z, unit: mm}}")
    clouds = read_cloud_settings(path, "fit", None, up="x", unit=None).config.extract.clouds
    assert (clouds.up, clouds.unit) == ("x", "mm")


def test_body_prior_device_and_template_of_a_file_are_used(people, quick, tmp_path):
    prior = tmp_path / "absent.npz"
    settings = yaml.safe_load(quick.read_text()) | {"template": {"points": 300}, "device": "cpu"}
    path = tmp_path / "mine.yaml"
    path.write_text(json.dumps(settings))
    cloud = next(people.rglob("*.ply"))
    result = call_json("fit", cloud, "-o", tmp_path / "out", "--config", path, "--jobs", 1)
    assert (
        result["notes"][0] == "The shipped network needs the default template, so fits start from the search."
    )
    assert len(np.load(RunFolder(tmp_path / "out").template)["vertex_ids"]) == 300
    path.write_text(json.dumps(settings | {"prior": str(prior)}))
    call("fit", cloud, "-o", tmp_path / "other", "--config", path, "--jobs", 1, code=2)
    assert "absent.npz: no such file" in call.stderr


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("my scans", "my_scans"), ("ünï", "uni"), ("scan (1)", "scan_1"), ("walk-01.b", "walk-01.b"),
        ("人", "scans"), (".hidden", "hidden"), ("x" * 300, "x" * 80),
    ],
)  # fmt: skip
def test_init_names_a_run_as_the_workflow_takes_it(folder, name):
    assert dataset_name(folder) == name
    assert Config(dataset=dataset_name(folder)).dataset == name


@pytest.mark.parametrize("folder", ["my scans", "scan (1) 'a'", "x;\ntouch y"])
def test_what_init_writes_is_read_back_whatever_the_folder_is_called(tmp_path, folder):
    out = tmp_path / "my settings.yaml"
    found = Guess({".ply": 2}, {folder: 2}, "m", "y", 3.0, np.array([0.5, 1.7, 0.4]), 900, [], [])
    out.write_text(_text(tmp_path / folder, out, dataset_name(folder), found))
    settings = read_settings(out, "fit").config
    assert settings.source.root == str(tmp_path / folder)
    assert settings.dataset == dataset_name(folder)
    command = next(line for line in out.read_text().splitlines() if "sshmr fit" in line)
    words = shlex.split(command.removeprefix("#"), comments=True)
    shown = str(tmp_path / folder) if folder.isprintable() else "PATH"
    assert words == ["sshmr", "fit", shown, "--config", str(out), "-o", "out"]
