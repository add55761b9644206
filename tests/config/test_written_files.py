"""config.yaml, the JSON Schema and the reference page are what the models say."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from sshmr.config.base import Settings, section_in
from sshmr.config.mapping import from_mapping
from sshmr.config.run import Config
from tools.write_config import files

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = jsonschema.Draft202012Validator(json.loads((ROOT / "schemas" / "config.schema.json").read_text()))
OVERLAYS = sorted((ROOT / "config").glob("*.yaml"))


def sections(kind):
    """A section and all below it, lists of sections too."""
    yield kind
    for field in kind.model_fields.values():
        if inner := section_in(field.annotation):
            yield from sections(inner)


@pytest.mark.parametrize("path", list(files()), ids=lambda path: path.name)
def test_files_are_up_to_date(path):
    assert path.read_text() == files()[path], "run: python tools/write_config.py"


@pytest.mark.parametrize("kind", list(sections(Config)), ids=lambda kind: kind.__name__)
def test_every_key_is_described_and_its_default_is_valid(kind):
    assert kind.__doc__.endswith(".")
    for name, field in kind.model_fields.items():
        assert isinstance(field.default, Settings) or field.description.endswith((".", ".)")), name
    if not any(field.is_required() for field in kind.model_fields.values()):
        assert from_mapping(kind, json.loads(kind().model_dump_json())) == kind()


def test_config_yaml_states_every_default():
    assert from_mapping(Config, yaml.safe_load((ROOT / "config.yaml").read_text())) == Config()


@pytest.mark.parametrize("path", [ROOT / "config.yaml", *OVERLAYS], ids=lambda path: path.stem)
def test_editors_accept_the_files_we_ship(path):
    config = yaml.safe_load(path.read_text())
    assert not list(SCHEMA.iter_errors(config))
    assert list(SCHEMA.iter_errors({**config, "fit": {"headngs": 3}}))
    assert list(SCHEMA.iter_errors({**config, "fit": {"headings": 0}}))
    schema_path = path.read_text().splitlines()[0].partition("$schema=")[2]
    assert (path.parent / schema_path).resolve() == ROOT / "schemas" / "config.schema.json"
