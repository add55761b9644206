"""Pretraining from files to files."""

import functools
import shutil
from pathlib import Path
from typing import Any

import torch

import sshmr
from sshmr.body.model import BodyModel
from sshmr.body.prior import PosePrior
from sshmr.body.template import Template
from sshmr.config.infer import InferConfig
from sshmr.config.mapping import from_mapping
from sshmr.config.network import network_config
from sshmr.config.pretrain import PretrainConfig
from sshmr.files import atomic_path
from sshmr.network.model import MeshRegressor
from sshmr.pretraining.card import model_card
from sshmr.pretraining.evaluation import errors, evaluation_clouds
from sshmr.pretraining.loop import Pretrainer
from sshmr.pretraining.poses import drawn_poses, read_captured
from sshmr.pretraining.stream import Stream
from sshmr.training.weights_file import halved, save_weights


def pretrain(
    body: Path,
    template: Path,
    prior: Path,
    settings: dict[str, Any],
    seed: int,
    folder: Path,
    weights: Path,
    card: Path,
    log: Path,
) -> None:
    """Train on synthetic people and write weights, model card and log; continue where a run was cut off.

    Args:
        body: the neutral body. settings: the sections network, pretrain and infer.
        folder: what survives a kill.
    """
    network_settings = network_config(settings.get("network", {}))
    config = from_mapping(PretrainConfig, settings.get("pretrain", {}), "pretrain")
    infer = from_mapping(InferConfig, settings.get("infer", {}), "infer")
    model = BodyModel.load(body)
    vertices, poses = Template.load(template, model), PosePrior.load(prior)
    captured = read_captured(config.motion, config.held_out) if config.motion else drawn_poses(poses)
    torch.manual_seed(seed)
    network = MeshRegressor(network_settings, vertices.vertices)
    clouds = evaluation_clouds(model, vertices, poses, captured.held_out, config.evaluated, config.points)
    evaluate = functools.partial(errors, clouds=clouds, body=model, config=infer)
    stream = Stream(model, vertices, poses, captured.training, config, seed)
    trainer = Pretrainer(network, stream, model, vertices, config, folder, evaluate)
    average = trainer.run()
    with atomic_path(log) as temporary:
        shutil.copyfile(folder / "log.jsonl", temporary)
    about = {
        "version": sshmr.__version__,
        "network": network_settings.model_dump(mode="json"),
        "pretrain": config.model_dump(mode="json") | {"motion": config.motion and Path(config.motion).name},
        "body_digest": model.digest,
        "vertex_ids": vertices.vertex_ids.tolist(),
        "seed": seed,
        "epoch": trainer.step,
        "clouds": trainer.clouds,
        "simulated": True,
        "errors": {name: round(value, 2) for name, value in evaluate(average).items()},
    }
    publish(average, about, weights, card)


def publish(network: MeshRegressor, about: dict[str, Any], weights: Path, card: Path) -> None:
    """Write a network's weights in half precision, and their model card from what the file says of itself."""
    with atomic_path(card) as temporary:
        temporary.write_text(model_card(about))
    save_weights(weights, about, halved(network))
