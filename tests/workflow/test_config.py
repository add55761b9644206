"""Config files of the workflow: overlays, and errors that name the file."""

from pathlib import Path

import pytest
import yaml
from config_check import check_config, read_layers

from sshmr.config.run import Config
from sshmr.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text())


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda path: path.stem)
def test_overlays_are_valid(path):
    merged = merge(CONFIG, yaml.safe_load(path.read_text()))
    settings = check_config(merged, read_layers([ROOT / "config.yaml", path], {}))
    assert settings.dataset == (yaml.safe_load(path.read_text())["dataset"])


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("rounds", "many", "key \"rounds\" is 'many'; expected an integer"),
        ("round", 3, 'key "round" is unknown; .* Did you mean "rounds"?'),
        ("fit", {"outlier_weight": 0}, 'key "fit.outlier_weight" is 0; expected more than 0'),
        ("fit", {"poses": 400}, 'key "fit.poses" is 400; expected 193 or less'),
        ("fit", {"search": [{"hypotheses": 1}]}, r'key "fit.search\[0\].vertices" is missing'),
        (
            "capture",
            {"test_sequences": 99},
            'key "capture.test_sequences" is 99; expected 0 or more, and fewer',
        ),
    ],
)
def test_an_error_names_the_last_file_that_sets_the_key(tmp_path, key, value, says):
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text("rounds: 4\n")
    second.write_text(yaml.safe_dump({key: value}))
    with pytest.raises(InputError, match=rf"second\.yaml: {says}"):
        check_config(merge(CONFIG, {key: value}), read_layers([first, second], {}))


def test_text_from_the_command_line_is_read_as_what_the_key_takes():
    given = {"fit": {"batch": "4", "optimiser": "adam"}, "capture": {"motion": "null", "speed": ["0", "1.5"]}}
    settings = check_config(merge(CONFIG, given), read_layers([], given))
    assert (settings.fit.batch, settings.fit.optimiser) == (4, "adam")
    assert settings.capture.motion is None
    assert settings.capture.speed == (0.0, 1.5)


def test_a_section_that_is_not_a_mapping_is_refused():
    with pytest.raises(InputError, match=r"--config: key \"fit\" is '{batch: \['; expected a mapping"):
        check_config({**CONFIG, "fit": "{batch: ["}, read_layers([], {"fit": "{batch: ["}))


def test_config_yaml_states_the_defaults():
    assert check_config(CONFIG, read_layers([], {})) == Config()


def merge(base, overlay):
    if not isinstance(overlay, dict):
        return overlay
    base = base if isinstance(base, dict) else {}
    return {**base, **{key: merge(base.get(key, {}), value) for key, value in overlay.items()}}
