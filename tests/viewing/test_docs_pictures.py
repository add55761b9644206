"""The script makes the pictures of the docs, and every picture that the docs show exists."""

import re
from pathlib import Path

import pytest

from docs.make_pictures import make
from sshmr.viewing.frames import Run

ROOT = Path(__file__).resolve().parents[2]


def shown():
    """Pictures that the documents show."""
    return {
        (path.parent / name).resolve()
        for path in (ROOT / "README.md", *ROOT.glob("docs/**/*.md"))
        for name in re.findall(r"!\[[^]]*\]\(([^)]+)\)", path.read_text())
        if "://" not in name
    }


@pytest.mark.slow
def test_every_picture_is_made_by_the_script(finished_run, tmp_path, browser):
    make(Run(finished_run.results), tmp_path)
    made = {ROOT / "docs" / "pictures" / path.name for path in tmp_path.iterdir()}
    assert len(made) == 5
    assert made <= shown()


def test_every_picture_that_is_shown_is_there():
    assert shown()
    assert all(path.is_file() for path in shown())
