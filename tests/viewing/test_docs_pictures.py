"""The pictures of the docs can be made anew, and all that the docs show are there."""

import re
from pathlib import Path

import pytest

from docs.make_pictures import make
from sshmr.viewing.run import Run
from tests.viewing.runs import finish

ROOT = Path(__file__).resolve().parents[2]


def shown():
    """Pictures that the documents show."""
    return {
        (path.parent / name).resolve()
        for path in (ROOT / "README.md", *ROOT.glob("docs/*.md"))
        for name in re.findall(r"!\[[^]]*\]\(([^)]+)\)", path.read_text())
    }


@pytest.mark.slow
def test_every_picture_is_made_by_the_script(make_run, tmp_path, browser):
    make(Run(finish(make_run(rounds=1)).results), tmp_path)
    made = {path.name for path in tmp_path.iterdir()}
    assert (
        made == {path.name for path in shown()} == {path.name for path in (ROOT / "docs/pictures").iterdir()}
    )


def test_every_picture_that_is_shown_is_there():
    assert shown()
    assert all(path.is_file() for path in shown())
