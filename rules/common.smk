# The checked config and what follows from it: the shards, the names, the device.

import json
import os
import re
import shlex
import sys
from pathlib import Path

ROOT = Path(workflow.basedir)
sys.path[:0] = [str(ROOT), str(ROOT / "rules")]

from code_hash import code_hash as hash_of_code
from config_check import check_config, read_layers, with_origin
from gpu import gpu_in_sight
from snakemake.exceptions import WorkflowError
from sshmr.body.sources import ASSETS, body_source, prior_source
from sshmr.sources.behave.files import info_file
from sshmr.sources.shards import (
    cloud_files,
    labels_file,
    list_shards,
    simulated_file,
    simulated_plan,
    simulated_root,
    simulated_sequences,
    sloper4d_pickle,
)
from sshmr.sources.surreal.clips import clip_files, shards_of_clips
from sshmr.errors import InputError
from sshmr.locks import lock_folder

if Path.cwd() != ROOT:
    raise WorkflowError(f"The workflow runs in its own folder: cd {ROOT}, then snakemake …")
if not workflow.deployment_settings.deployment_method:
    # `python` in a job is the one that runs Snakemake, also where no environment is activated.
    # A prefix takes the place of Snakemake's own, without which a script's failure is lost in the pipe to its log.
    shell.prefix(f"set -euo pipefail; export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH; ")


def shards_of_source():
    """Names of the shards: {"train": [...], "test": [...]}."""
    if KIND == "simulated":
        return simulated_sequences(CAPTURE)
    return list_shards(KIND, SETTINGS.source.root, EXTRACT)


try:
    LAYERS = read_layers(
        [ROOT / "config.yaml", *workflow.config_settings.configfiles], workflow.config_settings.config
    )
    SETTINGS = check_config(config, LAYERS)
    config.update(SETTINGS.model_dump(mode="json"))
    KIND, CAPTURE, EXTRACT = SETTINGS.source.kind, SETTINGS.capture, SETTINGS.extract
    SHARDS = shards_of_source()
    SETTINGS.train.check_shards(len(SHARDS["train"]))
    # The layout of each simulated shard; a run may have several.
    LAYOUTS = {item.name: item.layout for item in simulated_plan(CAPTURE)} if KIND == "simulated" else {}
    CLIPS = shards_of_clips(config["source"]["root"], EXTRACT.surreal) if KIND == "surreal" else {}
    CLOUDS = cloud_files(config["source"]["root"], EXTRACT.clouds) if KIND == "clouds" else {}
    CLOUD_LABELS = labels_file(config["source"]["root"], EXTRACT.clouds) if KIND == "clouds" else None
except InputError as error:
    raise WorkflowError(str(error)) from None

LOCKS = []  # Held until Snakemake ends.
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


def section(name, without=()):
    """One section's settings as JSON, less the keys that a rule has no use for."""
    return json.dumps({key: config[name][key] for key in config[name] if key not in without}, sort_keys=True)


def code_hash(script):
    """Changes when the code that a script runs does, and with it what the rule has made."""
    return hash_of_code(ROOT / "workflow_scripts" / f"{script}.py", ROOT)


# Jobs are told what was decided here, so that no job takes a GPU that it has not declared.
DEVICE = "cpu" if config["device"] == "auto" and not gpu_in_sight(os.environ) else config["device"]
GPU = 0 if DEVICE == "cpu" else 1
if GPU and not workflow.global_resources.get("gpu").value:
    # Without a limit Snakemake would start any number of GPU jobs at once; 0 is no limit either.
    workflow.register_resource("gpu", config["train"]["processes"])
