"""Names of users' folders in shell lines: every one is quoted, and the shell runs none."""

import re
from pathlib import Path

RULES = Path(__file__).resolve().parents[2] / "rules"
NAMES = [
    "seq002_football_001", "a b", "it's", 'say "x"', "$(touch PWNED)", "`touch PWNED`", "a;touch PWNED;b",
    "a&b|c>d", "#x", "~root", "<img src=x>", "näme", "{x}", "-x", "*",
]  # fmt: skip


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

    for name in NAMES:
        line = QuotedFormatter().format("printf %s {name:q}", name=name)
        done = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert done.stdout == name
    assert not list(tmp_path.iterdir())
