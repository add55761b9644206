"""Settings of training and inference."""

import dataclasses

from sshmr.config.mapping import from_mapping
from sshmr.errors import InputError


@dataclasses.dataclass(frozen=True)
class LossWeights:
    """Weight of each loss in the sum; 0 leaves a loss out altogether. They are in sshmr/network/losses.py.

    Attributes:
        self_reconstruction, cross_reconstruction: of both shapes each.
        distance_invariance: neighbours by descriptor keep their distances on the template.
        label_cross_entropy: matching against the pseudo labels.
        chamfer: matched predicted vertices against the points.
        matched_distance: each point to the predicted vertices it matches best.
        pose_size: holds the pose near zero, in the first epoch of an untrained network only.
        vertices, joints, rotations: prediction against the fitted (or imagined) body. Not published.
    """

    self_reconstruction: float = 0.0
    cross_reconstruction: float = 0.0
    distance_invariance: float = 0.0
    label_cross_entropy: float = 1.0
    chamfer: float = 0.0
    matched_distance: float = 0.0
    pose_size: float = 0.0
    vertices: float = 2.0
    joints: float = 5.0
    rotations: float = 5.0


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """One round's training; the defaults are the ``small`` preset.

    Attributes:
        epochs: passes over the training clouds.
        batch: clouds a step, imagined ones among them.
        accumulate: goes in which a process takes its part of a step's batch; more need less memory.
        processes: that train together, each on its own shards (sshmr/training/distributed.py).
        points: random points of each cloud a step sees; 0 for all.
        matched_points: of those, how many are matched and read by the head; 0 for all.
        learning_rate: Adam's.
        schedule: ``constant`` as published, or ``cosine``: a short rise, then down to 0 within the round.
        imagined: share of each batch that is imagined (sshmr/training/synthetic.py).
        augment: mirror, jitter and cut real clouds, turn all clouds about the vertical.
        facing: share of the turned clouds that are turned to face +z, give or take; the others face anywhere.
        label_spread: metres over which a pseudo label is shared among the template's vertices; 0: not at all.
        validation: share of the clouds held out for the choice of the best epoch.
        gradient_limit: largest norm of a step's gradient; 0 for none.
        weights: of the losses.
    """

    epochs: int = 20
    batch: int = 24
    accumulate: int = 1
    processes: int = 1
    points: int = 384
    matched_points: int = 128
    learning_rate: float = 1e-3
    schedule: str = "cosine"
    imagined: float = 0.5
    augment: bool = True
    facing: float = 0.5
    label_spread: float = 0.05
    validation: float = 0.1
    gradient_limit: float = 1.0
    weights: LossWeights = dataclasses.field(default_factory=LossWeights)

    def __post_init__(self):
        for name, fine, expected in (
            ("epochs", self.epochs >= 1, "1 or more"),
            ("batch", self.batch >= 1, "1 or more"),
            ("accumulate", self.accumulate >= 1, "1 or more"),
            ("processes", self.processes >= 1, "1 or more"),
            ("points", self.points >= 0, "0 (all) or more"),
            ("matched_points", self.matched_points >= 0, "0 (all) or more"),
            ("learning_rate", self.learning_rate > 0, "more than 0"),
            ("schedule", self.schedule in ("constant", "cosine"), "constant or cosine"),
            ("imagined", 0 <= self.imagined < 1, "0 or more and less than 1"),
            ("facing", 0 <= self.facing <= 1, "0 to 1"),
            ("label_spread", self.label_spread >= 0, "0 (none) or more"),
            ("validation", 0 <= self.validation < 1, "0 or more and less than 1"),
        ):
            if not fine:
                raise InputError("config", f'key "train.{name}"', repr(getattr(self, name)), expected)

    @property
    def shares(self):
        """Parts that a step's batch is cut in, each with shards of its own."""
        return self.processes * self.accumulate

    def check_shards(self, count):
        """Refuse more shares than there are shards."""
        if self.shares > max(count, 1):
            found, expected = f"{self.shares} shares of a batch", f"at most {count}, as there are shards"
            keys = 'keys "train.processes" times "train.accumulate"'
            raise InputError("config", keys, found, expected, "Lower one of them.")

    @property
    def real_batch(self):
        """Clouds a step that come from the training set."""
        return max(1, self.batch - round(self.batch * self.imagined))


PRESETS = {
    "small": {},
    "medium": {"epochs": 30, "batch": 32, "points": 768, "matched_points": 256, "learning_rate": 5e-4},
    "paper": {
        "epochs": 20,
        "batch": 48,
        "points": 0,
        "matched_points": 0,
        "learning_rate": 5e-4,
        "schedule": "constant",
        "imagined": 0.0,
        "augment": False,
        "facing": 0.0,
        "label_spread": 0.0,
        "gradient_limit": 0.0,
        "weights": {
            "self_reconstruction": 1.0,
            "cross_reconstruction": 1.0,
            "distance_invariance": 1.0,
            "label_cross_entropy": 1.0,
            "chamfer": 15.0,
            "matched_distance": 1.0,
            "pose_size": 5.0,
            "vertices": 0.0,
            "joints": 0.0,
            "rotations": 0.0,
        },
    },
}


def train_config(settings, where="train"):
    """A ``TrainConfig`` from a mapping: ``preset`` names the start, other keys replace its values.

    Raises:
        InputError: for an unknown preset or key, or a value that doesn't fit.
    """
    settings = dict(settings)
    preset = settings.pop("preset", "small")
    if preset not in PRESETS:
        raise InputError(where, 'key "preset"', repr(preset), "one of " + ", ".join(PRESETS))
    merged = {**PRESETS[preset], **settings}
    if isinstance(settings.get("weights"), dict):
        merged["weights"] = {**PRESETS[preset].get("weights", {}), **settings["weights"]}
    return from_mapping(TrainConfig, merged, where)


@dataclasses.dataclass(frozen=True)
class InferConfig:
    """Inference.

    Attributes:
        batch: clouds at a time.
        points: of each cloud that are looked at, spread over it; 0 for all.
        matched_points: of those, how many are matched and read by the head; 0 for all.
        turns: views of each cloud, turned about the vertical, whose predictions are averaged.
        mirrored: show each view mirrored as well.
        passes: how often to look; from the second time on, turned to face +z as the time before told.
    """

    batch: int = 32
    points: int = 512
    matched_points: int = 256
    turns: int = 4
    mirrored: bool = True
    passes: int = 3

    def __post_init__(self):
        for least, names in ((1, ("batch", "turns", "passes")), (0, ("points", "matched_points"))):
            for name in names:
                if getattr(self, name) < least:
                    found, expected = getattr(self, name), f"{least} or more"
                    raise InputError("config", f'key "infer.{name}"', found, expected)
