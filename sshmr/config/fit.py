"""Settings of the fit."""

import dataclasses
from typing import Literal

from sshmr.errors import InputError


@dataclasses.dataclass(frozen=True)
class Stage:
    """One stage of the search.

    Attributes:
        hypotheses: how many of each cloud's hypotheses enter, the best so far.
        vertices: how many template vertices stand for the body.
        points: at most so many points of the cloud are used.
        iterations: optimiser steps.
        start, end: standard deviation of the correspondence, metres, falling geometrically.
        limbs: the best hypothesis with limbs held otherwise enters too.
        sliding: how much a point pulls its vertex along the surface, as a share of the pull across it. Early
            it helps limbs to find their place; late it shortens them, for no point lies beyond their ends.
    """

    hypotheses: int
    vertices: int
    points: int
    iterations: int
    start: float
    end: float
    limbs: bool = False
    sliding: float = 0.2

    def spreads(self):
        """Standard deviation at each step, metres."""
        ratio = (self.end / self.start) ** (1 / max(1, self.iterations - 1))
        return [self.start * ratio**step for step in range(self.iterations)]


SEARCH = (
    Stage(hypotheses=48, vertices=96, points=96, iterations=8, start=0.15, end=0.06),
    Stage(hypotheses=14, vertices=256, points=256, iterations=8, start=0.08, end=0.035),
    Stage(hypotheses=3, vertices=512, points=384, iterations=6, start=0.04, end=0.025, limbs=True),
    Stage(hypotheses=1, vertices=1024, points=1024, iterations=8, start=0.03, end=0.0075, sliding=0.03),
)
REFINE = (
    Stage(hypotheses=8, vertices=384, points=384, iterations=5, start=0.06, end=0.03),
    Stage(hypotheses=3, vertices=512, points=384, iterations=5, start=0.04, end=0.025, limbs=True),
    Stage(hypotheses=1, vertices=1024, points=1024, iterations=10, start=0.04, end=0.0075, sliding=0.03),
)


@dataclasses.dataclass(frozen=True)
class FitConfig:
    """How bodies are registered to clouds.

    Attributes:
        optimiser: ``gauss_newton``, or ``adam`` for the published routine.
        headings: start headings about the vertical, evenly spaced, tried when there is no prediction.
        poses: typical poses tried at every heading; 1 is the standing pose alone.
        search: stages when there is no prediction. refine: stages from predictions.
        effective_points: how many independent observations a cloud counts as, at most.
        outlier_weight: share of points that belong to no body, a priori.
        pose_weight, bending_weight, shape_weight: multipliers of the priors.
        shared_shape_weight: how strongly a shape is held to what the round before found for its
            sequence, which is one person; 0: not.
        smooth_weight: how strongly a pose is held to the mean of what the round before found in the frames
            around, per square radian; 0: not.
        penetration_weight: how strongly limbs are held out of the body, nats per square metre of depth, were
            all its skin that deep.
        coverage_weight: weight of the model's distance to the cloud when hypotheses are compared.
        screen_coverage: the same when start bodies are screened, against the cloud's distance to the model.
        compare_spread: standard deviation at which hypotheses are compared, metres.
        facing: how sharply vertices that turn away from the sensor are left out; 0 matches all.
        neighbours: also start from the bodies that the round before found in the frames before and after.
        batch: clouds registered together; 0: as many as suit the device.
    """

    optimiser: Literal["gauss_newton", "adam"] = "gauss_newton"
    headings: int = 12
    poses: int = 192
    search: tuple[Stage, ...] = SEARCH
    refine: tuple[Stage, ...] = REFINE
    effective_points: float = 200.0
    outlier_weight: float = 0.05
    pose_weight: float = 1.0
    bending_weight: float = 1.0
    shape_weight: float = 1.0
    penetration_weight: float = 1e6
    shared_shape_weight: float = 30.0
    smooth_weight: float = 50.0
    coverage_weight: float = 20.0
    screen_coverage: float = 0.3
    compare_spread: float = 0.03
    facing: float = 10.0
    neighbours: bool = True
    batch: int = 0

    def clouds_at_once(self, device):
        """How many clouds to register together on a device: a GPU is hardly used by a few."""
        return self.batch or (8 if str(device) == "cpu" else 64)

    def __post_init__(self):
        for name in ("search", "refine"):
            if not getattr(self, name):
                raise InputError("config", f'key "fit.{name}"', "empty", "at least one stage")
            if getattr(self, name)[0].limbs:
                raise InputError(
                    "config",
                    f'key "fit.{name}"',
                    "limbs in the first stage",
                    "limbs in later stages only: the first one has no best body yet",
                )
