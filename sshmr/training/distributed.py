"""Data-parallel training: which process has which share of the batch, and how gradients are summed.

The batch of a step has ``processes · accumulate`` shares. Each share has its own clouds and random numbers.
Two processes therefore compute what one process computes in two micro-batches, up to rounding.
"""

import os
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import torch
from torch import distributed

from sshmr.errors import InputError
from sshmr.tables.schemas import row_count


class Processes(NamedTuple):
    """The processes that train together. rank: number of this process, from 0. size: their number."""

    rank: int = 0
    size: int = 1

    @classmethod
    def joined(cls, processes: int) -> Self:
        """Join the processes that torchrun started. Without torchrun there is one process.

        Raises:
            InputError: when their number is not ``processes``.
        """
        size = int(os.environ.get("WORLD_SIZE", 1))
        if size != processes:
            raise InputError(
                "config", 'key "train.processes"', processes, f"{size}, the processes that were started",
                f"Start it with torchrun --standalone --nproc-per-node {processes}; the workflow does.",
            )  # fmt: skip
        if size > 1:
            distributed.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
        return cls(int(os.environ.get("RANK", 0)), size)

    @property
    def leads(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def shares(self, accumulate: int) -> range:
        """Numbers of the shares that this process computes."""
        return range(self.rank * accumulate, (self.rank + 1) * accumulate)

    def total(self, tensor: torch.Tensor) -> torch.Tensor:
        """The sum of all processes' tensors, in place."""
        if self.size > 1:
            distributed.all_reduce(tensor)
        return tensor

    def everywhere(self, value: Any) -> Any:
        """The leading process's value, in every process."""
        if self.size == 1:
            return value
        held = [value]
        distributed.broadcast_object_list(held, src=0)
        return held[0]

    def leave(self) -> None:
        """Leave the group, without waiting for the others."""
        if self.size > 1:
            distributed.destroy_process_group()


def local_device(device: torch.device) -> torch.device:
    """This process's own GPU when torchrun started it, else ``device``."""
    if device.type == "cuda" and "LOCAL_RANK" in os.environ:
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    return device


def cut_in_parts(paths: Sequence[str], count: int) -> list[list[str]]:
    """Distribute points tables over ``count`` parts of about as many frames. One part keeps the order."""
    if count == 1:
        return [list(paths)]
    rows = {path: row_count(path) for path in paths}
    parts: list[list[str]] = [[] for _ in range(count)]
    sizes = [0] * count
    for path in sorted(paths, key=lambda path: (-rows[path], str(path))):
        least = sizes.index(min(sizes))
        parts[least].append(path)
        sizes[least] += rows[path]
    return parts
