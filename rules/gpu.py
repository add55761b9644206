"""Is there a GPU? Asked while the workflow plans, so without loading torch."""

import shutil
from pathlib import Path

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
