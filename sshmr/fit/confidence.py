"""The confidence of a fit: the estimated probability that its MPJPE over the visible joints is under 100 mm.

A logistic regression on seven quantities that need no truth. The quantities do not depend on the optimiser
and the settings of the fit, so the same coefficients apply to all fits. ``benchmarks/confidence.py`` learns
them and measures their calibration on other people.
"""

import torch

from sshmr.body.prior import PosePrior
from sshmr.config.fit import FitConfig
from sshmr.fit.energy import Problem, Sight, energies
from sshmr.fit.engine import thinned
from sshmr.fit.gauss_newton import refine
from sshmr.fit.linearise import State, skin
from sshmr.fit.surface import SurfaceElements

SETTINGS = FitConfig(coverage_weight=1.0)
SPREAD, SLIDING = 0.0075, 0.03
"""Spread of the correspondence (metres) and weight along the surface in the step that shows whether a body
still
moves. A fit ends with the same values."""
MOST_POINTS = 512
"""Largest number of points that are used."""
LEAST = 1e-4
"""Metres. Smaller values are set to this, which keeps the logarithms finite."""

FAR = 0.06
"""Metres from the nearest vertex of the template, whose vertices lie some 4 cm apart."""

QUANTITIES = ("residual", "reach", "pose", "shape", "movement", "count", "far")
MEAN = (-5.3374, 0.0507, -112.6021, 3.5288, -5.9531, 6.064, 0.0461)
SCALE = (0.5293, 0.0339, 15.8278, 2.2101, 0.5088, 0.7522, 0.072)
COEFFICIENTS = (-0.5716, -0.7019, -0.6348, -0.1491, -0.4748, -0.2288, -0.6713)
INTERCEPT = 3.418
"""Coefficients of the quantities minus ``MEAN``, divided by ``SCALE``."""


@torch.no_grad()
def evidence(
    surface: SurfaceElements,
    prior: PosePrior,
    points: torch.Tensor,
    mask: torch.Tensor,
    state: State,
    residual: torch.Tensor,
    sensor: torch.Tensor | None = None,
) -> torch.Tensor:
    """The quantities that predict whether a fit is good, in the order of ``QUANTITIES``.

    Args:
        surface: SurfaceElements. prior: PosePrior.
        points: (B, N, 3) metres; mask: (B, N) bool. state: B fitted bodies.
        residual: (B,) metres, median distance of the points to the surface.
        sensor: (B, 3) metres, NaN where unknown, or None.

    Returns:
        (B, 7): log residual; mean distance from the visible skin to the cloud, metres; negative log
        likelihood of the pose and of the shape, nats; log of how far one more step would move
        the skin, metres; log number of points; root of the share of points farther than ``FAR`` from the
        template's vertices.
    """
    few, few_mask = thinned(points, mask, MOST_POINTS)
    problem = Problem(surface, prior, few, few_mask, SETTINGS, Sight(sensor))
    moved, view = refine(problem, state, [SPREAD], SLIDING)
    terms, vertices = energies(problem, state, view)
    movement = (skin(surface.body, moved).vertices - vertices).norm(dim=2).mean(1)
    residual = residual.to(movement)
    apart = torch.cdist(few, vertices).amin(2) > FAR
    count = mask.sum(1).clamp_min(1).to(movement)
    far = (apart & few_mask).sum(1) / few_mask.sum(1).clamp_min(1)
    return torch.stack(
        [
            residual.clamp_min(LEAST).log(),
            terms["energy_chamfer"],
            terms["energy_prior"],
            terms["energy_shape"],
            movement.clamp_min(LEAST).log(),
            count.log(),
            far.sqrt(),
        ],
        dim=1,
    )


def confidence(found: torch.Tensor) -> torch.Tensor:
    """(B,) in 0..1, from ``evidence`` (B, 7)."""
    scaled = (found - found.new_tensor(MEAN)) / found.new_tensor(SCALE)
    return torch.sigmoid(scaled @ found.new_tensor(COEFFICIENTS) + INTERCEPT)
