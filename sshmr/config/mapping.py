"""Settings from mappings: a dataclass per stage is the only way in."""

import dataclasses
import difflib
import json
import types
import typing

from sshmr.errors import InputError


def nearest_key(key, known):
    """The known key most like ``key``, or None."""
    matches = difflib.get_close_matches(str(key), [str(name) for name in known], n=1, cutoff=0.5)
    return matches[0] if matches else None


def from_mapping(cls, mapping, where="config"):
    """Build the dataclass ``cls`` from a mapping (parsed YAML or JSON).

    Raises:
        InputError: for an unknown key (names the nearest known one) or a value of the wrong type.
    """
    if not isinstance(mapping, dict):
        raise InputError(where, "", f"it is {mapping!r}", f"a mapping with the keys of {cls.__name__}")
    hints = typing.get_type_hints(cls)
    known = [field.name for field in dataclasses.fields(cls)]
    values = {}
    for key, value in mapping.items():
        if key not in known:
            near = nearest_key(key, known)
            hint = f'Did you mean "{near}"?' if near else ""
            raise InputError(where, f'key "{key}"', "unknown", "one of " + ", ".join(known), hint)
        values[key] = _convert(hints[key], value, f"{where}.{key}")
    missing = [
        field.name
        for field in dataclasses.fields(cls)
        if field.name not in values
        and field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise InputError(where, f'key "{missing[0]}"', "missing", "a value")
    return cls(**values)


def _convert(kind, value, where):
    origin = typing.get_origin(kind)
    if dataclasses.is_dataclass(kind):
        return from_mapping(kind, value, where)
    if origin is typing.Literal:
        if value in typing.get_args(kind):
            return value
        raise _wrong(where, value, "one of " + ", ".join(map(repr, typing.get_args(kind))))
    if origin in (typing.Union, types.UnionType):
        return _convert_union(kind, value, where)
    if origin in (list, tuple):
        return _convert_sequence(origin, typing.get_args(kind), value, where)
    if origin is dict or kind is dict:
        if isinstance(value, dict):
            return value
        raise _wrong(where, value, "a mapping")
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, kind) and not (kind in (int, float) and isinstance(value, bool)):
        return value
    raise _wrong(where, value, f"a value of type {kind.__name__}")


def _convert_union(kind, value, where):
    for option in typing.get_args(kind):
        if option is type(None):
            if value is None:
                return None
            continue
        try:
            return _convert(option, value, where)
        except InputError:
            continue
    raise _wrong(where, value, str(kind))


def _convert_sequence(origin, arguments, value, where):
    if not isinstance(value, list | tuple):
        raise _wrong(where, value, "a list")
    if origin is list or (len(arguments) == 2 and arguments[1] is Ellipsis):
        return origin(_convert(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if len(value) != len(arguments):
        raise _wrong(where, value, f"{len(arguments)} values")
    return tuple(
        _convert(argument, item, f"{where}[{i}]")
        for i, (argument, item) in enumerate(zip(arguments, value, strict=True))
    )


def _wrong(where, value, expected):
    path, _, field = where.partition(".")
    return InputError(path, f'key "{field}"' if field else "", repr(value), expected)


def to_json(settings):
    """The dataclass as JSON text with sorted keys, for provenance and hashing."""
    return json.dumps(dataclasses.asdict(settings), sort_keys=True)
