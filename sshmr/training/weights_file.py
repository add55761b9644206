"""A network's weights as safetensors, with what is needed to rebuild the network in the file's metadata."""

import json
import reprlib
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from sshmr.errors import InputError
from sshmr.files import atomic_path

SUFFIX = ".safetensors"

ABOUT = ("network", "body_digest", "vertex_ids", "seed", "epoch")
"""Keys of the metadata: the network's settings, body, template vertices, seed and best epoch."""


def save_weights(path: Path, about: dict[str, Any], weights: dict[str, torch.Tensor]) -> None:
    """Write weights atomically, and ``about``, which holds at least ``ABOUT``, as JSON in the metadata."""
    with atomic_path(path) as temporary:
        tensors = {name: value.contiguous() for name, value in weights.items()}
        save_file(tensors, temporary, {"format": "pt", "sshmr": json.dumps(about)})


def halved(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    """A network's state, parameters in half precision; buffers, which are places in metres, as they are."""
    parameters = {name for name, _ in network.named_parameters()}
    return {
        name: value.half() if name in parameters else value for name, value in network.state_dict().items()
    }


def read_about(path: Path | str) -> dict[str, Any]:
    """The metadata of a weights file.

    Raises:
        InputError: when it is missing, damaged or not a file of this program.
    """
    expected = f"weights that sshmr wrote ({SUFFIX})"
    try:
        with safe_open(str(path), "pt") as file:
            metadata = file.metadata() or {}
        about = json.loads(metadata["sshmr"])
    except FileNotFoundError:
        raise InputError(path, found="no such file", expected=expected) from None
    except (SafetensorError, OSError, KeyError, ValueError, RecursionError) as error:
        raise InputError(path, found=f"not readable ({error})", expected=expected) from error
    if not isinstance(about, dict):
        raise InputError(path, 'metadata "sshmr"', f"a {type(about).__name__}", "a mapping")
    missing = [key for key in ABOUT if key not in about]
    if missing:
        raise InputError(path, f'metadata "{missing[0]}"', "missing", ", ".join(ABOUT))
    return about


def read_weights(path: Path | str) -> dict[str, Any]:
    """A weights file as a checkpoint, in single precision.

    Raises:
        InputError: as ``read_about``.
    """
    about = read_about(path)
    tensors = load_file(path)
    weights = {name: value.float() if value.is_floating_point() else value for name, value in tensors.items()}
    ids = about["vertex_ids"]
    if not isinstance(ids, list) or not all(type(number) is int and 0 <= number < 2**31 for number in ids):
        raise InputError(path, 'metadata "vertex_ids"', reprlib.repr(ids), "a list of vertex numbers")
    return about | {
        "vertex_ids": torch.tensor(ids, dtype=torch.int64),
        "weights": weights,
        "last_weights": weights,
        "best_epoch": about["epoch"],
    }
