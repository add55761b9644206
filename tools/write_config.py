"""Write config.yaml, its JSON Schema and its reference page from the settings' models.

    python tools/write_config.py

Run it after every change in sshmr/config; a test compares the files with what this would write.
"""

import json
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from sshmr.config.base import Settings, section_in  # noqa: E402
from sshmr.config.run import Config  # noqa: E402

WIDTH = 110
HEADER = """\
# yaml-language-server: $schema=schemas/config.schema.json
# All settings of a run. These are the defaults: a demo with simulated recordings, which needs no data.
# For other purposes, pass an overlay that names only what differs: snakemake --configfile config/clouds.yaml
# Wrong keys and values are reported before any job starts. A changed key reruns only the stages that use it.
# Written by tools/write_config.py from sshmr/config.
"""
PAGE = """\
# All settings

`config.yaml` states every key at its default. [The workflow](../workflow.md#settings) explains how overlays
and `--config` change them. Every number must be finite.
`tools/write_config.py` writes this page from `sshmr/config`.
"""


def main() -> None:
    for path, text in files().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


def files() -> dict[Path, str]:
    """The content of each file that is written from the models."""
    return {
        ROOT / "config.yaml": config_yaml(),
        ROOT / "schemas" / "config.schema.json": json.dumps(schema(), indent=1, ensure_ascii=False) + "\n",
        ROOT / "docs" / "reference" / "config.md": config_page(),
    }


def config_yaml() -> str:
    """Every key at its default, with its description beside or above it."""
    return HEADER + "\n" + "\n".join(_keys(Config, "", set())) + "\n"


def schema() -> dict[str, Any]:
    """The JSON Schema of the config and its overlays: editors complete and check keys with it."""
    lean: dict[str, Any] = _lean(Config.model_json_schema())
    return lean


def config_page() -> str:
    """Markdown: a table a section, with type, bounds, default and description of every key."""
    return "\n".join([PAGE, *_page_section("The whole run", "", Config, 2)]) + "\n"


def _keys(kind: type[Settings], indent: str, explained: set[type[Settings]]) -> Iterator[str]:
    """Lines of a section's keys. A blank line sets off the sections at the top."""
    after_section = None
    for name, field in kind.model_fields.items():
        section, value = section_in(field.annotation), field.default
        is_section = isinstance(value, Settings)
        if not indent and after_section is not None and (is_section or after_section):
            yield ""
        after_section = is_section
        if isinstance(value, Settings):
            yield from _commented(f"{indent}{name}:", _text(value.__doc__), indent)
            yield from _keys(type(value), indent + "  ", explained)
        elif section:
            yield from _comment(_text(field.description), indent)
            if section not in explained:
                explained.add(section)
                for key, inner in section.model_fields.items():
                    yield from _comment(f"- {key}: {_text(inner.description)}", indent, "  ")
            yield f"{indent}{name}:"
            yield from (f"{indent}  - {_value(item.model_dump())}" for item in value)
        else:
            yield from _commented(f"{indent}{name}: {_value(value)}", _text(field.description), indent)


def _commented(line: str, comment: str, indent: str) -> list[str]:
    """A line with its comment beside it, or above where both are too long for one line."""
    whole = f"{line}  # {comment}"
    return [whole] if len(whole) <= WIDTH else [*_comment(comment, indent), line]


def _comment(text: str, indent: str, hanging: str = "") -> list[str]:
    start = f"{indent}# "
    return textwrap.wrap(
        text, WIDTH, initial_indent=start, subsequent_indent=start + hanging, break_on_hyphens=False
    )


def _value(value: Any) -> str:
    """A value as YAML, on one line. Text is quoted unless no reader could take it for anything else."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_value(item)}' for key, item in value.items())}}}"
    if isinstance(value, str) and re.fullmatch(r"[a-z]\w*", value) and (len(value) > 1 or value == "m"):
        return value
    return json.dumps(value)


def _text(description: str | None) -> str:
    return " ".join((description or "").split())


def _page_section(title: str, above: str, kind: type[Settings], level: int) -> Iterator[str]:
    sections = {name: f for name, f in kind.model_fields.items() if isinstance(f.default, Settings)}
    rows = {name: f for name, f in kind.model_fields.items() if name not in sections}
    yield from ("#" * level + f" {title}", "", _markdown(_text(kind.__doc__)), "")
    yield from _table(kind, rows)
    for name, field in rows.items():
        if inner := section_in(field.annotation):
            yield from ("", f"Each of `{above}{name}`:", "", *_table(inner, inner.model_fields))
    for name, field in sections.items():
        yield ""
        key, deeper = f"{above}{name}", level + bool(above)
        yield from _page_section(f"{key}", f"{key}.", type(field.default), deeper)


def _table(kind: type[Settings], fields: dict[str, Any]) -> Iterator[str]:
    if not fields:
        return
    properties = kind.model_json_schema()["properties"]
    yield from ("| key | type | default | description |", "| --- | --- | --- | --- |")
    for name, field in fields.items():
        default = "" if field.is_required() else _default(field.default)
        about = _markdown(_text(field.description))
        yield f"| `{name}` | {_type(properties[name])} | {default} | {about} |"


def _type(spec: dict[str, Any]) -> str:
    """A key's type, choices and bounds in words."""
    if "anyOf" in spec:
        return " or ".join(_type(option) for option in spec["anyOf"])
    if "enum" in spec:
        return " or ".join(f"`{value}`" for value in spec["enum"])
    if "$ref" in spec:
        return "mapping"
    if spec["type"] == "array":
        if "prefixItems" in spec:
            return f"[{', '.join(_type(item) for item in spec['prefixItems'])}]"
        return f"list of {_type(spec['items'])}"
    kind = {"string": "text", "null": "`null`"}.get(spec["type"], spec["type"])
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    bounds = [f"{sign} {_number(spec[word])}" for word, sign in signs.items() if word in spec]
    if "pattern" in spec:
        bounds.append(f"`{spec['pattern']}`")
    return ", ".join([kind, *bounds])


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:g}"


def _default(value: Any) -> str:
    if isinstance(value, tuple) and value and isinstance(value[0], Settings):
        return f"{len(value)} stages, see `config.yaml`"
    return f"`{_value(value)}`"


def _markdown(text: str) -> str:
    """Text as it is, though some of its signs mean something in a table or in HTML."""
    for sign in "\\|<>*_[]":
        text = text.replace(sign, f"&#{ord(sign)};")
    return text


def _lean(spec: Any) -> Any:
    """A schema without what pydantic adds for forms: titles, and the defaults of sections inside sections."""
    if isinstance(spec, list):
        return [_lean(item) for item in spec]
    if not isinstance(spec, dict):
        return spec
    dropped = {"title"} | ({"default"} if "$ref" in spec else set())
    kept = {key: _lean(value) for key, value in spec.items() if key not in dropped or isinstance(value, dict)}
    if isinstance(kept.get("description"), str):
        kept["description"] = _text(kept["description"])
    return kept


if __name__ == "__main__":
    main()
