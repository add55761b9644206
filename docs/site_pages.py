"""MkDocs hook: the pages of settings and commands, made from the code, and formulas as MathML.

Both happen while the site is built. The site therefore needs no script from another machine.
"""

import html
import json
import re
from pathlib import Path

import typer
import yaml
from latex2mathml.converter import convert
from mkdocs.structure.files import File

from sshmr.cli.app import app

ROOT = Path(__file__).resolve().parents[1]


def on_files(files, config):
    """Add the generated pages to the written ones."""
    schema = yaml.safe_load((ROOT / "schemas" / "config.schema.yaml").read_text())
    pages = {"reference/config.md": config_page(schema), "reference/commands.md": commands_page(app)}
    for path, content in pages.items():
        files.append(File.generated(config, path, content=content))
    return files


FORMULA = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.S)
"""What pymdownx.arithmatex makes of $…$ and $$…$$."""


def on_page_content(content, page, config, files):
    """Replace the formulas of a page by MathML, which browsers set by themselves."""
    return FORMULA.sub(_mathml, content)


def _mathml(match):
    display = "block" if match[1] == "div" else "inline"
    return convert(html.unescape(match[3]), display=display)


def config_page(schema):
    """Markdown of all settings in the JSON Schema: one section per section, one row per key."""
    lines = [
        "# All settings",
        "",
        "Made from `schemas/config.schema.yaml`, against which every run's settings are checked. "
        "[The workflow](../workflow.md#settings) says how overlays and `--config` set them.",
    ]
    single = {name: spec for name, spec in schema["properties"].items() if "properties" not in spec}
    lines += ["", "## Of the whole run", "", *_table(single)]
    for name, spec in schema["properties"].items():
        if "properties" in spec:
            lines += ["", *_section(name, spec)]
    return "\n".join(lines) + "\n"


def _section(name, spec, level=2):
    lines = ["#" * level + f" {name}", "", _text(spec), ""]
    lines += _table({key: value for key, value in spec["properties"].items() if "properties" not in value})
    for key, value in spec["properties"].items():
        if "properties" in value:
            lines += ["", *_section(f"{name}.{key}", value, level + 1)]
        items = value.get("items", {})
        if "properties" in items:
            lines += ["", f"Each of `{name}.{key}`:", "", *_table(items["properties"])]
    return lines


def _table(keys):
    rows = [f"| `{key}` | {_kind(spec)} | {_default(spec)} | {_text(spec)} |" for key, spec in keys.items()]
    return ["| key | kind | default | |", "| --- | --- | --- | --- |", *rows] if rows else []


def _kind(spec):
    if "enum" in spec:
        return " or ".join(f"`{_plain(value)}`" for value in spec["enum"])
    kinds = spec["type"] if isinstance(spec["type"], list) else [spec["type"]]
    text = " or ".join(kinds)
    if spec["type"] == "array":
        text = "list of " + ("mappings" if "properties" in spec["items"] else _kind(spec["items"]))
    limits = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    return ", ".join([text, *(f"{sign} {spec[word]}" for word, sign in limits.items() if word in spec)])


def _default(spec):
    if "default" not in spec:
        return ""
    stages = spec.get("items", {}).get("properties")
    return f"{len(spec['default'])} stages, in `config.yaml`" if stages else f"`{_plain(spec['default'])}`"


def _plain(value):
    return value if isinstance(value, str) and value else json.dumps(value)


def _text(spec):
    return _escaped(spec.get("description", ""))


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
