# The checked config, the shards, the names and the device.

import functools
import json
import os
import re
import shlex
import shutil
import sys
import time
from pathlib import Path

ROOT = Path(workflow.basedir)
sys.path[:0] = [str(ROOT), str(ROOT / "rules")]

import params
from code_hash import Code
from code_hash import code_hash as hash_of_code
from config_check import check_config, read_layers, with_origin
from gpu import plan_device
from slurm import cancel_jobs_left_behind, start_watch
from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from sshmr.body.sources import ASSETS, GENDERS, body_source, prior_source
from sshmr.sources.cloud_files import truth_file
from sshmr.sources.plan import plan_shards, plan_simulated, state_of, write_listing
from sshmr.sources.shards import KINDS
from sshmr.errors import InputError
from sshmr.files import write_json
from sshmr.locks import lock_folder
from sshmr.config.template import TemplateConfig
from sshmr.network.pretrained import PRETRAINED, pretrained_path
from sshmr.tables.run_folder import SPLITS, RunFolder, Shard, parts_of

if set(str(ROOT)) & set("{}"):
    raise WorkflowError(f"{ROOT}: Snakemake takes the braces in this path for wildcards. Move the folder.")
if not workflow.deployment_settings.deployment_method:
    # `python` in a job is the one that runs Snakemake, even if no environment is activated.
    # This prefix replaces Snakemake's own. Without pipefail, the failure of a script in a pipe would be lost.
    shell.prefix(f"set -euo pipefail; export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH; ")


try:
    LAYERS = read_layers(
        [ROOT / "config.yaml", *workflow.config_settings.configfiles], workflow.config_settings.config
    )
    SETTINGS = check_config(config, LAYERS)
    config.update(SETTINGS.model_dump(mode="json"))
    KIND, CAPTURE, EXTRACT = SETTINGS.source.kind, SETTINGS.capture, SETTINGS.extract
    RUN = RunFolder(f"results/{config['dataset']}")
    # The input of each shard.
    PLAN = (
        plan_simulated(CAPTURE, EXTRACT, RUN.capture)
        if KIND == "simulated"
        else plan_shards(KIND, SETTINGS.source.root, EXTRACT)
    )
    SHARDS = {split: [shard.name for shard in PLAN if shard.split == split] for split in SPLITS}
    SETTINGS.train.check_shards(len(SHARDS["train"]))
    CLOUD_TRUTH = truth_file(config["source"]["root"], EXTRACT.clouds) if KIND == "clouds" else None
except InputError as error:
    raise WorkflowError(str(error)) from None

LOCKS = []  # Held until Snakemake ends.
PRETRAINED_WEIGHTS = None
"""The shipped weights, where the loop starts from them."""
if SETTINGS.train.initial == PRETRAINED:
    if SETTINGS.body == "open" and SETTINGS.template == TemplateConfig():
        PRETRAINED_WEIGHTS = os.path.relpath(pretrained_path())
    else:
        message = (
            "The shipped network needs the open body and the default template, so this run does not use it."
        )
        print(message, file=sys.stderr)
DATASET = config["dataset"]
ROUNDS = range(config["rounds"] + 1)
LATER_ROUNDS = range(1, config["rounds"] + 1)
PREDICTED_ROUNDS = ROUNDS if PRETRAINED_WEIGHTS else LATER_ROUNDS
START_POSES = os.path.relpath(ASSETS / "start_poses.npz")
BODIES = [RUN.body(gender) for gender in GENDERS]
SCRIPTS = os.path.relpath(ROOT / "workflow_scripts")
FACTS = {
    "made_by": "workflow",
    "dataset": DATASET,
    "rounds": config["rounds"],
    "shards": SHARDS,
    "settings": {key: value for key, value in config.items()},
}
ALL_SHARDS = list(PLAN)
SPLIT_OF = {shard.name: shard.split for shard in PLAN} if KIND == "simulated" else {}
"""The split of each simulated shard; elsewhere both splits may have one of the same name."""
PARTS = parts_of(ALL_SHARDS)


wildcard_constraints:
    round=r"\d+",
    split="train|test",
    shard=r"[^/]+",
    part=r"part_\d+",
    gender="|".join(GENDERS),


def as_json(mapping):
    """Settings on their way to a script."""
    return json.dumps(mapping, sort_keys=True)


def section(name, unused=()):
    """One section's settings as JSON, without the keys that change no result (rules/params.py)."""
    return as_json(params.section(config, name, unused))


# The keys that change no result, for the scripts. They are not params, so they rerun nothing.
SPEED = {name: as_json({key: config[name][key] for key in keys}) for name, keys in params.NO_RESULT.items()}
SPEED["train"] = as_json({"train": json.loads(SPEED["train"])})
SPEED["capture"] = as_json({key: config["capture"][key] for key in params.PLAN})
PROCESSES = config["train"]["processes"]
START = f"torchrun --standalone --nproc-per-node {PROCESSES}" if PROCESSES > 1 else "python"


def training_first(wildcards):
    """Priority of the jobs that the next training waits for. Jobs of the test split run beside it."""
    return int(wildcards.split == "train")


def slurm_partitions():
    """The partitions that the profile or the command line names for all or for some rules."""
    settings = workflow.resource_settings
    named = [settings.default_resources or {}, *settings.overwrite_resources.values()]
    return {resources["slurm_partition"] for resources in named if "slurm_partition" in resources}


def start_on_cluster():
    """Cancel what a killed run left in Slurm's queue, and watch for jobs that can never start."""
    if not ON_CLUSTER:
        found = "it is given with an executor that submits jobs to a cluster"
        raise InputError(
            "--cores", found=found, fix="Leave it out; --jobs says how many jobs are submitted at once"
        )
    if shutil.which("squeue"):
        cancel_jobs_left_behind(Path.cwd(), logger.warning)
        start_watch(Path.cwd(), logger.error)


CODE = Code(ROOT)


def code_hash(script):
    """Changes when the code that a script runs does, and with it what the rule has made."""
    return hash_of_code(ROOT / "workflow_scripts" / f"{script}.py", ROOT, CODE)


# On a cluster, Snakemake reads this file again on the node of a job. The device is then that of the plan.
ON_CLUSTER = workflow.resource_settings.nodes is not None and workflow.resource_settings.cores in (None, 1)
try:
    DEVICE = (
        os.environ["SSHMR_DEVICE"]
        if workflow.remote_exec
        else plan_device(config["device"], slurm_partitions(), os.environ, ON_CLUSTER)
    )
except InputError as error:
    raise WorkflowError(str(error)) from None
os.environ["SSHMR_DEVICE"] = DEVICE
if not workflow.remote_exec:
    logger.info(f"Device of the jobs: {DEVICE} (device: {config['device']} in the settings)")


envvars:
    "SSHMR_DEVICE",


# Jobs receive this decision, so that no job uses a GPU that it has not declared.
GPU = 0 if DEVICE == "cpu" else 1
if GPU and (workflow.remote_exec or not workflow.global_resources.get("gpu").value):
    # On a cluster's node, profiles/default would limit a job to one of the GPUs it was given. Elsewhere,
    # Snakemake would start any number of GPU jobs at once: no limit and 0 mean the same to it.
    workflow.register_resource("gpu", config["train"]["processes"])
