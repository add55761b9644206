"""A key of the settings reruns what it can change: every key, compared with the table in docs/workflow.md."""

import copy
import fnmatch
import re
from pathlib import Path

import params
import pytest

from sshmr.config.run import Config

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "workflow.md"


def leaves(mapping, above=()):
    """Every key that holds no section: ("fit", "batch")."""
    for key, value in mapping.items():
        if isinstance(value, dict):
            yield from leaves(value, (*above, key))
        else:
            yield (*above, key)


def table():
    """Patterns of keys and the stages that each reruns, in the order of the document."""
    text = DOCUMENT.read_text().split("| Key | Reruns |")[1].split("\n\n")[0]
    rows = re.findall(r"^\| (.*?) \| (.*?) \|$", text, re.M)
    return [
        (pattern, set(re.findall(r"`(\w+)`", stages)))
        for keys, stages in rows
        for pattern in re.findall(r"`([^`]+)`", keys)
    ]


def documented(key):
    """The stages of the last row that has the key."""
    return [stages for pattern, stages in table() if fnmatch.fnmatchcase(key, pattern)][-1]


def config_for(keys):
    """The settings of a run that uses the key."""
    config = Config().model_dump(mode="json")
    if keys[0] == "extract" and len(keys) == 3:
        config["source"] = {"kind": keys[1], "root": "data"}
    if keys[:2] == ("capture", "depth"):
        config["capture"]["layouts"] = ["behave"]
    return config


def of_stages(config):
    """What the params of each stage's rule hold, for every kind of shard that the config's source has."""
    simulated = config["source"]["kind"] == "simulated"
    kinds = sorted(set(config["capture"]["layouts"])) if simulated else [config["source"]["kind"]]
    pretrained = config["train"]["initial"] == "pretrained" and config["body"] == "open"
    return {
        "body": config["body"],
        "prior": config["prior"],
        "template": params.section(config, "template"),
        "capture": [[params.capture(config, kind) for kind in kinds], config["seed"]] if simulated else None,
        "extract": [params.extract(config, kind, simulated) for kind in kinds],
        "bootstrap": params.section(config, "fit", params.bootstrap_unused(pretrained)),
        "fit": params.section(config, "fit"),
        "relabel": params.section(config, "relabel"),
        "train": [params.train(config), config["seed"]],
        "infer": params.section(config, "infer"),
        "pretrain": [params.pretrain(config), config["seed"]],
        "evaluate": params.section(config, "evaluate"),
        "report": params.section(config, "report"),
    }


def changed(config, keys):
    """The stages whose params differ when the key has another value."""
    other = copy.deepcopy(config)
    section = other
    for key in keys[:-1]:
        section = section[key]
    section[keys[-1]] = 7 if section[keys[-1]] != 7 else 8
    before, after = of_stages(config), of_stages(other)
    return {stage for stage in before if before[stage] != after[stage]}


KEYS = [
    keys
    for keys in leaves(Config().model_dump(mode="json"))
    if keys[0] != "source" and keys[1:] != ("layouts",)
]


@pytest.mark.parametrize("keys", KEYS, ids=".".join)
def test_a_key_reruns_what_the_document_says(keys):
    assert changed(config_for(keys), keys) == documented(".".join(keys))


@pytest.mark.parametrize("keys", [keys for keys in KEYS if keys[:2] in {
    ("extract", "behave"), ("extract", "surreal"), ("extract", "clouds"), ("capture", "depth"),
}], ids=".".join)  # fmt: skip
def test_a_key_of_another_source_reruns_nothing(keys):
    assert changed(Config().model_dump(mode="json"), keys) == set()
