"""Check the config before any job. Errors name the file that set a wrong value."""

import os
import re
from pathlib import Path

import yaml

from sshmr.config.mapping import from_mapping
from sshmr.config.run import Config
from sshmr.errors import InputError

COMMAND_LINE = "--config"
"""Replaces the file name for values of the command line."""


def read_layers(files, command_line):
    """The content of each config file, by its path as the user would type it, then of the command line."""
    layers = {os.path.relpath(path): yaml.safe_load(Path(path).read_text()) or {} for path in files}
    return {**layers, COMMAND_LINE: command_line}


def check_config(merged, layers):
    """The settings of a merged config.

    Args:
        merged: the mapping that Snakemake merged. layers: as ``read_layers`` gives them.

    Raises:
        InputError: names the file that set the wrong key, and the nearest known one for an unknown key.
    """
    for name, layer in layers.items():
        if not isinstance(layer, dict):
            raise InputError(name, found=f"it holds {layer!r}", expected="a mapping of sections")
    try:
        return from_mapping(Config, merged)
    except InputError as error:
        raise with_origin(error, layers) from None


def with_origin(error, layers):
    """The error with the layer that set its key in place of ``config``."""
    match = re.fullmatch(r'key "([^"\[]+).*"', error.field)
    if not match:
        return error
    keys = match[1].split(".")
    path = next((name for name, layer in reversed(layers.items()) if _holds(layer, keys)), next(iter(layers)))
    return InputError(path, error.field, error.found, error.expected, error.fix)


def _holds(layer, keys):
    for key in keys:
        if not isinstance(layer, dict) or key not in layer:
            return False
        layer = layer[key]
    return True
