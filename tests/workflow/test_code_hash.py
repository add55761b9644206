import shutil

import pytest
from code_hash import KEPT, code_hash, reached

FILES = {
    "workflow_scripts/stage.py": "from _common import run\nfrom sshmr.fit.engine import fit\nrun(fit)\n",
    "workflow_scripts/_common.py": "import sys\n\ndef run(main):\n    main()\n    print('done')\n",
    "sshmr/__init__.py": '__version__ = "1.0"\n',
    "sshmr/errors.py": "class InputError(Exception):\n    pass\n",
    "sshmr/progress.py": "def track(items, words):\n    return items\n",
    "sshmr/fit/__init__.py": "",
    "sshmr/fit/engine.py": '''
from sshmr.errors import InputError
from sshmr.progress import track

LIMIT = 3

def fit():
    """A docstring."""
    from sshmr.geometry import turn
    print(write())
    for number in track(range(LIMIT), "Fit"):
        if number > 7:
            raise InputError(f"{number} is too large")
    turn.half(2)

def write():
    return 1

def unused():
    return 2
''',
    "sshmr/geometry/__init__.py": "",
    "sshmr/geometry/turn.py": "from . import unit\n\ndef half(n: int):\n    return n * unit.DEGREE\n",
    "sshmr/geometry/unit.py": "DEGREE = 1\nRADIAN = 57\n",
    "sshmr/network.py": "WIDTH = 3\n",
}
COMPUTES = [
    ("workflow_scripts/stage.py", "run(fit)", "run(fit, 2)"),
    ("workflow_scripts/_common.py", "main()", "main(1)"),
    ("sshmr/fit/engine.py", "LIMIT = 3", "LIMIT = 4"),
    ("sshmr/fit/engine.py", "turn.half(2)", "turn.half(3)"),
    ("sshmr/fit/engine.py", "number > 7", "number > 8"),
    ("sshmr/fit/engine.py", "return 1", "return 3"),
    ("sshmr/geometry/turn.py", "n * unit", "2 * n * unit"),
    ("sshmr/geometry/unit.py", "DEGREE = 1", "DEGREE = 2"),
]
TELLS = [
    ("sshmr/__init__.py", "1.0", "2.0"),
    ("sshmr/errors.py", "pass", "code = 2"),
    ("sshmr/progress.py", "return items", "return list(items)"),
    ("sshmr/fit/engine.py", "A docstring.", "Another."),
    ("sshmr/fit/engine.py", "is too large", "is larger than 7"),
    ("sshmr/fit/engine.py", '"Fit"', '"Register"'),
    ("sshmr/fit/engine.py", "LIMIT = 3", "# Why.\nLIMIT  =  3"),
    ("sshmr/fit/engine.py", "return 2", "return 4"),
    ("sshmr/geometry/turn.py", "n: int", "n: float"),
    ("sshmr/geometry/unit.py", "RADIAN = 57", "RADIAN = 58"),
    ("sshmr/network.py", "WIDTH = 3", "WIDTH = 4"),
    ("workflow_scripts/_common.py", "'done'", "'finished'"),
]


@pytest.fixture
def project(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def hash_after(project, name, old, new):
    assert old in FILES[name]
    (project / name).write_text(FILES[name].replace(old, new))
    return code_hash(project / "workflow_scripts" / "stage.py", project)


def test_reaches_the_definitions_that_the_script_uses_and_no_others(project):
    found = reached(project / "workflow_scripts" / "stage.py", project)
    names = {name for module, name in found if module.startswith("sshmr") and name}
    assert names - {"unit", "track", "InputError"} == {
        "LIMIT", "fit", "write", "half", "DEGREE",
    }  # fmt: skip


@pytest.mark.parametrize(("name", "old", "new"), COMPUTES)
def test_changes_with_what_computes(project, name, old, new):
    before = code_hash(project / "workflow_scripts" / "stage.py", project)
    assert hash_after(project, name, old, new) != before


@pytest.mark.parametrize(("name", "old", "new"), TELLS)
def test_messages_and_unused_code_do_not_count(project, name, old, new):
    before = code_hash(project / "workflow_scripts" / "stage.py", project)
    assert hash_after(project, name, old, new) == before


def test_the_kept_contents_give_the_same_hash_until_a_file_changes(project, monkeypatch):
    script = project / "workflow_scripts" / "stage.py"
    before = code_hash(script, project)
    assert (project / "rules" / KEPT).is_file()
    with monkeypatch.context() as patch:
        patch.setattr("ast.parse", None)
        assert code_hash(script, project) == before
    assert hash_after(project, "sshmr/geometry/unit.py", "DEGREE = 1", "DEGREE = 2") != before
    (project / "rules" / KEPT).write_text("cut o")
    assert hash_after(project, "sshmr/geometry/unit.py", "DEGREE = 1", "DEGREE = 1") == before


def test_a_copy_in_another_folder_has_the_same_hash(project, tmp_path_factory):
    copy = tmp_path_factory.mktemp("other") / "copy"
    shutil.copytree(project, copy)
    script = "workflow_scripts/stage.py"
    assert code_hash(copy / script, copy) == code_hash(project / script, project)
