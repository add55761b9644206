# The checked config, the shards, the paths and the input functions that rules share.

import json
import os
import re
import shutil
import sys
from pathlib import Path

import yaml

ROOT = Path(workflow.basedir)
sys.path[:0] = [str(ROOT), str(ROOT / "rules")]

from code_hash import code_hash as hash_of_code
from config_check import check_config, read_layers, typed, with_origin
from run_lock import take_lock
from snakemake.exceptions import WorkflowError
from sshmr.body.sources import ASSETS, body_source, prior_source
from sshmr.capture.config import CaptureConfig
from sshmr.data.config import ExtractConfig
from sshmr.data.shards import cloud_files, list_shards, simulated_sequences, sloper4d_pickle
from sshmr.errors import InputError
from sshmr.evaluation.config import EvaluateConfig
from sshmr.fit.config import FitConfig
from sshmr.network.config import NetworkConfig
from sshmr.training.config import InferConfig, TrainConfig
from sshmr.viewing.config import ReportConfig
from sshmr.settings import from_mapping

SCRIPTS = ROOT / "workflow_scripts"
# Jobs run by this Python, unless Snakemake puts each into its own environment.
PYTHON = "python" if workflow.deployment_settings.deployment_method else sys.executable


def settings(section, kind):
    """The settings object of a section; its own checks see how values fit one another."""
    try:
        return from_mapping(kind, config[section], section)
    except InputError as error:
        raise with_origin(error, LAYERS) from None


def shards_of_source():
    """Names of the shards: {"train": [...], "test": [...]}."""
    if KIND == "simulated":
        return simulated_sequences(CAPTURE)
    return list_shards(KIND, config["source"]["root"], EXTRACT)


try:
    LAYERS = read_layers(
        [ROOT / "config.yaml", *workflow.config_settings.configfiles], workflow.config_settings.config
    )
    SCHEMA = yaml.safe_load((ROOT / "schemas" / "config.schema.yaml").read_text())
    config.update(typed(config, SCHEMA))
    check_config(config, SCHEMA, LAYERS)
    KIND = config["source"]["kind"]
    CAPTURE = settings("capture", CaptureConfig)
    EXTRACT = settings("extract", ExtractConfig)
    settings("fit", FitConfig)
    settings("infer", InferConfig)
    settings("evaluate", EvaluateConfig)
    settings("report", ReportConfig)
    settings("network", NetworkConfig)
    settings("train", TrainConfig)
    SHARDS = shards_of_source()
except InputError as error:
    raise WorkflowError(str(error)) from None

DATASET = config["dataset"]
ROUNDS = range(config["rounds"] + 1)
LATER_ROUNDS = range(1, config["rounds"] + 1)
RUN = f"results/{DATASET}"
START_POSES = os.path.relpath(ASSETS / "start_poses.npz")
GENDERS = ["neutral", "male", "female"]
ALL_SHARDS = [(split, shard) for split in ("train", "test") for shard in SHARDS[split]]


wildcard_constraints:
    dataset=re.escape(DATASET),
    round=r"\d+",
    split="train|test",
    shard="|".join(re.escape(shard) for shard in sorted({shard for _, shard in ALL_SHARDS})),
    gender="|".join(GENDERS),


def section(*names):
    """Settings of the stages as JSON: one section's keys, or several sections under their names."""
    chosen = config[names[0]] if len(names) == 1 else {name: config[name] for name in names}
    return json.dumps(chosen, sort_keys=True)


def forced(target, *rules_at_work):
    """An input function without files: `--forcerun fit` names a target, this passes it on to the rules at work."""

    def force(wildcards):
        if target in workflow.dag_settings.forcerun:
            workflow._dag.forcerules.update(workflow.get_rule(name) for name in rules_at_work)
        return []

    return force


def code_hash(script):
    """Changes when the code that a script runs does, and with it what the rule has made."""
    return hash_of_code(SCRIPTS / f"{script}.py", ROOT)


def gpu_in_sight():
    """Whether this machine has a GPU that jobs could see, judged without loading torch."""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "all") in ("", "-1"):
        return False
    devices = ("/dev/nvidia0", "/dev/dxg", "/dev/kfd")
    return bool(shutil.which("nvidia-smi")) or any(os.path.exists(device) for device in devices)


# Jobs are told what was decided here, so that no job takes a GPU that it has not declared.
DEVICE = "cpu" if config["device"] == "auto" and not gpu_in_sight() else config["device"]
GPU = 0 if DEVICE == "cpu" else 1
if GPU and not workflow.global_resources.get("gpu").value:
    # Without a limit Snakemake would start any number of GPU jobs at once; 0 is no limit either.
    workflow.register_resource("gpu", 1)


def tables(stage, rounds=(None,), splits=("train", "test")):
    """Every shard's table of a stage; `stage` may contain {round}."""
    return [
        f"{RUN}/{stage.format(round=number)}/{split}/{shard}.parquet"
        for number in rounds
        for split, shard in ALL_SHARDS
        if split in splits
    ]


def memory(factor, least):
    """Megabytes as a function of the input's size: `least` plus `factor` times what the files weigh."""

    def mem_mb(wildcards, input, attempt):
        return int((least + factor * input.size_mb) * attempt)

    return mem_mb
