"""Choose the device of the jobs while the workflow plans."""

import functools
import subprocess
import sys
from pathlib import Path

from slurm import gpus_in_reach, nodes_in_reach

AMD = Path("/dev/kfd")
"""The device file of AMD's compute driver. Only torch knows whether it can use it."""

ASK_TORCH = "import torch; raise SystemExit(not torch.cuda.is_available())"


def gpu_in_sight(environment):
    """Whether jobs on this machine have a GPU: the driver lists one, and torch can use it.

    torch takes seconds to load, so it is loaded only if there is a driver.

    Args:
        environment: the process' environment; an empty CUDA_VISIBLE_DEVICES hides every GPU.
    """
    if environment.get("CUDA_VISIBLE_DEVICES", "all") in ("", "-1"):
        return False
    return (driver_lists_gpu() or AMD.exists()) and _ends_well(sys.executable, "-c", ASK_TORCH)


@functools.cache
def driver_lists_gpu():
    """Whether NVIDIA's driver lists a GPU. The existence of its tool or of a device file is not enough."""
    try:
        done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and any(line.startswith("GPU ") for line in done.stdout.splitlines())


@functools.cache
def _ends_well(*command):
    try:
        return subprocess.run(command, capture_output=True, timeout=120).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def plan_device(asked, partitions, environment, on_cluster):
    """The device of the jobs: "cpu", "cuda", or "auto" if only torch can decide.

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
