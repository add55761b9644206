"""Settings of the fit."""

from typing import Literal, Self

from pydantic import Field, model_validator

from sshmr.config.base import Settings, misfit


class Stage(Settings):
    """One stage of the search."""

    hypotheses: int = Field(ge=1, le=4096)
    """Hypotheses per cloud that enter the stage: the best so far."""
    vertices: int = Field(ge=8, le=6890)
    """Template vertices that represent the body."""
    points: int = Field(ge=8, le=32768)
    """Largest number of points of the cloud that are used."""
    iterations: int = Field(ge=1, le=1000)
    """Optimiser steps."""
    start: float = Field(gt=0, le=2)
    """Standard deviation of the correspondences in the first step, in metres. It falls geometrically."""
    end: float = Field(gt=0, le=2)
    """Standard deviation of the correspondences in the last step, in metres."""
    limbs: bool = False
    """Also try the best hypothesis with other poses of arms and legs. Not possible in a first stage."""
    sliding: float = Field(0.2, ge=0, le=1)
    """Weight of a residual along the surface, relative to one across it. High values help limbs to find their
    place early on, but shorten them later, because there are no points beyond their ends."""

    def spreads(self) -> list[float]:
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


class FitConfig(Settings):
    """Registering the body to each cloud."""

    optimiser: Literal["gauss_newton", "adam"] = "gauss_newton"
    """gauss_newton, or adam for the published routine."""
    headings: int = Field(12, ge=1, le=360)
    """Initial headings about the vertical, evenly spaced. Used in the search without a prediction."""
    poses: int = Field(192, ge=1, le=193)
    """Typical poses tried at every heading. 1 tries the standing pose alone; 193 are shipped."""
    unusual: float = Field(0.05, ge=0, lt=1)
    """Prior probability that a person neither stands nor walks, but sits, crawls, lies or is upside down.
    Such bodies are tried if the confidence of the upright ones is low. 0 never tries them."""
    size: Literal["any", "adult"] = "adult"
    """adult, or any to estimate the size along with the body: for children, and for scans without a scale.
    Takes about four times as long. The column scale has the result. sshmr track follows adults."""
    search: tuple[Stage, ...] = Field(SEARCH, min_length=1)
    """Stages of the search without a prediction, from coarse to fine."""
    refine: tuple[Stage, ...] = Field(REFINE, min_length=1)
    """Stages of a fit that starts from a prediction."""
    effective_points: float = Field(200.0, gt=0, le=1e6)
    """Largest number of independent observations that a cloud counts as."""
    outlier_weight: float = Field(0.05, gt=0, lt=1)
    """Prior probability that a point does not belong to the body."""
    outside: float = Field(0.2, gt=0, le=1)
    """Weight of points that lie 15 mm or more outside the skin, as clothes and hair do, relative to other
    points. Low values keep bodies slim under loose clothes. 1 fits the body to the clothes."""
    pose_weight: float = Field(1.0, ge=0, le=1e6)
    """Weight of the pose prior."""
    bending_weight: float = Field(1.0, ge=0, le=1e6)
    """Weight of the prior on elbow and knee bending."""
    shape_weight: float = Field(1.0, ge=0, le=1e6)
    """Weight of the shape prior."""
    shared_shape_weight: float = Field(30.0, ge=0, le=1e6)
    """Weight that pulls a shape towards the previous round's mean shape of its sequence, which is one
    person."""
    smooth_weight: float = Field(50.0, ge=0, le=1e6)
    """Weight that pulls a pose towards the previous round's mean pose in the neighbouring frames, per square
    radian."""
    penetration_weight: float = Field(1e6, ge=0, le=1e12)
    """Weight of the self-penetration term, in nats per square metre of mean squared depth."""
    coverage_weight: float = Field(20.0, ge=0, le=1e6)
    """Weight of the distance from model to cloud when hypotheses are compared."""
    screen_coverage: float = Field(0.3, ge=0, le=1e6)
    """Weight of the distance from model to cloud when start bodies are ranked, relative to that from cloud to
    model."""
    compare_spread: float = Field(0.03, gt=0, le=1)
    """Standard deviation of the correspondences when hypotheses are compared, in metres."""
    facing: float = Field(10.0, ge=0, le=1000)
    """How sharply vertices that face away from the sensor are left out. 0 matches all vertices."""
    previous: bool = True
    """Also start from the previous round's fit of the same frame. false starts from the prediction, as
    published."""
    neighbours: bool = True
    """Also start from the previous round's fits of the neighbouring frames."""
    batch: int = Field(0, ge=0, le=65536)
    """Clouds fitted together. Affects memory and speed only. 0 means 8 on a CPU and 64 on a GPU."""

    def clouds_at_once(self, device: object) -> int:
        """How many clouds to register together on a device: a few hardly occupy a GPU."""
        return self.batch or (8 if str(device) == "cpu" else 64)

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name, stages in (("search", self.search), ("refine", self.refine)):
            if stages[0].limbs:
                expected = "false in the first stage, which has no best hypothesis yet"
                raise misfit(f"{name}[0].limbs", True, expected)
        return self
