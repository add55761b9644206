"""Settings of training."""

from typing import Literal

from pydantic import Field

from sshmr.config.base import Settings
from sshmr.config.mapping import from_mapping
from sshmr.errors import InputError


class LossWeights(Settings):
    """Weight of each loss in the sum. 0 leaves a loss out. sshmr/network/losses.py defines them."""

    self_reconstruction: float = Field(0.0, ge=0, le=1e6)
    """Reconstruction of each point from its best matches on its own shape."""
    cross_reconstruction: float = Field(0.0, ge=0, le=1e6)
    """Reconstruction of each point from its best matches on the other shape."""
    distance_invariance: float = Field(0.0, ge=0, le=1e6)
    """Neighbours in descriptor space keep their distances on the template."""
    label_cross_entropy: float = Field(1.0, ge=0, le=1e6)
    """Cross entropy of the matching against the pseudo labels."""
    chamfer: float = Field(0.0, ge=0, le=1e6)
    """Chamfer distance of the matched predicted vertices and the points."""
    matched_distance: float = Field(0.0, ge=0, le=1e6)
    """Distance of each point to the predicted vertices it matches best."""
    pose_size: float = Field(0.0, ge=0, le=1e6)
    """Size of the pose, in the first epoch of an untrained network only."""
    vertices: float = Field(2.0, ge=0, le=1e6)
    """Predicted vertices against those of the fit or synthetic body. Not in the published method."""
    joints: float = Field(5.0, ge=0, le=1e6)
    """Predicted joints against those of the fit or synthetic body. Not in the published method."""
    rotations: float = Field(5.0, ge=0, le=1e6)
    """Predicted joint rotations against those of the fit or synthetic body. Not in the published method."""


class TrainConfig(Settings):
    """Training in one round. The defaults train on a CPU; config/paper.yaml has the published settings."""

    initial: Literal["pretrained", "none"] = "pretrained"
    """Start of the loop: pretrained, the weights shipped with the package, which also start the fits
    of round 0, or none, an untrained network."""
    epochs: int = Field(10, ge=1, le=100_000)
    """Passes over the training clouds. An untrained network needs more and faster ones: 20 epochs at
    learning_rate 0.001 with synthetic 0.5."""
    batch: int = Field(24, ge=1, le=65536)
    """Clouds per step, including synthetic ones."""
    accumulate: int = Field(1, ge=1, le=1024)
    """Gradient accumulation: number of micro-batches per step. More of them need less memory."""
    processes: int = Field(1, ge=1, le=1024)
    """Processes that train together: one per GPU, or each with a share of the CPU's threads."""
    points: int = Field(384, ge=0, le=32768)
    """Random points of each cloud that a step uses. 0 uses all."""
    matched_points: int = Field(128, ge=0, le=32768)
    """How many of these are matched to the template and read by the head. 0 uses all."""
    learning_rate: float = Field(0.0005, gt=0, le=1)
    """Learning rate of Adam."""
    schedule: Literal["constant", "cosine"] = "cosine"
    """Learning rate over a round: constant (published), or cosine (short warm-up, then down to 0)."""
    synthetic: float = Field(0.25, ge=0, lt=1)
    """Fraction of each batch that is synthetic: bodies drawn from the pose prior."""
    augment: bool = True
    """Mirror, jitter and crop real clouds, and rotate all clouds about the vertical."""
    facing: float = Field(0.5, ge=0, le=1)
    """Fraction of the rotated clouds that face roughly +z. The others face any direction."""
    label_spread: float = Field(0.05, ge=0, le=1)
    """Distance over which a pseudo label is shared among template vertices, in metres. 0 does not share
    it."""
    weighted: bool = True
    """Weight each pseudo label by the probability that its point belongs to the body and by the fit's
    confidence. false weights all pseudo labels equally, as published."""
    validation: float = Field(0.1, ge=0, lt=1)
    """Fraction of the clouds held out to choose the best epoch."""
    gradient_limit: float = Field(1.0, ge=0, le=1e6)
    """Largest norm of a step's gradient. 0 sets no limit."""
    weights: LossWeights = LossWeights()

    @property
    def shares(self) -> int:
        """Number of shares of a step's batch. Each share has its own shards."""
        return self.processes * self.accumulate

    def check_shards(self, count: int) -> None:
        """Refuse more shares than there are shards."""
        if self.shares > max(count, 1):
            found, expected = f"{self.shares} shares of a batch", f"at most {count}, as there are shards"
            keys = 'keys "train.processes" times "train.accumulate"'
            raise InputError("config", keys, found, expected, "Lower one of them.")

    @property
    def real_batch(self) -> int:
        """Clouds per step that come from the training set."""
        return max(1, self.batch - round(self.batch * self.synthetic))


def train_config(settings: object) -> TrainConfig:
    """A ``TrainConfig`` from a mapping.

    Raises:
        InputError: for an unknown key or a wrong value.
    """
    return from_mapping(TrainConfig, settings, "train")
