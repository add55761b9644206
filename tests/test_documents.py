"""The programs accept every command that README and docs show."""

import re
import shlex
import sys
from pathlib import Path

import click
import pytest
import typer.main
import yaml

from sshmr.cli.app import app

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "rules")]

from config_check import check_config, read_layers  # noqa: E402


def commands(program):
    """(page, words) of every command of a program in README and docs."""
    found = []
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for block in re.findall(r"```bash\n(.*?)```", page.read_text(), re.S):
            for line in block.replace("\\\n", " ").splitlines():
                for part in re.split(r" && | \| ", line):
                    words = shlex.split(part, comments=True)
                    if words and words[0].removeprefix(".venv/bin/") == program:
                        found.append((page.name, words[1:]))
    return sorted(found)


def parsed(command, words, parent=None):
    """Parse the words with click, down to the last subcommand. Files need not exist."""
    try:
        context = command.make_context(command.name, list(words), parent=parent)
    except click.BadParameter as error:
        if "does not exist" not in str(error):
            raise
        return
    if isinstance(command, click.Group):
        _, inner, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        parsed(inner, rest, context)


@pytest.mark.parametrize(("page", "words"), commands("sshmr"), ids=lambda value: str(value)[:60])
def test_sshmr_takes_what_is_documented(page, words):
    parsed(typer.main.get_command(app), words)


@pytest.mark.parametrize(("page", "words"), commands("snakemake"), ids=lambda value: str(value)[:60])
def test_documented_configs_exist_and_their_keys_are_known(page, words):
    files, given, kind = [ROOT / "config.yaml"], {}, None
    for word in words:
        if word.startswith("--"):
            kind = word
        elif kind == "--configfile" and word != "mine.yaml":  # Which the reader makes.
            files.append(ROOT / word)
        elif kind == "--config":
            key, value = word.split("=", 1)
            given[key] = yaml.safe_load(value)
    merged = {}
    for layer in (*(yaml.safe_load(path.read_text()) for path in files), given):
        merged = laid_over(merged, layer)
    check_config(merged, read_layers(files, given))


def laid_over(below, above):
    """A config with an overlay's keys in place of its own."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return {**below, **{key: laid_over(below.get(key), value) for key, value in above.items()}}


def test_there_are_commands_to_look_at():
    assert len(commands("sshmr")) > 20
    assert len(commands("snakemake")) > 20
