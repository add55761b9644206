"""The shipped weights: a network trained on synthetic people, for the open body."""

from importlib import resources
from pathlib import Path

PRETRAINED = "pretrained"
"""The value of the setting ``train.initial`` that stands for the shipped weights."""


def pretrained_path() -> Path:
    """Path of the shipped weights; ``pretrained.md`` beside them is their model card."""
    return Path(str(resources.files("sshmr.network"))) / "assets" / "pretrained.safetensors"
