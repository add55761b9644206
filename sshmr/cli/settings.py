"""From a settings file and options to the settings of a command."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sshmr.config.extract import OWN_CLOUDS, CloudsConfig, ScenesConfig
from sshmr.config.mapping import from_mapping
from sshmr.config.run import Config
from sshmr.config.source import SOURCES
from sshmr.config.template import TemplateConfig
from sshmr.config.train import TrainConfig
from sshmr.errors import InputError

READING = ("extract",)
TABLE_KEYS = ("points", "minimum_points", "voxel", "stray_distance", "sampling")


def _not_reading(kind: str, *more: str) -> tuple[str, ...]:
    """The keys below ``extract`` that a command does not use, which reads only one kind of source."""
    others = [source for source in SOURCES if source != kind]
    return tuple(
        f"extract.{key}" for key in (*others, f"{kind}.test_sequences", f"{kind}.test_fraction", *more)
    )


NOT_READING = _not_reading("clouds")
NOT_TRAINING = tuple(f"train.{key}" for key in TrainConfig.model_fields if key != "initial")
USED = {
    "fit": (
        ("body", "prior", "device", "template", "train", "infer", "fit", *READING),
        (*NOT_READING, *NOT_TRAINING),
    ),
    "people": (READING, _not_reading("scenes", *TABLE_KEYS)),
    "predict": (("body", "device", "infer", *READING), NOT_READING),
    "predict --fit": (("body", "prior", "device", "infer", "fit", *READING), NOT_READING),
    "evaluate": (("evaluate",), ()),
    "simulate": (
        ("body", "prior", "seed", "capture"),
        ("capture.layouts", "capture.test_sequences", "capture.test_subjects", "capture.depth"),
    ),
}
"""Keys of a settings file that each command uses, and those below them that it does not."""


class Given(NamedTuple):
    """The settings of a command, and notes on keys of the file that it does not use."""

    config: Config
    notes: list[str]


def read_settings(path: Path | None, command: str, defaults: Mapping[str, Any] | None = None) -> Given:
    """Read and check a settings file.

    Args:
        path: a file in the form of config.yaml; None for the defaults. command: a key of ``USED``.
        defaults: defaults of this command that differ from the workflow's, as a mapping of sections.

    Raises:
        InputError: when the file is missing, not YAML, or has an unknown key or a wrong value.
    """
    mapping = {} if path is None else _read(path)
    config = from_mapping(Config, _merged(defaults or {}, mapping), where=path or "the defaults")
    ignored = list(_unused(mapping, "", *USED[command]))
    if not ignored:
        return Given(config, [])
    return Given(config, [f"{path}: sshmr {command} does not use {', '.join(ignored)}"])


def read_cloud_settings(path: Path | None, command: str, body: str | None, **options: object) -> Given:
    """As ``read_settings`` for own clouds. ``body`` and options for reading them (``up``, ``unit``, …)
    win over the file.

    Raises:
        InputError: as ``read_settings``, and when an option's value is wrong.
    """
    config, notes = read_settings(path, command, {"extract": OWN_CLOUDS})
    given = {key: str(value) for key, value in options.items() if value is not None}
    mapping = {**config.extract.clouds.model_dump(), **given}
    clouds = from_mapping(CloudsConfig, mapping, "extract.clouds", "command line")
    extract = config.extract.replace(clouds=clouds)
    return Given(config.replace(extract=extract, body=body or config.body), notes)


def shipped_network(config: Config) -> tuple[Path | None, list[str]]:
    """The shipped weights, or None and a note for the user if fits cannot start from them."""
    from sshmr.network.pretrained import PRETRAINED, pretrained_path

    if config.train.initial != PRETRAINED:
        return None, []
    if config.body != "open":
        return None, ["The shipped network needs the open body, so fits start from the search."]
    if config.template != TemplateConfig():
        return None, ["The shipped network needs the default template, so fits start from the search."]
    return pretrained_path(), []


def scene_settings(config: Config, **options: object) -> ScenesConfig:
    """The settings of scenes with options (``up``, ``unit``, …) where they were given.

    Raises:
        InputError: when an option's value is wrong.
    """
    given = {key: value for key, value in options.items() if value is not None}
    mapping = {**config.extract.scenes.model_dump(), **given}
    return from_mapping(ScenesConfig, mapping, "extract.scenes", "command line")


def _read(path: Path) -> dict[Any, Any]:
    import yaml

    try:
        mapping = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        what = " ".join(str(error).split())
        raise InputError(path, found=f"not readable ({what})", expected="a settings file (YAML)") from error
    if not isinstance(mapping, dict | None):
        raise InputError(path, found=f"it holds {mapping!r}", expected="a mapping of sections")
    return mapping or {}


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    result = {**below, **above}
    for key in below.keys() & above.keys():
        if isinstance(below[key], Mapping) and isinstance(above[key], Mapping):
            result[key] = _merged(below[key], above[key])
    return result


def _unused(
    mapping: Mapping[str, Any], above: str, used: Collection[str], without: Collection[str]
) -> Iterator[str]:
    """Keys of a file that are not used, each section that is not used at all as one."""
    for key, value in mapping.items():
        dotted = f"{above}{key}"
        if dotted in without or not (above or dotted in used):
            yield dotted
        elif isinstance(value, dict):
            yield from _unused(value, f"{dotted}.", used, without)
