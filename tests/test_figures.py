"""The figures in the documents' tables are those that a benchmark printed (docs/figures/*.json)."""

import json
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[1] / "docs"
FIGURES = sorted(DOCS.glob("figures/*.json"))


def numbers_in(value):
    """All numbers of a nested mapping."""
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from numbers_in(part)
    elif isinstance(value, int | float):
        yield float(value)


@pytest.mark.parametrize("path", FIGURES, ids=lambda path: path.stem)
def test_every_number_of_the_table_is_in_the_output_of_its_command(path):
    figures = json.loads(path.read_text())
    section = (DOCS / figures["page"]).read_text().split(f"\n{figures['heading']}\n")[1].split("\n#")[0]
    assert figures["command"] in section
    rows = re.findall(r"^\| .*\|$", section, re.M)[1:]
    found = list(numbers_in(figures["result"]))
    stated = [
        text for row in rows for cell in row.split("|")[2:] for text in re.findall(r"\d+(?:\.\d+)?", cell)
    ]
    assert len(stated) >= len(rows)
    for text in stated:
        digits = len(text.partition(".")[2])
        assert any(abs(number - float(text)) <= 0.51 * 10**-digits for number in found), text
