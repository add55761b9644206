"""constraints.txt, pyproject.toml, the conda environments and the docs name the same packages."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
PINS = dict(re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.M))
NEEDED = [Requirement(line) for line in PROJECT["dependencies"]]
ALL = [*NEEDED, *(Requirement(line) for extra in EXTRAS.values() for line in extra)]


@pytest.mark.parametrize("requirement", ALL, ids=str)
def test_each_dependency_is_pinned_within_its_range(requirement):
    assert Version(PINS[requirement.name]) in requirement.specifier


@pytest.mark.parametrize("kind", ["cpu", "gpu"])
def test_conda_environments_have_the_pins_and_every_dependency_of_the_jobs(kind):
    environment = yaml.safe_load((ROOT / "envs" / f"{kind}.yaml").read_text())
    packages = next(item["pip"] for item in environment["dependencies"] if isinstance(item, dict))
    stated = dict(line.split("==") for line in packages if "==" in line)
    expected = {r.name: PINS[r.name] for r in NEEDED if r.name != "snakemake"}
    assert {name: Version(version).public for name, version in stated.items()} == expected


def test_the_docs_say_what_each_dependency_is_for():
    table = (ROOT / "docs" / "workflow.md").read_text().split("## What is installed")[1]
    for requirement in ALL:
        assert requirement.name in table


def test_package_data_reaches_the_wheel():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    shipped = {
        path
        for package, patterns in settings.items()
        for pattern in patterns
        for path in ROOT.joinpath(*package.split(".")).glob(pattern)
    }
    data = {
        path for path in (ROOT / "sshmr").rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    assert data == shipped
