"""config.yaml, the schema and the settings classes say the same."""

import dataclasses
import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from config_check import check_config, read_layers, typed

from sshmr.body.template import TemplateConfig
from sshmr.config.capture import CaptureConfig
from sshmr.config.evaluate import EvaluateConfig
from sshmr.config.extract import ExtractConfig
from sshmr.config.fit import FitConfig
from sshmr.config.mapping import from_mapping
from sshmr.config.network import PRESETS as NETWORK_PRESETS
from sshmr.config.network import NetworkConfig
from sshmr.config.report import ReportConfig
from sshmr.config.train import PRESETS as TRAIN_PRESETS
from sshmr.config.train import InferConfig, TrainConfig
from sshmr.errors import InputError
from sshmr.fit.pseudo_labels import RelabelConfig

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = yaml.safe_load((ROOT / "schemas" / "config.schema.yaml").read_text())
CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text())
SECTIONS = {
    "capture": CaptureConfig,
    "extract": ExtractConfig,
    "template": TemplateConfig,
    "fit": FitConfig,
    "relabel": RelabelConfig,
    "network": NetworkConfig,
    "train": TrainConfig,
    "infer": InferConfig,
    "evaluate": EvaluateConfig,
    "report": ReportConfig,
}


def defaults(schema):
    """The defaults a schema states, as one mapping."""
    if "default" in schema:
        return schema["default"]
    return {key: defaults(value) for key, value in schema["properties"].items()}


def leaves(schema, above=()):
    """Every key with its own schema: ``(("fit", "batch"), {…})``."""
    for key, value in schema.get("properties", {}).items():
        yield (*above, key), value
        yield from leaves(value, (*above, key))


@pytest.mark.parametrize("section", SECTIONS)
def test_schema_has_the_fields_and_defaults_of_the_settings_class(section):
    stated = dataclasses.asdict(SECTIONS[section]())
    assert defaults(SCHEMA["properties"][section]) == json.loads(json.dumps(stated))


def test_config_yaml_states_every_key_at_its_default():
    assert defaults(SCHEMA) == CONFIG


@pytest.mark.parametrize(("keys", "schema"), list(leaves(SCHEMA)), ids=lambda value: ".".join(value)[:40])
def test_every_key_has_a_description_and_keeps_out_unknown_ones(keys, schema):
    assert schema["description"].endswith(".")
    if schema.get("type") == "object":
        assert schema["additionalProperties"] is False
    else:
        jsonschema.validate(schema["default"], schema)


def test_every_key_of_config_yaml_is_explained_beside_it():
    lines = (ROOT / "config.yaml").read_text().splitlines()
    for number, line in enumerate(lines):
        bare = line.strip()
        if bare and not bare.startswith(("#", "-")):
            assert "  # " in line or lines[number - 1].strip().startswith("#"), line


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda path: path.stem)
def test_overlays_fit_the_schema_and_the_settings_classes(path):
    merged = merge(CONFIG, yaml.safe_load(path.read_text()))
    check_config(merged, SCHEMA, read_layers([ROOT / "config.yaml", path], {}))
    for section, kind in SECTIONS.items():
        from_mapping(kind, merged[section], section)


@pytest.mark.parametrize("name", ["medium", "paper"])
@pytest.mark.parametrize(("section", "presets"), [("network", NETWORK_PRESETS), ("train", TRAIN_PRESETS)])
def test_an_overlay_of_a_presets_name_is_that_preset(section, presets, name):
    kind = SECTIONS[section]
    overlay = yaml.safe_load((ROOT / "config" / f"{name}.yaml").read_text())[section]
    assert from_mapping(kind, overlay) == from_mapping(kind, presets[name])


def test_wrong_type_names_the_last_file_that_sets_the_key(tmp_path):
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text("rounds: 4\n")
    second.write_text("rounds: many\n")
    with pytest.raises(InputError, match=r"second\.yaml: key \"rounds\" is 'many'; expected integer"):
        check_config({**CONFIG, "rounds": "many"}, SCHEMA, read_layers([first, second], {}))


def test_missing_section_is_told():
    config = {key: value for key, value in CONFIG.items() if key != "fit"}
    with pytest.raises(InputError, match='key "fit" is missing'):
        check_config(config, SCHEMA, read_layers([], config))


def test_text_from_the_command_line_becomes_what_the_schema_wants():
    given = {"fit": {"batch": "4", "optimiser": "adam"}, "capture": {"motion": "null", "speed": ["0", "1.5"]}}
    assert typed(given, SCHEMA) == {
        "fit": {"batch": 4, "optimiser": "adam"},
        "capture": {"motion": None, "speed": [0, 1.5]},
    }


def merge(base, overlay):
    if not isinstance(overlay, dict):
        return overlay
    return {**base, **{key: merge(base.get(key, {}), value) for key, value in overlay.items()}}
