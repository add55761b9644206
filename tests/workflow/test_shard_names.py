"""Names of users' folders: what cannot be carried is refused, and the shell runs none of the rest."""

import re
from pathlib import Path

import pytest
from shard_names import check_names

from sshmr.errors import InputError

RULES = Path(__file__).resolve().parents[2] / "rules"
FINE = [
    "seq002_football_001", "a b", "it's", 'say "x"', "$(touch PWNED)", "`touch PWNED`", "a;touch PWNED;b",
    "a&b|c>d", "#x", "~root", "<img src=x>", "näme",
]  # fmt: skip
REFUSED = [
    "",
    "{x}",
    "a\nb",
    "-x",
    "--skipped",
    ".hidden",
    "a/b",
    "\udcff",
    "a" * 200,
    "ab" * 25,
    "x.skipped",
]


@pytest.mark.parametrize("name", FINE)
def test_names_that_a_shell_would_read_are_only_names(name):
    check_names("data", [name])


@pytest.mark.parametrize("name", REFUSED)
def test_names_that_break_a_run_are_refused_before_it(name):
    with pytest.raises(InputError, match="Rename the folder") as caught:
        check_names("data", ["fine", name])
    str(caught.value).encode()


def test_every_value_in_a_shell_line_is_quoted():
    """Only what the workflow itself makes may stand unquoted: numbers and the start of a command."""
    plain = {"threads", "params.seed", "START", "params.initial"}
    for path in RULES.glob("*.smk"):
        for block in re.findall(r"^    shell:\n((?: {8}.*\n)+)", path.read_text(), re.M):
            values = re.findall(r"\{([^{}]+)\}", block)
            assert {value for value in values if not value.endswith(":q")} <= plain, path.name


def test_a_shell_runs_nothing_in_a_quoted_name(tmp_path):
    """Snakemake's own quoting, as the rules use it, with every name above."""
    import subprocess

    from snakemake.utils import QuotedFormatter

    for name in FINE:
        line = QuotedFormatter().format("printf %s {name:q}", name=name)
        done = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert done.stdout == name
    assert not list(tmp_path.iterdir())
