"""Which device torch computes on, and how it gives the same twice there."""

import contextlib
import os
import socket
from collections.abc import Iterator

import torch

from sshmr.errors import InputError
from sshmr.locks import claim_gpu


def choose_device(name: str) -> torch.device:
    """Torch's device for ``auto`` (the GPU where there is one), ``cpu`` or ``cuda``.

    Raises:
        InputError: when CUDA is asked for and torch sees none.
    """
    import torch  # takes seconds, and --help needs none of it

    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise InputError(
            "--device",
            found=f"it is cuda, but torch {torch.__version__} sees no CUDA device ({_where()})",
            expected="a GPU that this build of torch can use",
            fix="Set the device to cpu (or auto), or install a build of torch for your GPU",
        )
    return torch.device("cuda" if available and name != "cpu" else "cpu")


def own_gpu(device: torch.device) -> torch.device:
    """One of several GPUs: the one that the fewest other jobs of this user have; any other device as it is.

    Processes that torchrun started have theirs from it.
    """
    import torch

    count = torch.cuda.device_count() if device.type == "cuda" else 0
    if count < 2 or "LOCAL_RANK" in os.environ:
        return device
    given = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    names = given if len(given) == count else [str(number) for number in range(count)]
    own = torch.device("cuda", claim_gpu(names))
    torch.cuda.set_device(own)
    return own


def describe_device(device: torch.device) -> str:
    """One line for logs: the GPU's name or the CPU's threads, the machine, and which GPUs it was given."""
    import torch

    if device.type == "cuda":
        return f"{device}, {torch.cuda.get_device_name(device)} ({_where()})"
    return f"{device}, threads: {torch.get_num_threads()} ({_where()})"


def _where() -> str:
    """The machine, and the GPUs that this process may use where something has limited them."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    return f"on {socket.gethostname()}" + ("" if given is None else f", CUDA_VISIBLE_DEVICES={given}")


@contextlib.contextmanager
def repeatable(device: torch.device) -> Iterator[None]:
    """Context in which a GPU gives the same numbers on every run; a CPU does anyway.

    Raises:
        RuntimeError: from PyTorch, where an operation on the GPU has no such way of being computed.
    """
    import torch

    if device.type != "cuda":
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
