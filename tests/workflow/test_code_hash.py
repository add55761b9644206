import pytest
from code_hash import code_hash, reached_files

FILES = {
    "workflow_scripts/stage.py": "from _common import run\nfrom sshmr.fit.engine import fit\n",
    "workflow_scripts/_common.py": "import sys\n",
    "sshmr/__init__.py": "",
    "sshmr/fit/__init__.py": "",
    "sshmr/fit/engine.py": 'def fit():\n    """A."""\n    from sshmr.geometry import turn\n    turn.half\n',
    "sshmr/geometry/__init__.py": "",
    "sshmr/geometry/turn.py": "from . import unit\n\ndef half():\n    return 180 * unit.DEGREE\n",
    "sshmr/geometry/unit.py": "DEGREE = 1\n",
    "sshmr/network.py": "WIDTH = 3\n",
}


@pytest.fixture
def project(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def hashed(project):
    return code_hash(project / "workflow_scripts" / "stage.py", project)


def test_reaches_what_the_script_imports_and_no_more(project):
    reached = reached_files(project / "workflow_scripts" / "stage.py", project)
    assert {path.relative_to(project).as_posix() for path in reached} == set(FILES) - {"sshmr/network.py"}


@pytest.mark.parametrize("name", [name for name in FILES if name != "sshmr/network.py"])
def test_changes_with_any_code_it_reaches(project, name):
    before = hashed(project)
    (project / name).write_text(FILES[name] + "\nNEW = 1\n")
    assert hashed(project) != before


def test_comments_docstrings_and_layout_do_not_count(project):
    before = hashed(project)
    (project / "sshmr/fit/engine.py").write_text(
        '# Why.\ndef fit():\n    """Other."""\n\n    from sshmr.geometry import turn\n\n    turn.half\n'
    )
    assert hashed(project) == before


def test_code_it_does_not_reach_does_not_count(project):
    before = hashed(project)
    (project / "sshmr/network.py").write_text("WIDTH = 4\n")
    assert hashed(project) == before
