"""Processes that train one network together: who holds which share, and how what they found adds up.

A step's batch is cut in ``processes · accumulate`` shares. A share has its own clouds and its own random
numbers, whoever computes it, so that two processes do what one does in two goes, but for rounding.
"""

import os
from typing import NamedTuple

import torch
from torch import distributed

from sshmr.errors import InputError
from sshmr.tables.schemas import row_count


class Team(NamedTuple):
    """rank: number of this process, from 0. size: how many there are."""

    rank: int = 0
    size: int = 1

    @classmethod
    def joined(cls, processes):
        """Join the processes that torchrun started; the only one where it wasn't used.

        Raises:
            InputError: when there are not as many as the settings say.
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
    def leads(self):
        """Whether this is the process that writes."""
        return self.rank == 0

    def shares(self, accumulate):
        """Numbers of the shares that this process computes."""
        return range(self.rank * accumulate, (self.rank + 1) * accumulate)

    def total(self, tensor):
        """The sum of all processes' tensors, in place."""
        if self.size > 1:
            distributed.all_reduce(tensor)
        return tensor

    def everywhere(self, value):
        """What the leading process has; the others' value is not looked at."""
        if self.size == 1:
            return value
        held = [value]
        distributed.broadcast_object_list(held, src=0)
        return held[0]

    def leave(self):
        """Part from the others; nothing is awaited."""
        if self.size > 1:
            distributed.destroy_process_group()


def local_device(device):
    """This process's own GPU, where each is to have one."""
    if device.type == "cuda" and "LOCAL_RANK" in os.environ:
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    return device


def cut_in_parts(paths, count):
    """Deal points tables out so that parts have about as many frames each; one alone has their order."""
    if count == 1:
        return [list(paths)]
    rows = {path: row_count(path) for path in paths}
    parts, sizes = [[] for _ in range(count)], [0] * count
    for path in sorted(paths, key=lambda path: (-rows[path], str(path))):
        least = sizes.index(min(sizes))
        parts[least].append(path)
        sizes[least] += rows[path]
    return parts
