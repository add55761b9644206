"""Settings from mappings, and errors that name the key."""

import difflib
import json
from collections.abc import Iterable, Sequence
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sshmr.config.base import Settings, section_in
from sshmr.errors import InputError

Section = TypeVar("Section", bound=Settings)


def from_mapping(
    kind: type[Section], mapping: object, section: str = "", where: object = "config"
) -> Section:
    """Settings of one kind from parsed YAML or JSON; missing keys keep their defaults.

    Args:
        section: its key in the whole config; empty for the whole. where: the file or option that errors name.

    Raises:
        InputError: for an unknown key (with the nearest known one) or a wrong value.
    """
    try:
        return kind.model_validate(mapping)
    except ValidationError as error:
        raise input_error(error, kind, section, where) from None


def to_json(settings: Settings) -> str:
    """The settings as JSON with sorted keys, for provenance and hashes."""
    return json.dumps(settings.model_dump(mode="json"), sort_keys=True)


def nearest_key(key: object, known: Iterable[object]) -> str | None:
    """The known key most similar to ``key``, or None."""
    matches = difflib.get_close_matches(str(key), [str(name) for name in known], n=1, cutoff=0.5)
    return matches[0] if matches else None


def input_error(error: ValidationError, kind: type[Settings], above: str, where: object) -> InputError:
    """The first of pydantic's errors as an ``InputError``; unknown keys come first, as they explain
    others."""
    details = sorted(error.errors(include_url=False), key=lambda detail: detail["type"] not in UNKNOWN)
    detail = details[0]
    keys = _keys(detail, kind)
    context = detail.get("ctx", {})
    if detail["type"] in UNKNOWN:
        known = list(_section_at(kind, keys[:-1]).model_fields)
        near = nearest_key(keys[-1], known)
        fix = f"Did you mean {_dotted(above, [*keys[:-1], near])}?" if near else ""
        return InputError(where, f"key {_dotted(above, keys)}", "unknown", "one of " + ", ".join(known), fix)
    if detail["type"] == "missing":
        return InputError(where, f"key {_dotted(above, keys)}", "missing", "a value")
    if detail["type"] == "misfit":
        field, found = f"key {_dotted(above, [*keys, context['key']])}", _shown(context["found"])
        return InputError(where, field, found, context["expected"])
    choices = [_expected(other) for other in details if _keys(other, kind) == keys]
    found, expected = _shown(detail["input"]), " or ".join(dict.fromkeys(choices))
    if not keys and not above:
        return InputError(where, found=f"it holds {found}", expected=expected)
    return InputError(where, f"key {_dotted(above, keys)}", found, expected)


UNKNOWN = ("extra_forbidden", "invalid_key")
EXPECTED = {
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "{ge:g} or more",
    "less_than": "less than {lt:g}",
    "less_than_equal": "{le:g} or less",
    "literal_error": "one of {expected}",
    "string_too_short": "some text",
    "string_too_long": "{max_length} characters or fewer",
    "string_pattern_mismatch": "text that matches {pattern}",
    "too_short": "{min_length} values or more",
    "too_long": "{max_length} values or fewer",
    "finite_number": "a finite number",
    "int_type": "an integer",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text",
    "tuple_type": "a list",
    "model_type": "a mapping of keys",
    "misfit": "{expected}",
}
"""Pydantic's errors in the style of the other errors."""


def _expected(detail: ErrorDetails) -> str:
    words = EXPECTED.get(detail["type"])
    return words.format(**detail.get("ctx", {})) if words else detail["msg"]


def _keys(detail: ErrorDetails, kind: type[Settings]) -> list[str | int]:
    """The position of an error: keys and list indices, without the names of a union's branches."""
    keys: list[str | int] = []
    section: type[Settings] | None = kind
    for part in detail["loc"]:
        if isinstance(part, int):
            keys.append(part)
        elif section is not None and part in section.model_fields:
            keys.append(part)
            section = section_in(section.model_fields[part].annotation)
        elif detail["type"] in UNKNOWN:
            keys.append(part)
    return keys


def _section_at(kind: type[Settings], keys: Sequence[str | int]) -> type[Settings]:
    for key in keys:
        if isinstance(key, str):
            kind = section_in(kind.model_fields[key].annotation) or kind
    return kind


def _dotted(above: str, keys: Sequence[str | int]) -> str:
    """``"fit.search[0].points"``, in quotes."""
    text = above
    for key in keys:
        text += f"[{key}]" if isinstance(key, int) else f".{key}"
    return f'"{text.removeprefix(".")}"'


def _shown(value: object) -> str:
    return repr(list(value)) if isinstance(value, tuple) else repr(value)
