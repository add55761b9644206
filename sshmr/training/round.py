"""One round of training, from files to files."""

import dataclasses
from pathlib import Path
from typing import Any

import torch

from sshmr.body.model import BodyModel
from sshmr.body.prior import PosePrior
from sshmr.body.template import Template
from sshmr.config.network import network_config
from sshmr.config.train import train_config
from sshmr.errors import InputError
from sshmr.files import sha256_of, write_json
from sshmr.network.model import MeshRegressor
from sshmr.training.checkpoint import load_checkpoint, load_weights, plain, save_checkpoint
from sshmr.training.dataloader import StepLoader
from sshmr.training.dataset import Clouds
from sshmr.training.distributed import Processes, cut_in_parts, local_device
from sshmr.training.loop import Trainer, write_history
from sshmr.training.resume import choose_state, remove_state
from sshmr.training.synthetic import SyntheticPeople


@dataclasses.dataclass(frozen=True)
class RoundInputs:
    """The files a round's training reads: three lists of tables, body, template, prior, last checkpoint."""

    points: list[str]
    pseudo_labels: list[str]
    params: list[str]
    body: str
    template: str
    prior: str
    initial: str | None = None

    def digests(self) -> dict[str, Any]:
        """SHA-256 of every file, by role."""
        digests: dict[str, list[str]] = {}
        for name, value in dataclasses.asdict(self).items():
            for path in value if isinstance(value, list) else [value] if value else []:
                if not Path(path).is_file():
                    raise InputError(path, found="no such file", expected=f"{name} for the training")
                digests.setdefault(name, []).append(sha256_of(path))
        return {name: sorted(values) for name, values in digests.items()}


def train_round(
    inputs: RoundInputs,
    settings: dict[str, Any],
    seed: int,
    device: torch.device,
    resume: Path | str,
    checkpoint: Path | str,
    history: Path | str,
    settings_out: Path | str,
    code: str = "",
) -> None:
    """Train and write the checkpoint, the history and the settings, the checkpoint last.

    Args:
        inputs: ``RoundInputs``. settings: mapping with the sections network and train.
        device: torch device. resume: folder of the state that survives a kill.
        checkpoint, history, settings_out: paths to write.
        code: hash of the code that trains; a state of other code is not resumed.
    """
    network_settings = network_config(settings.get("network", {}))
    train_settings = train_config(settings.get("train", {}))
    used: dict[str, Any] = {"network": plain(network_settings), "train": plain(train_settings), "seed": seed}
    processes = Processes.joined(train_settings.processes)
    digests = processes.everywhere(inputs.digests() if processes.leads else None)
    body = BodyModel.load(inputs.body)
    template = Template.load(inputs.template, body)
    prior = PosePrior.load(inputs.prior)
    train_settings.check_shards(len(inputs.points))
    parts = cut_in_parts(inputs.points, train_settings.shares)
    clouds = [
        Clouds.load(parts[number], inputs.pseudo_labels, inputs.params, body, len(template.vertices), resume)
        for number in processes.shares(train_settings.accumulate)
    ]
    if not train_settings.weighted:
        clouds = [own.equally_weighted() for own in clouds]
    torch.manual_seed(seed)
    network = MeshRegressor(network_settings, template.vertices)
    if inputs.initial:
        _warm_start(network, inputs.initial, template, used["network"])
    network = network.to(local_device(device))
    loader = StepLoader(
        clouds, SyntheticPeople(body, template, prior), template.mirror, train_settings, seed, processes
    )
    trainer = Trainer(
        network, loader, body, template, train_settings, warm=bool(inputs.initial), processes=processes
    )
    identity = {"settings": used, "inputs": digests, "code": code}
    state = processes.everywhere(str(choose_state(resume, identity)) if processes.leads else None)
    progress = trainer.run(Path(state))
    counts = processes.total(torch.tensor([[len(own), own.skipped] for own in clouds]).sum(0)).tolist()
    processes.leave()
    if not processes.leads:
        return
    write_history(history, progress.history)
    write_json(settings_out, {**used, "inputs": digests, "clouds": counts[0], "skipped": counts[1]})
    save_checkpoint(
        checkpoint,
        network=used["network"],
        train=used["train"],
        seed=seed,
        body_digest=body.digest,
        vertex_ids=template.vertex_ids,
        weights=progress.best,
        last_weights=network.state_dict(),
        optimiser=trainer.optimiser.state_dict(),
        rng=torch.get_rng_state(),
        epoch=progress.epoch,
        best_epoch=progress.best_epoch,
        criterion=progress.criterion,
    )
    remove_state(Path(state))


def _warm_start(
    network: MeshRegressor, path: Path | str, template: Template, settings: dict[str, Any]
) -> None:
    checkpoint = load_checkpoint(path, template)
    if checkpoint["network"] != settings:
        differing = sorted(key for key in settings if checkpoint["network"].get(key) != settings[key])
        key = differing[0] if differing else "network"
        raise InputError(
            path, f"network.{key}", checkpoint["network"].get(key), settings.get(key),
            "A network's settings cannot change; begin at round 1 with train.initial: none.",
        )  # fmt: skip
    load_weights(network, checkpoint["last_weights"], path)
