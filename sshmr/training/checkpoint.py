"""A round's checkpoint: weights and all that is needed to rebuild the network. It contains no code."""

import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from sshmr.body.template import Template
from sshmr.config.network import NetworkConfig, network_config
from sshmr.config.train import TrainConfig
from sshmr.errors import InputError
from sshmr.files import atomic_path
from sshmr.network.model import MeshRegressor
from sshmr.training.weights_file import SUFFIX, read_weights

FORMAT = "sshmr checkpoint"
VERSION = 1
KEYS = (
    "network",
    "train",
    "seed",
    "body_digest",
    "vertex_ids",
    "weights",
    "last_weights",
    "optimiser",
    "rng",
    "epoch",
    "best_epoch",
    "criterion",
)


def save_checkpoint(path: Path | str, **parts: Any) -> None:
    """Write a checkpoint of exactly ``KEYS``, atomically: mappings, tensors and numbers."""
    if set(parts) != set(KEYS):
        raise TypeError(f"a checkpoint holds {KEYS}, not {tuple(parts)}")
    with atomic_path(path) as temporary:
        torch.save({"format": FORMAT, "version": VERSION, **parts}, temporary)


def load_checkpoint(path: Path | str, template: Template | None = None) -> dict[str, Any]:
    """Read a checkpoint, or weights as safetensors, without running anything in it.

    Args:
        template: when given, the ``Template`` that the checkpoint must have been trained with.

    Raises:
        InputError: when it is missing, foreign, of another version, or of another body or template.
    """
    checkpoint = read_weights(path) if Path(path).suffix == SUFFIX else _read_checkpoint(path)
    _check_parts(checkpoint, path)
    if template is not None:
        if checkpoint["body_digest"] != template.body_digest:
            raise InputError(
                path, "body_digest", checkpoint["body_digest"][:12], template.body_digest[:12],
                "It was trained for another body; train again, or use that body.",
            )  # fmt: skip
        if not torch.equal(checkpoint["vertex_ids"].cpu(), template.vertex_ids):
            raise InputError(
                path, "vertex_ids", "another template's", "this template's", "Train again for this template"
            )
    return checkpoint


def _read_checkpoint(path: Path | str) -> dict[str, Any]:
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(path, found="no such file", expected="a checkpoint that train.py wrote") from None
    except MemoryError:
        raise
    except Exception as error:  # a damaged file can raise almost any exception
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise InputError(
            path, found=f"not readable ({reason})", expected="a checkpoint of train.py"
        ) from error
    if not isinstance(checkpoint, dict) or repr(checkpoint.get("format")) != repr(FORMAT):
        raise InputError(path, found="not a checkpoint of this program", expected=f'format "{FORMAT}"')
    version = reprlib.repr(checkpoint.get("version"))  # a tensor cannot be compared
    if version != repr(VERSION):
        raise InputError(path, "version", version, VERSION, "Train this round again")
    missing = [key for key in KEYS if key not in checkpoint]
    if missing:
        raise InputError(path, f'key "{missing[0]}"', "missing", ", ".join(KEYS), "Train this round again")
    return checkpoint


def _check_parts(checkpoint: dict[str, Any], path: Path | str) -> None:
    """Refuse parts of the wrong type, and tensors that claim more numbers than the file holds."""
    if not isinstance(checkpoint["body_digest"], str):
        raise InputError(path, "body_digest", reprlib.repr(checkpoint["body_digest"]), "text")
    ids = checkpoint["vertex_ids"]
    if not _is_held(ids) or ids.ndim != 1 or not len(ids) or ids.dtype != torch.int64:
        raise InputError(path, "vertex_ids", reprlib.repr(ids), "vertices of the body, (M,) int64")
    weights = checkpoint["weights"]
    fine = isinstance(weights, dict) and all(isinstance(name, str) for name in weights)
    if not fine or not all(_is_held(value) for value in weights.values()):
        raise InputError(path, "weights", f"a {type(weights).__name__}", "tensors by name")
    if not isinstance(checkpoint["network"], dict):
        raise InputError(path, "network", reprlib.repr(checkpoint["network"]), "the network's settings")


def _is_held(value: Any) -> bool:
    """Whether a value is a plain tensor whose numbers are all there."""
    if not isinstance(value, torch.Tensor) or value.layout != torch.strided or value.is_meta:
        return False
    return value.numel() * value.element_size() <= value.untyped_storage().nbytes()


def _check_size(config: NetworkConfig, weights: Mapping[str, torch.Tensor], path: Path | str) -> None:
    """Refuse settings of a network with more weights than the file holds, before memory is taken for it."""
    least = sum(depth * width**2 for depth, width in zip(config.depths, config.widths, strict=True))
    if config.mixing == "attention":
        least += config.head_layers * config.head_width**2 + config.basis * config.basis_width
    held = sum(value.numel() for value in weights.values())
    if least > held:
        found = f"of a network with more than {least} weights"
        raise InputError(path, "network", found, f"those of the {held} weights in the file")


def network_from(checkpoint: dict[str, Any], template: Template, path: Path | str) -> MeshRegressor:
    """The network of a checkpoint, best weights, ready for use.

    Raises:
        InputError: when the settings or the weights don't make a network of this version.
    """
    config = network_config(checkpoint["network"], path)
    _check_size(config, checkpoint["weights"], path)
    network = MeshRegressor(config, template.vertices)
    load_weights(network, checkpoint["weights"], path)
    return network.eval()


def load_weights(network: MeshRegressor, weights: Mapping[str, torch.Tensor], path: Path | str) -> None:
    """Put weights into a network.

    Raises:
        InputError: when they are another network's.
    """
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise InputError(
            path, "weights", "another network's", "those of the network in its settings",
            "Use the version that wrote it, or train again.",
        ) from error  # fmt: skip


def plain(config: TrainConfig | NetworkConfig) -> dict[str, Any]:
    """Settings as a mapping of lists and numbers, as a checkpoint keeps them."""
    return config.model_dump(mode="json")
