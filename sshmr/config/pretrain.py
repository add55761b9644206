"""Settings of pretraining."""

from typing import Self

from pydantic import Field, model_validator

from sshmr.config.base import Settings, misfit


class PretrainConfig(Settings):
    """Training on synthetic people alone: snakemake pretrain. docs/pretraining.md explains it."""

    motion: str | None = None
    """Poses of the people: an AMASS .npz, a folder of them, or a Parquet of motions. null draws poses from
    the pose prior."""
    credit: str | None = None
    """Sentence for the model card that says where the motion comes from."""
    held_out: float = Field(0.25, gt=0, lt=1)
    """Fraction of the motion's subjects kept for evaluation."""
    steps: int = Field(40_000, ge=1)
    """Optimiser steps. A higher number later continues a finished training from the step at which its
    learning rate began to
    fall."""
    decay: int = Field(8_000, ge=0)
    """The last steps, in which the learning rate falls to 0."""
    batch: int = Field(48, ge=1, le=65536)
    """Clouds per step."""
    points: int = Field(384, ge=64)
    """Points per cloud, at most."""
    matched_points: int = Field(128, ge=0)
    """How many of these are matched to the template and read by the head. 0 uses all."""
    learning_rate: float = Field(0.001, gt=0, le=1)
    """Learning rate of AdamW."""
    weight_decay: float = Field(0.01, ge=0, le=1)
    """Weight decay of AdamW."""
    averaging: float = Field(0.999, ge=0, lt=1)
    """Factor of the exponential moving average of the weights."""
    facing: float = Field(0.5, ge=0, le=1)
    """Fraction of the clouds that face roughly +z. The others face any direction."""
    evaluate_every: int = Field(500, ge=1)
    """Steps between two evaluations on the held-out people."""
    evaluated: int = Field(96, ge=1)
    """Clouds of each kind in an evaluation."""

    @model_validator(mode="after")
    def _decay_fits(self) -> Self:
        if self.decay > self.steps:
            raise misfit("decay", self.decay, f"0 to pretrain.steps, {self.steps}")
        return self
