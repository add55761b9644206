"""MkDocs hook: the page of all commands, made from the code, and formulas as MathML.

Both happen while the site is built. The site therefore needs no script from another machine.
"""

import html
import re

import typer
from latex2mathml.converter import convert
from mkdocs.structure.files import File

from sshmr.cli.app import app


def on_files(files, config):
    """Add the generated page to the written ones."""
    files.append(File.generated(config, "reference/commands.md", content=commands_page(app)))
    return files


FORMULA = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.S)
"""What pymdownx.arithmatex makes of $…$ and $$…$$."""


def on_page_content(content, page, config, files):
    """Replace the formulas of a page by MathML, which browsers set by themselves."""
    return FORMULA.sub(_mathml, content)


def _mathml(match):
    display = "block" if match[1] == "div" else "inline"
    return convert(html.unescape(match[3]), display=display)


def _escaped(text):
    """Text as it is, though it has signs that mean something in a table or in HTML."""
    for sign in "\\|<>*_[]":
        text = text.replace(sign, f"&#{ord(sign)};")
    return " ".join(text.split())


def commands_page(application):
    """Markdown of every command of a Typer application: what it says of itself, its arguments and options."""
    lines = [
        "# All commands",
        "",
        "What `--help` says. [The command line](../cli.md) says how they work together.",
    ]
    for words, command in _commands(typer.main.get_command(application), "sshmr"):
        told, _, examples = command.help.partition("Examples:")
        lines += ["", f"## {words}", "", *(_escaped(part) + "\n" for part in told.strip().split("\n\n"))]
        if examples:
            lines += ["```bash", *(line for line in examples.split("\n") if line), "```", ""]
        context = typer.Context(command, info_name=words)
        lines += ["| | |", "| --- | --- |"]
        for parameter in command.params:
            record = parameter.get_help_record(context)
            if record:
                name, about = (_escaped(text) for text in record)
                lines.append(f"| <code>{name}</code> | {about} |")
    return "\n".join(lines) + "\n"


def _commands(command, words):
    """(words to type, command) of every command below one, depth first."""
    children = getattr(command, "commands", None)
    if children is None:
        yield words, command
        return
    for name, child in children.items():
        yield from _commands(child, f"{words} {name}")
