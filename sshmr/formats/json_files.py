"""Read the small JSON files that data sets come with."""

import json
from pathlib import Path
from typing import Any

from sshmr.errors import InputError

LARGEST = 2**24
"""Largest size in bytes. These files have a few thousand."""


def read_json_mapping(path: str | Path) -> dict[str, Any]:
    """The mapping in a JSON file.

    Raises:
        InputError: when the file is missing, not JSON, or not a mapping.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(path, found="no such file", expected="a JSON file")
    if path.stat().st_size > LARGEST:
        raise InputError(path, "size", f"{path.stat().st_size} bytes", f"at most {LARGEST}")
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError, OSError) as error:
        raise InputError(path, found=f"it is not JSON ({error})", fix="Download it again") from error
    if not isinstance(content, dict):
        raise InputError(path, found=f"it holds a {type(content).__name__}", expected="a mapping of keys")
    return content


def entry(
    path: str | Path, content: dict[str, Any], key: str, kind: type | tuple[type, ...], what: str
) -> Any:
    """One value of a mapping, checked for its type. ``what`` describes the type in errors.

    Raises:
        InputError: when it is not.
    """
    if key not in content:
        known = ", ".join(sorted(content)[:12]) or "no keys at all"
        raise InputError(path, f'key "{key}"', "missing", f"this key; there are {known}")
    if not isinstance(content[key], kind):
        raise InputError(path, f'key "{key}"', repr(content[key])[:80], what)
    return content[key]
