"""A round's checkpoint: weights, all that is needed to rebuild the network, and nothing that runs code."""

import pickle
from pathlib import Path

import torch

from sshmr.config.network import network_config
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


def save_checkpoint(path, **parts):
    """Write a checkpoint of exactly ``KEYS``, atomically: mappings, tensors and numbers."""
    if set(parts) != set(KEYS):
        raise TypeError(f"a checkpoint holds {KEYS}, not {tuple(parts)}")
    with atomic_path(path) as temporary:
        torch.save({"format": FORMAT, "version": VERSION, **parts}, temporary)


def load_checkpoint(path, template=None, map_location="cpu"):
    """Read a checkpoint, or weights as safetensors, without running anything in it.

    Args:
        template: when given, the ``Template`` that the checkpoint must have been trained with.

    Raises:
        InputError: when it is missing, foreign, of another version, or of another body or template.
    """
    if Path(path).suffix == SUFFIX:
        checkpoint = read_weights(path, map_location)
    else:
        checkpoint = _read_checkpoint(path, map_location)
    if template is not None:
        if checkpoint["body_digest"] != template.body_digest:
            raise InputError(
                path, "body_digest", checkpoint["body_digest"][:12], template.body_digest[:12],
                "It was trained for another body; train anew, or use that body.",
            )  # fmt: skip
        if not torch.equal(checkpoint["vertex_ids"].cpu(), template.vertex_ids):
            raise InputError(
                path, "vertex_ids", "another template's", "this template's", "Train anew for this template."
            )
    return checkpoint


def _read_checkpoint(path, map_location):
    try:
        checkpoint = torch.load(path, map_location=map_location, weights_only=True)
    except FileNotFoundError:
        raise InputError(path, found="no such file", expected="a checkpoint that train.py wrote") from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise InputError(
            path, found=f"not readable ({reason})", expected="a checkpoint of train.py"
        ) from error
    if not isinstance(checkpoint, dict) or checkpoint.get("format") != FORMAT:
        raise InputError(path, found="no checkpoint of this program", expected=f'format "{FORMAT}"')
    if checkpoint.get("version") != VERSION:
        raise InputError(path, "version", checkpoint.get("version"), VERSION, "Train this round anew.")
    missing = [key for key in KEYS if key not in checkpoint]
    if missing:
        raise InputError(path, f'key "{missing[0]}"', "missing", ", ".join(KEYS), "Train this round anew.")
    return checkpoint


def network_from(checkpoint, template, path):
    """The network of a checkpoint, best weights, ready for use.

    Raises:
        InputError: when the settings or the weights don't make a network of this version.
    """
    config = network_config(checkpoint["network"], path)
    network = MeshRegressor(config, template.vertices)
    load_weights(network, checkpoint["weights"], path)
    return network.eval()


def load_weights(network, weights, path):
    """Put weights into a network.

    Raises:
        InputError: when they are another network's.
    """
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise InputError(
            path, "weights", "another network's", "those of the network in its settings",
            "Use the version that wrote it, or train anew.",
        ) from error  # fmt: skip


def plain(config):
    """Settings as a mapping of lists and numbers, as a checkpoint keeps them."""
    return config.model_dump(mode="json")
