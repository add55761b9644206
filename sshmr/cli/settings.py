"""From options and a settings file to the settings of the stages."""

from pathlib import Path

from sshmr.config.mapping import from_mapping, nearest_key
from sshmr.errors import InputError

SECTIONS = (
    "dataset", "source", "body", "prior", "seed", "rounds", "device", "threads", "capture", "extract",
    "template", "fit", "relabel", "network", "train", "infer", "evaluate", "report",
)  # fmt: skip
"""What a settings file of the workflow may hold; a command reads its own sections and leaves the others."""

VOXEL = 0.02
"""Metres; one's own clouds mostly come from depth cameras, which see finer than LiDARs do."""


def read_config(path):
    """The mapping of a settings file; empty without one.

    Raises:
        InputError: when it is missing, no YAML, or has an unknown section.
    """
    if path is None:
        return {}
    import yaml

    try:
        config = yaml.safe_load(Path(path).read_text()) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(path, found=f"not readable ({error})", expected="a settings file (YAML)") from error
    if not isinstance(config, dict):
        raise InputError(path, found=f"it holds {config!r}", expected="a mapping of sections")
    for key in config:
        if key not in SECTIONS:
            near = nearest_key(key, SECTIONS)
            hint = f'Did you mean "{near}"?' if near else ""
            raise InputError(path, f'key "{key}"', "unknown", "one of " + ", ".join(SECTIONS), hint)
    return config


def section(config, name, kind, path):
    """One section's settings object.

    Raises:
        InputError: names the file where a key or value of it is wrong.
    """
    try:
        return from_mapping(kind, config.get(name) or {}, name)
    except InputError as error:
        raise InputError(path, error.field or name, error.found, error.expected, error.fix) from None


def extract_settings(config, path, **clouds):
    """The ``ExtractConfig``: the file's section, with the options that were given on top."""
    from sshmr.config.extract import ExtractConfig

    merged = {"voxel": VOXEL, **(config.get("extract") or {})}
    given = {key: str(value) for key, value in clouds.items() if value is not None}
    merged["clouds"] = {**(merged.get("clouds") or {}), **given}
    return section({"extract": merged}, "extract", ExtractConfig, path)
