"""The training of one round. It can be killed at any moment and continues."""

import dataclasses
import hashlib
import json
import math
import pickle
import time
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from sshmr.body.model import BodyModel
from sshmr.body.template import Template
from sshmr.config.train import TrainConfig
from sshmr.device import repeatable
from sshmr.errors import InputError
from sshmr.files import atomic_path
from sshmr.network.losses import label_shares, weighted_distance
from sshmr.network.model import MeshRegressor
from sshmr.progress import track
from sshmr.training.dataloader import Drawn, StepLoader
from sshmr.training.distributed import Processes
from sshmr.training.objective import objective

WARM_UP = 0.05
"""Share of a round's steps in which the learning rate rises, with the cosine schedule."""

FINAL_RATE = 0.02
"""Share of the learning rate that the cosine schedule ends with."""

KEEP_SECONDS = 300
"""Seconds between two saved states within a long epoch."""


@dataclasses.dataclass
class Progress:
    """The state of a training: what a resumed run needs, and the best weights.

    Attributes:
        epoch: epochs done. step: steps done of the next one. sums: of its losses.
        best_epoch: 1-based, of ``best``, whose criterion is ``criterion``; 0 for the weights that a round
            starts from, if training improved them in no epoch.
        history: a row per epoch.
    """

    epoch: int = 0
    step: int = 0
    sums: dict[str, Any] = dataclasses.field(default_factory=dict)
    best_epoch: int = 0
    criterion: float = math.inf
    best: dict[str, torch.Tensor] = dataclasses.field(default_factory=dict)
    history: list[dict[str, Any]] = dataclasses.field(default_factory=list)


class Trainer:
    """Trains a network on the batches of a loader. A resumed run takes the same steps as an uninterrupted
    one.

    Args:
        network: a ``MeshRegressor`` on its device. loader: ``StepLoader``.
        body: the whole neutral body on the CPU. template: ``Template``. config: ``TrainConfig``.
        warm: whether the network comes from an earlier round.
        processes: ``Processes`` of the processes that train this network.
    """

    def __init__(
        self,
        network: MeshRegressor,
        loader: StepLoader,
        body: BodyModel,
        template: Template,
        config: TrainConfig,
        warm: bool,
        processes: Processes,
    ) -> None:
        self.network, self.loader, self.config, self.warm, self.processes = (
            network,
            loader,
            config,
            warm,
            processes,
        )
        self.device = network.template.device
        self.body = body.subset(template.vertex_ids).to(device=self.device)
        self.label_shares = (
            label_shares(network.template, config.label_spread) if config.label_spread else None
        )
        self.optimiser = torch.optim.Adam(network.parameters(), lr=config.learning_rate, fused=True)
        self.progress = Progress()

    def run(self, state_path: Path | None = None) -> Progress:
        """Train the remaining epochs. The state is saved to ``state_path`` at least after every epoch."""
        if state_path is not None and state_path.exists():
            self._restore(state_path)
        epochs = range(self.progress.epoch, self.config.epochs)
        with repeatable(self.device):
            if self.warm and not self.progress.best:
                self._keep_if_best(0, self.criterion())
            for epoch in track(epochs, "Train", len(epochs)) if self.processes.leads else epochs:
                self._epoch(epoch, state_path)
                self._save(state_path)
        return self.progress

    def _epoch(self, epoch: int, state_path: Path | None) -> None:
        started = kept = time.monotonic()
        self.network.train()
        progress, steps = self.progress, self.loader.steps
        for drawn in self.loader.steps_from(epoch, progress.step, self.device):
            for name, value in self._step(epoch, progress.step, drawn).items():
                progress.sums[name] = progress.sums.get(name, 0.0) + value
            progress.step += 1
            if time.monotonic() - kept > KEEP_SECONDS:
                self._save(state_path)
                kept = time.monotonic()
        means = {name: float(value) / steps for name, value in progress.sums.items()}
        progress.epoch, progress.step, progress.sums = epoch + 1, 0, {}
        criterion = self.criterion()
        self._keep_if_best(epoch + 1, criterion)
        rate = self.optimiser.param_groups[0]["lr"]
        timing = {"learning_rate": rate, "seconds": time.monotonic() - started}
        progress.history.append({"epoch": epoch + 1, **means, "criterion": criterion, **timing})

    def _keep_if_best(self, epoch: int, criterion: float) -> None:
        """Keep these weights if none were better. Epoch 0 means the weights that a round starts from."""
        progress = self.progress
        if criterion < progress.criterion or not progress.best:
            progress.criterion, progress.best_epoch = criterion, epoch
            progress.best = _copy(self.network.state_dict())

    def _step(self, epoch: int, step: int, drawn: list[Drawn]) -> dict[str, Any]:
        """One step on the gradient of all shares, of which this process has drawn some; the step's losses."""
        config = self.config
        self._set_rate(epoch * self.loader.steps + step)
        self.optimiser.zero_grad()
        sums: dict[str, Any] = {}
        for share in drawn:
            torch.manual_seed(share.seed)
            batch = share.batch.to(self.device)
            output = self.network(batch.points, batch.mask, matched_points=config.matched_points)
            total, parts = objective(
                output,
                batch,
                self.network,
                self.body,
                config.weights,
                first_epoch=epoch == 0 and not self.warm,
                shares=self.label_shares,
            )
            (total * share.portion).backward()
            for name, value in {"total": total.detach(), **parts}.items():
                sums[name] = sums.get(name, 0.0) + value * share.portion
        if self.processes.size > 1:
            sums = self._added_up(sums)
        if config.gradient_limit:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), config.gradient_limit)
        self.optimiser.step()
        return sums

    def _added_up(self, sums: dict[str, torch.Tensor]) -> dict[str, Any]:
        """Sum gradients and losses over the processes, in one message."""
        weights = self.config.weights.model_dump()
        names = ["total", *(name for name, weight in weights.items() if weight)]
        values = torch.stack([torch.as_tensor(sums.get(name, 0.0), device=self.device) for name in names])
        parameters = list(self.network.parameters())
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        flat = self.processes.total(torch.cat([*(gradient.flatten() for gradient in gradients), values]))
        *gradients, values = flat.split([*(p.numel() for p in parameters), len(names)])
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient.view_as(parameter)
        return dict(zip(names, values, strict=True))

    def _set_rate(self, step: int) -> None:
        config = self.config
        if config.schedule == "constant":
            return
        total = self.loader.steps * config.epochs
        rising = max(1, int(WARM_UP * total))
        if step < rising:
            share = (step + 1) / rising
        else:
            share = 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, total - rising)))
            share = FINAL_RATE + (1 - FINAL_RATE) * share
        for group in self.optimiser.param_groups:
            group["lr"] = config.learning_rate * share

    @torch.no_grad()
    def criterion(self) -> float:
        """How well the network explains held-out clouds, without any label, in metres.

        The mean distance of a point to the predicted vertices it matches: small only if the body is at
        the cloud, and small for a flipped body only if the matching is flipped, too.
        """
        self.network.eval()
        descriptors = self.network.encode_template()
        sums = torch.zeros(2, dtype=torch.float64)
        for part in self.loader.parts:
            for few in part.held_out.split(self.config.batch):
                batch = part.clouds.take(few).to(self.device)
                output = self.network(batch.points, batch.mask, descriptors)
                vertices = output.prediction.pose_body(self.body).vertices
                distance = weighted_distance(output.similarity, vertices, batch.points, batch.mask)
                count = int(batch.mask.sum())
                sums += torch.tensor([float(distance) * count, count])
        total, count = self.processes.total(sums).tolist()
        return total / count

    def _save(self, path: Path | None) -> None:
        if path is None or not self.processes.leads:
            return
        with atomic_path(path) as temporary:
            torch.save(
                {
                    "network": self.network.state_dict(),
                    "optimiser": self.optimiser.state_dict(),
                    "progress": dataclasses.asdict(self.progress),
                },
                temporary,
            )

    def _restore(self, path: Path | str) -> None:
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
                fix="Delete it. The training of this round then starts again",
            ) from error  # fmt: skip


def write_history(path: Path | str, history: list[dict[str, Any]]) -> None:
    """The history as Parquet, a row per epoch."""
    with atomic_path(path) as temporary:
        pd.DataFrame(history).to_parquet(temporary, index=False)


def state_key(settings: dict[str, Any], digests: dict[str, Any]) -> str:
    """Name of the state that these settings and input files lead to: 16 hexadecimal digits."""
    text = json.dumps({"settings": settings, "inputs": digests}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _copy(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in state.items()}
