"""Files about the project: version, issue forms, hooks, credits."""

import os
import tomllib
from pathlib import Path

import pytest
import yaml

import sshmr

ROOT = Path(__file__).resolve().parents[1]
FORMS = sorted(path for path in ROOT.glob(".github/ISSUE_TEMPLATE/*.yml") if path.name != "config.yml")


def test_the_version_is_the_same_everywhere():
    stated = {
        tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"],
        yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"],
    }
    assert stated == {sshmr.__version__}
    assert sshmr.__version__ in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="one process takes all tests")
def test_the_tests_of_a_file_go_to_one_process(request):
    assert request.node.nodeid.endswith(f"@{Path(__file__).stem}")


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_issue_forms_ask_for_what_doctor_says(path):
    form = yaml.safe_load(path.read_text())
    assert form["name"]
    assert form["description"]
    fields = [field for field in form["body"] if field["type"] == "textarea"]
    assert len({field["id"] for field in fields}) == len(fields)
    assert any("sshmr doctor --json" in field["attributes"]["label"] for field in fields)


def test_hooks_fetch_nothing():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert {repo["repo"] for repo in hooks["repos"]} == {"local"}
    assert {hook["language"] for repo in hooks["repos"] for hook in repo["hooks"]} == {"system"}


def test_every_shipped_asset_is_credited():
    notice = (ROOT / "NOTICE").read_text()
    assets = (path for room in ("body", "network") for path in (ROOT / "sshmr" / room / "assets").iterdir())
    for path in assets:
        assert path.name in notice
