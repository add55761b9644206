"""Is there a GPU? Asked while the workflow plans, so without loading torch."""

import shutil
from pathlib import Path

from slurm import gpus_in_reach, nodes_in_reach

DEVICE_FILES = ("/dev/nvidia0", "/dev/dxg", "/dev/kfd")
"""NVIDIA's first card; a GPU under Windows' Linux; AMD's."""


def gpu_in_sight(environment):
    """Whether jobs on this machine could see a GPU.

    Args:
        environment: the process' environment; an empty CUDA_VISIBLE_DEVICES hides every GPU.
    """
    if environment.get("CUDA_VISIBLE_DEVICES", "all") in ("", "-1"):
        return False
    return bool(shutil.which("nvidia-smi")) or any(Path(name).exists() for name in DEVICE_FILES)


def plan_device(asked, partitions, environment, on_cluster):
    """The device that jobs are given: "cpu", "cuda", or "auto" where only torch can tell.

    Args:
        asked: the config's ``device``.
        partitions: where jobs are submitted; empty for the cluster's default partition.
        environment: the process' environment.
        on_cluster: whether jobs run on a cluster. Then a partition with GPUs means "cuda", and a job that was
            given none fails.

    Raises:
        InputError: when Slurm does not answer.
    """
    if asked != "auto":
        return asked
    if on_cluster:
        return "cuda" if gpus_in_reach(nodes_in_reach(), partitions) else "cpu"
    return "auto" if gpu_in_sight(environment) else "cpu"
