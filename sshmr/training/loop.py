"""One round's training, which a kill at any moment cannot spoil."""

import dataclasses
import hashlib
import json
import math
import pickle
import time

import pandas as pd
import torch

from sshmr.errors import InputError
from sshmr.files import atomic_path
from sshmr.network.head import heading
from sshmr.network.losses import label_shares, weighted_distance
from sshmr.progress import track
from sshmr.training.batch import choose_points, cut, jitter, join, mirror, pad, recentre, turn
from sshmr.training.objective import objective

WARM_UP = 0.05
"""Share of a round's steps in which the learning rate rises, with the cosine schedule."""

FINAL_RATE = 0.02
"""Share of the learning rate that the cosine schedule ends with."""

JITTER = 0.005
"""Metres."""

FACING_SPREAD = 0.25
"""Radians; standard deviation of where a cloud faces that is turned to face ahead."""

CUT_SHARE, CUT_RADIUS = 0.4, (0.1, 0.35)


@dataclasses.dataclass
class Progress:
    """Where a training stands: what a resumed run needs, and what is published in the end.

    Attributes:
        epoch: epochs done. best_epoch: 1-based, of ``best``, whose criterion is ``criterion``.
        history: a row an epoch.
    """

    epoch: int = 0
    best_epoch: int = 0
    criterion: float = math.inf
    best: dict = dataclasses.field(default_factory=dict)
    history: list = dataclasses.field(default_factory=list)


class Trainer:
    """Trains a network on clouds, imagined ones mixed in.

    Every random choice is drawn from a generator seeded with (seed, epoch, step), so a resumed run takes the
    same steps as one that was never interrupted.

    Args:
        network: a ``MeshRegressor`` on its device. clouds: ``Clouds``. imagination: ``Imagination``.
        body: the whole neutral body on the CPU. template: ``Template``. config: ``TrainConfig``.
        seed: int. warm: whether the network comes from an earlier round.
    """

    def __init__(self, network, clouds, imagination, body, template, config, seed, warm):
        self.network, self.clouds, self.imagination = network, clouds, imagination
        self.config, self.seed, self.warm = config, seed, warm
        self.device = network.template.device
        self.body = body.subset(template.vertex_ids).to(device=self.device)
        self.template_mirror = template.mirror
        self.shares = label_shares(network.template, config.label_spread) if config.label_spread else None
        self.optimiser = torch.optim.Adam(network.parameters(), lr=config.learning_rate)
        self.training, self.held_out = _split(len(clouds), config.validation, seed)
        self.steps = math.ceil(len(self.training) / config.real_batch)
        self.progress = Progress()

    def run(self, state_path=None):
        """Train what is left to train; after every epoch the state goes to ``state_path``."""
        if state_path is not None and state_path.exists():
            self._restore(state_path)
        epochs = range(self.progress.epoch, self.config.epochs)
        for epoch in track(epochs, "Train", len(epochs)):
            self._epoch(epoch)
            if state_path is not None:
                self._save(state_path)
        return self.progress

    def _epoch(self, epoch):
        started = time.monotonic()
        self.network.train()
        order = torch.randperm(len(self.training), generator=_generator(self.seed, epoch, -1))
        shares = order.tensor_split(self.steps)
        sums = {}
        for step, share in enumerate(shares):
            for name, value in self._step(epoch, step, self.training[share]).items():
                sums[name] = sums.get(name, 0.0) + value
        means = {name: float(value) / self.steps for name, value in sums.items()}
        progress = self.progress
        progress.epoch = epoch + 1
        criterion = self.criterion()
        if criterion < progress.criterion or not progress.best:
            progress.criterion, progress.best_epoch = criterion, epoch + 1
            progress.best = _copy(self.network.state_dict())
        rate = self.optimiser.param_groups[0]["lr"]
        timing = {"learning_rate": rate, "seconds": time.monotonic() - started}
        progress.history.append({"epoch": epoch + 1, **means, "criterion": criterion, **timing})

    def _step(self, epoch, step, indices):
        config = self.config
        generator = _generator(self.seed, epoch, step)
        torch.manual_seed(int(torch.randint(1 << 62, (1,), generator=generator)))
        batch = self.batch(indices, generator).to(self.device)
        self._set_rate(epoch * self.steps + step)
        output = self.network(batch.points, batch.mask, matched_points=config.matched_points)
        total, parts = objective(
            output,
            batch,
            self.network,
            self.body,
            config.weights,
            first_epoch=epoch == 0 and not self.warm,
            shares=self.shares,
        )
        self.optimiser.zero_grad()
        total.backward()
        if config.gradient_limit:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), config.gradient_limit)
        self.optimiser.step()
        return {"total": total.detach(), **parts}

    def batch(self, indices, generator):
        """The batch of a step: these clouds, augmented, and as many imagined ones as the settings say."""
        config = self.config
        real = self.clouds.take(indices)
        if config.augment:
            swapped = torch.rand(len(indices), generator=generator) < 0.5
            real = mirror(real, swapped, self.template_mirror)
            real = cut(jitter(real, JITTER, generator), CUT_SHARE, CUT_RADIUS, generator)
        width = config.points or real.points.shape[1]
        real = choose_points(real, width, generator)
        parts = [real]
        # Counted from the real ones at hand, so that the last, smaller batch keeps the proportion.
        wanted = round(len(indices) * config.imagined / (1 - config.imagined))
        if wanted:
            parts.append(pad(self.imagination.draw(wanted, width, generator), width))
        batch = join(parts)
        if config.augment:
            batch = turn(batch, self._turns(batch, generator))
        return recentre(batch)

    def _turns(self, batch, generator):
        """(B,) radians: to face anywhere, or +z, give or take a quarter of a radian."""
        count = len(batch.points)
        anywhere = torch.rand(count, generator=generator) * 2 * math.pi
        about_ahead = torch.randn(count, generator=generator) * FACING_SPREAD - heading(batch.target.rotmats)
        ahead = torch.rand(count, generator=generator) < self.config.facing
        return torch.where(ahead, about_ahead, anywhere)

    def _set_rate(self, step):
        config = self.config
        if config.schedule == "constant":
            return
        total = self.steps * config.epochs
        rising = max(1, int(WARM_UP * total))
        if step < rising:
            share = (step + 1) / rising
        else:
            share = 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, total - rising)))
            share = FINAL_RATE + (1 - FINAL_RATE) * share
        for group in self.optimiser.param_groups:
            group["lr"] = config.learning_rate * share

    @torch.no_grad()
    def criterion(self):
        """How well the network explains held-out clouds, without any label, in metres.

        The mean distance of a point to the predicted vertices it matches: small only where the body lies on
        the cloud, and small for a body turned back to front only if the matching is too.
        """
        self.network.eval()
        descriptors = self.network.encode_template()
        sums = torch.zeros(2, dtype=torch.float64)
        for share in self.held_out.split(max(1, self.config.batch)):
            batch = self.clouds.take(share).to(self.device)
            output = self.network(batch.points, batch.mask, descriptors)
            vertices = output.prediction.pose_body(self.body).vertices
            distance = weighted_distance(output.similarity, vertices, batch.points, batch.mask)
            count = int(batch.mask.sum())
            sums += torch.tensor([float(distance) * count, count])
        return float(sums[0] / sums[1])

    def _save(self, path):
        with atomic_path(path) as temporary:
            torch.save(
                {
                    "network": self.network.state_dict(),
                    "optimiser": self.optimiser.state_dict(),
                    "progress": dataclasses.asdict(self.progress),
                },
                temporary,
            )

    def _restore(self, path):
        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
            self.network.load_state_dict(state["network"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.progress = Progress(**state["progress"])
        except (
            pickle.UnpicklingError,
            RuntimeError,
            EOFError,
            OSError,
            ValueError,
            KeyError,
            TypeError,
        ) as error:
            raise InputError(
                path, found="damaged, or another version's", expected="the state of an unfinished training",
                fix="Delete it: this round's training then starts anew",
            ) from error  # fmt: skip


def write_history(path, history):
    """The history as Parquet, a row an epoch."""
    with atomic_path(path) as temporary:
        pd.DataFrame(history).to_parquet(temporary, index=False)


def state_key(settings, digests):
    """Name of the state that these settings and input files lead to: 16 hexadecimal digits."""
    text = json.dumps({"settings": settings, "inputs": digests}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _split(count, share, seed):
    """Indices to train on and to hold out; with too few clouds to spare any, all of them for both."""
    order = torch.randperm(count, generator=_generator(seed, -1, -1))
    held = round(count * share)
    if held == 0:
        return order, order
    return order[held:], order[:held]


def _generator(seed, epoch, step):
    text = f"{seed}/{epoch}/{step}".encode()
    return torch.Generator().manual_seed(int.from_bytes(hashlib.sha256(text).digest()[:8], "big") >> 1)


def _copy(state):
    return {name: value.detach().clone() for name, value in state.items()}
