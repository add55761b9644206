"""The rooms of the package import in one direction only: the order of the table in docs/workflow.md."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "sshmr"
ROOMS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))


def documented_order():
    """Names of the rooms, those that import the fewest others first."""
    page = (ROOT / "docs" / "workflow.md").read_text()
    table = page.split("### The rooms of the package")[1].split("\n## ")[0]
    return re.findall(r"^\| `(\w+)(?:\.py)?`", table, re.M)


def imported(path):
    """The rooms and modules of the package that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from (name.split(".")[1] for name in names if name.startswith("sshmr."))


def test_every_room_is_documented():
    assert set(ROOMS) <= set(documented_order())


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_rooms_above_it(room):
    order = documented_order()
    below = set(order[order.index(room) + 1 :])
    for path in (PACKAGE / room).rglob("*.py"):
        assert not below & set(imported(path)), f"{path.relative_to(ROOT)} imports a room below it"
