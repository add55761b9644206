"""The steps of pretraining. It can be killed at any moment and continues."""

import copy
import json
import pickle
import time
from collections.abc import Callable
from pathlib import Path

import torch

from sshmr.body.model import BodyModel
from sshmr.body.template import Template
from sshmr.config.pretrain import PretrainConfig
from sshmr.config.train import TrainConfig
from sshmr.errors import InputError
from sshmr.files import atomic_path
from sshmr.network.losses import label_shares
from sshmr.network.model import MeshRegressor
from sshmr.pretraining.stream import Stream
from sshmr.training.batch import Batch
from sshmr.training.objective import objective

WARM_UP = 300
"""Steps in which the learning rate rises."""

KEEP_SECONDS = 120
"""Seconds between two saved states."""

SEED_STRIDE = 1_000_003
"""Between the random numbers of two seeds."""

LOGGED_EVERY = 100
"""Steps."""


class Pretrainer:
    """Trains a network at a constant rate, then at one that falls to 0, and averages its weights.

    The state at the constant rate is ``trunk.pt``; a training with more steps continues from there. While the
    rate falls the state is ``decay_STEPS.pt``. ``log.jsonl`` has a row every 100 steps.
    Source of the schedule: Hägele et al., "Scaling Laws and Compute-Optimal Training Beyond Fixed Training
    Durations", NeurIPS 2024 (constant rate, then 1 − √).

    Args:
        body: the whole neutral body. folder: where state and log are kept.
        evaluate: errors of a network by name; they go into the log.
    """

    def __init__(
        self,
        network: MeshRegressor,
        stream: Stream,
        body: BodyModel,
        template: Template,
        config: PretrainConfig,
        folder: Path,
        evaluate: Callable[[MeshRegressor], dict[str, float]],
    ):
        self.network, self.stream, self.config, self.evaluate = network, stream, config, evaluate
        self.average = copy.deepcopy(network).eval().requires_grad_(False)
        self.body = body.subset(template.vertex_ids)
        self.losses = TrainConfig()
        self.shares = label_shares(network.template, self.losses.label_spread)
        self.optimiser = torch.optim.AdamW(
            network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
        )
        self.folder, self.step, self.clouds, self.seconds = folder, 0, 0, 0.0
        self.folder.mkdir(parents=True, exist_ok=True)

    @property
    def trunk(self) -> Path:
        return self.folder / "trunk.pt"

    @property
    def falling(self) -> Path:
        return self.folder / f"decay_{self.config.steps}.pt"

    def run(self) -> MeshRegressor:
        """Take the remaining steps; returns the network with averaged weights."""
        config, falls_from = self.config, self.config.steps - self.config.decay
        self._resume()
        sums: dict[str, torch.Tensor] = {}
        batches = self.stream.batches(self.step)
        kept = last = time.monotonic()
        try:
            while self.step < config.steps:
                for name, value in self._train(next(batches)).items():
                    sums[name] = sums.get(name, torch.zeros(())) + value
                self.step, self.clouds = self.step + 1, self.clouds + config.batch
                now = time.monotonic()
                self.seconds, last = self.seconds + now - last, now
                if self.step % LOGGED_EVERY == 0 or self.step == config.steps:
                    self._log(sums)
                    sums, last = {}, time.monotonic()
                if now - kept > KEEP_SECONDS or self.step in (falls_from, config.steps):
                    self._save(self.trunk if self.step <= falls_from else self.falling)
                    kept = now
        finally:
            batches.close()
        return self.average

    def rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        config = self.config
        share = min(1.0, (step + 1) / WARM_UP)
        falls_from = config.steps - config.decay
        if step >= falls_from:
            share *= 1 - ((step - falls_from) / config.decay) ** 0.5
        return config.learning_rate * share

    def _train(self, batch: Batch) -> dict[str, torch.Tensor]:
        network = self.network.train()
        torch.manual_seed(
            self.stream.seed * SEED_STRIDE + self.step
        )  # Blocks use the curves in random order.
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate(self.step)
        output = network(batch.points, batch.mask, matched_points=self.config.matched_points)
        total, parts = objective(
            output, batch, network, self.body, self.losses.weights, first_epoch=False, shares=self.shares
        )
        self.optimiser.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), self.losses.gradient_limit)
        self.optimiser.step()
        self._average()
        return {"total": total.detach(), **parts}

    @torch.no_grad()
    def _average(self) -> None:
        """Exponential moving average; of the first steps fewer are averaged."""
        share = 1 - min(self.config.averaging, (1 + self.step) / (10 + self.step))
        averaged, current = self.average.parameters(), self.network.parameters()
        torch._foreach_lerp_(list(averaged), list(current), share)

    def _log(self, sums: dict[str, torch.Tensor]) -> None:
        count = self.step % LOGGED_EVERY or LOGGED_EVERY
        row = {"step": self.step, "clouds": self.clouds, "seconds": self.seconds}
        row |= {name: float(value) / count for name, value in sums.items()}
        if self.step % self.config.evaluate_every == 0 or self.step == self.config.steps:
            row |= self.evaluate(self.average)
        with (self.folder / "log.jsonl").open("a") as handle:
            handle.write(json.dumps({name: round(value, 5) for name, value in row.items()}) + "\n")

    def _save(self, path: Path) -> None:
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "clouds": self.clouds,
            "seconds": self.seconds,
        }
        with atomic_path(path) as temporary:
            torch.save(state, temporary)

    def _resume(self) -> None:
        for path in (self.falling, self.trunk):
            if path.exists():
                self._restore(path)
                break
        if self.step > self.config.steps:
            raise InputError(
                self.trunk, "step", self.step, f"at most pretrain.steps, {self.config.steps}",
                "Raise pretrain.steps, or delete this file to begin again.",
            )  # fmt: skip

    def _restore(self, path: Path) -> None:
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            self.network.load_state_dict(state["network"])
            self.average.load_state_dict(state["average"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.step, self.clouds, self.seconds = (state[key] for key in ("step", "clouds", "seconds"))
        except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
            raise InputError(
                path, found="damaged, or another network's", expected="the state of this training",
                fix="Delete it to begin again, or go back to the settings it was made with",
            ) from error  # fmt: skip
