"""The batches of the training steps: real clouds, augmented, and synthetic ones.

Every random choice comes from a generator seeded with (seed, epoch, step, share). A step therefore gets the
same batch after a resume and on any number of processes.
"""

import hashlib
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch

from sshmr.config.train import TrainConfig
from sshmr.errors import InputError
from sshmr.network.head import heading
from sshmr.training.batch import Batch, choose_points, cut, jitter, join, mirror, pad, recentre, turn
from sshmr.training.dataset import Clouds
from sshmr.training.distributed import Processes
from sshmr.training.prefetch import ahead
from sshmr.training.synthetic import SyntheticPeople

JITTER = 0.005
"""Metres."""

FACING_SPREAD = 0.25
"""Standard deviation in radians of the heading of clouds that are rotated to face +z."""

CUT_SHARE, CUT_RADIUS = 0.4, (0.1, 0.35)


class Part(NamedTuple):
    """The clouds of share ``number``: indices to train on, and indices held out."""

    number: int
    clouds: Clouds
    training: torch.Tensor
    held_out: torch.Tensor


class Drawn(NamedTuple):
    """A share of a step.

    Attributes:
        batch: its clouds. portion: its fraction of all clouds of the step, 0 to 1. seed: for the network.
    """

    batch: Batch
    portion: float
    seed: int


class StepLoader:
    """Draws the batches of every step.

    Args:
        clouds: ``Clouds`` of each share that this process computes.
        template_mirror: (M,) int64, the mirror image of each template vertex.

    Attributes:
        parts: the shares of this process. steps: steps per epoch.
    """

    def __init__(
        self,
        clouds: Sequence[Clouds],
        people: SyntheticPeople,
        template_mirror: torch.Tensor,
        config: TrainConfig,
        seed: int,
        processes: Processes,
    ) -> None:
        self.people, self.template_mirror = people, template_mirror
        self.config, self.seed = config, seed
        numbers = processes.shares(config.accumulate)
        self.parts = [
            Part(number, own, *_split(len(own), config.validation, _generator(seed, -1, -1, number)))
            for number, own in zip(numbers, clouds, strict=True)
        ]
        counts = torch.zeros(config.shares, dtype=torch.int64)
        for part in self.parts:
            counts[part.number] = len(part.training)
        self.counts = processes.total(counts).tolist()
        if not sum(self.counts):
            fix = f"Lower it: all {sum(map(len, clouds))} training clouds would be held out"
            raise InputError(
                "config",
                'key "train.validation"',
                config.validation,
                "a value that leaves clouds to train on",
                fix,
            )
        self.steps = math.ceil(sum(self.counts) / config.real_batch)

    def steps_from(self, epoch: int, first: int, device: torch.device) -> Iterator[list[Drawn]]:
        """One list of ``Drawn`` per step of an epoch, from step ``first`` on. Empty shares are left out."""
        pieces = [self._order(epoch, part).tensor_split(self.steps) for part in self.parts]

        def drawn(step: int) -> list[Drawn]:
            return [
                self._drawn(part, own[step], epoch, step)
                for part, own in zip(self.parts, pieces, strict=True)
                if len(own[step])
            ]

        steps = range(first, self.steps)
        if device.type == "cpu":
            return map(drawn, steps)
        return ahead(lambda step: [one._replace(batch=one.batch.pinned()) for one in drawn(step)], steps)

    def _order(self, epoch: int, part: Part) -> torch.Tensor:
        generator = _generator(self.seed, epoch, -1, part.number)
        return part.training[torch.randperm(len(part.training), generator=generator)]

    def _drawn(self, part: Part, indices: torch.Tensor, epoch: int, step: int) -> Drawn:
        generator = _generator(self.seed, epoch, step, part.number)
        seed = int(torch.randint(1 << 62, (1,), generator=generator))
        batch = self._batch(part.clouds, indices, generator)
        return Drawn(batch, len(batch.points) / self._clouds(step), seed)

    def _clouds(self, step: int) -> int:
        """Number of clouds of a step, over all shares."""
        real = [count // self.steps + (step < count % self.steps) for count in self.counts]
        return sum(real) + sum(map(self._synthetic, real))

    def _synthetic(self, real: int) -> int:
        """Number of synthetic clouds for ``real`` real ones: the same ratio in the last, smaller batch."""
        return round(real * self.config.synthetic / (1 - self.config.synthetic))

    def _batch(self, clouds: Clouds, indices: torch.Tensor, generator: torch.Generator) -> Batch:
        config = self.config
        real = clouds.take(indices)
        if config.augment:
            swapped = torch.rand(len(indices), generator=generator) < 0.5
            real = mirror(real, swapped, self.template_mirror)
            real = cut(jitter(real, JITTER, generator), CUT_SHARE, CUT_RADIUS, generator)
        width = config.points or real.points.shape[1]
        real = choose_points(real, width, generator)
        parts = [real]
        wanted = self._synthetic(len(indices))
        if wanted:
            parts.append(pad(self.people.draw(wanted, width, generator), width))
        batch = join(parts)
        if config.augment:
            batch = turn(batch, self._rotations(batch, generator))
        return recentre(batch)

    def _rotations(self, batch: Batch, generator: torch.Generator) -> torch.Tensor:
        """(B,) radians about the vertical: to a random heading, or to +z with noise."""
        count = len(batch.points)
        anywhere = torch.rand(count, generator=generator) * 2 * math.pi
        about_ahead = torch.randn(count, generator=generator) * FACING_SPREAD - heading(batch.target.rotmats)
        ahead = torch.rand(count, generator=generator) < self.config.facing
        return torch.where(ahead, about_ahead, anywhere)


def _split(count: int, share: float, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Indices to train on and to hold out. When the share rounds to no cloud, both are all clouds."""
    order = torch.randperm(count, generator=generator)
    held = round(count * share)
    if held == 0:
        return order, order
    return order[held:], order[:held]


def _generator(seed: int, epoch: int, step: int, share: float) -> torch.Generator:
    text = f"{seed}/{epoch}/{step}" + (f"/{share}" if share else "")
    digest = hashlib.sha256(text.encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
