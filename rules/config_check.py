"""Check the config before any job: unknown keys, wrong values, values that don't fit one another."""

import os
import re
from pathlib import Path

import jsonschema
import yaml

from sshmr.errors import InputError
from sshmr.settings import nearest_key

COMMAND_LINE = "--config"
"""Stands for the file where a value came from the command line."""


def check_config(config, schema_path, files):
    """Hold the merged config, and every file it came from, against the schema.

    Args:
        config: the merged mapping. schema_path: a JSON Schema in YAML. files: in the order they were merged.

    Raises:
        InputError: names the file, the key and, for an unknown key, the nearest known one.
    """
    schema = yaml.safe_load(Path(schema_path).read_text())
    layers = _layers(files)
    for name, layer in [*layers.items(), (COMMAND_LINE, config)]:
        if not isinstance(layer, dict):
            raise InputError(name, found=f"it holds {type(layer).__name__}", expected="a mapping of sections")
        _check_keys(layer, schema, name, ())
    errors = sorted(jsonschema.Draft202012Validator(schema).iter_errors(config), key=lambda e: len(e.path))
    if errors:
        error = errors[0]
        keys = [str(part) for part in error.path if not isinstance(part, int)]
        raise InputError(
            origin(keys, layers), f'key "{".".join(keys)}"', repr(error.instance), _expected(error)
        )


def with_origin(error, files):
    """An error of a settings class with the config file that holds the key instead of ``config``."""
    match = re.fullmatch(r'key "(.+)"', error.field)
    if not match:
        return error
    place = origin(match[1].split("."), _layers(files))
    return InputError(place, error.field, error.found, error.expected, error.fix)


def origin(keys, layers):
    """The last file that sets the key, or the command line where none does."""
    for name, layer in reversed(layers.items()):
        for key in keys:
            if not isinstance(layer, dict) or key not in layer:
                break
            layer = layer[key]
        else:
            return name
    return COMMAND_LINE


def _layers(files):
    """What each file says, under its path as the user would type it."""
    return {os.path.relpath(path): yaml.safe_load(Path(path).read_text()) or {} for path in files}


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
        "required": "the keys {}",
        "minItems": "{} values or more",
        "maxItems": "{} values or fewer",
    }
    return words.get(rule, rule + " {}").format(value)
