"""Check the config before any job: unknown keys, wrong values, values that don't fit one another."""

import os
import re
from pathlib import Path

import jsonschema
import yaml

from sshmr.config.mapping import nearest_key
from sshmr.errors import InputError

COMMAND_LINE = "--config"
"""Stands for the file where a value came from the command line."""


def read_layers(files, command_line):
    """What each config file says, under its path as the user would type it, and at last the command line."""
    layers = {os.path.relpath(path): yaml.safe_load(Path(path).read_text()) or {} for path in files}
    return {**layers, COMMAND_LINE: command_line}


def check_config(config, schema, layers):
    """Hold the merged config, and every layer it was merged from, against the schema.

    Args:
        config: the merged mapping. schema: a JSON Schema. layers: as ``read_layers`` gives them.

    Raises:
        InputError: names the file, the key and, for an unknown key, the nearest known one.
    """
    for name, layer in layers.items():
        if not isinstance(layer, dict):
            raise InputError(name, found=f"it holds {layer!r}", expected="a mapping of sections")
        _check_keys(layer, schema, name, ())
    errors = sorted(jsonschema.Draft202012Validator(schema).iter_errors(config), key=lambda e: len(e.path))
    if not errors:
        return
    error = errors[0]
    keys = [str(part) for part in error.path if not isinstance(part, int)]
    if error.validator == "required":
        keys.append(next(key for key in error.validator_value if key not in error.instance))
        raise InputError(next(iter(layers)), f'key "{".".join(keys)}"', "missing", "a value")
    raise InputError(_origin(keys, layers), f'key "{".".join(keys)}"', repr(error.instance), _expected(error))


def typed(value, schema):
    """Text as what it says where the schema wants no text: ``--config fit={batch: 4}`` comes in as "4"."""
    if isinstance(value, dict):
        known = schema.get("properties", {})
        return {key: typed(item, known.get(key, {})) for key, item in value.items()}
    if isinstance(value, list):
        return [typed(item, schema.get("items", {})) for item in value]
    wants_text = "string" in schema.get("type", []) and value not in ("null", "~")
    return value if not isinstance(value, str) or wants_text else yaml.safe_load(value)


def with_origin(error, layers):
    """An error of a settings class with the config file that holds the key in place of ``config``."""
    match = re.fullmatch(r'key "(.+)"', error.field)
    if not match:
        return error
    place = _origin(match[1].split("."), layers)
    return InputError(place, error.field, error.found, error.expected, error.fix)


def _origin(keys, layers):
    """The last layer that sets the key; the first where none does."""
    for name, layer in reversed(layers.items()):
        for key in keys:
            if not isinstance(layer, dict) or key not in layer:
                break
            layer = layer[key]
        else:
            return name
    return next(iter(layers))


def _check_keys(layer, schema, name, above):
    known = schema.get("properties", {})
    for key, value in layer.items():
        dotted = ".".join([*above, str(key)])
        if known and key not in known:
            near = nearest_key(key, known)
            fix = f'Did you mean "{".".join([*above, near])}"?' if near else ""
            raise InputError(name, f'key "{dotted}"', "unknown", "one of " + ", ".join(known), fix)
        if isinstance(value, dict):
            _check_keys(value, known.get(key, {}), name, (*above, str(key)))


def _expected(error):
    rule, value = error.validator, error.validator_value
    if rule == "type":
        return " or ".join([value] if isinstance(value, str) else value)
    if rule == "enum":
        return "one of " + ", ".join(str(item) for item in value)
    words = {
        "minimum": "{} or more",
        "maximum": "{} or less",
        "exclusiveMinimum": "more than {}",
        "exclusiveMaximum": "less than {}",
        "pattern": "text that matches {}",
        "minItems": "{} values or more",
        "maxItems": "{} values or fewer",
    }
    return words.get(rule, rule + " {}").format(value)
