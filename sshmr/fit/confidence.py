"""How sure a fit is of itself: the probability that its MPJPE is under 100 mm.

A logistic regression on five quantities that need no label. They are taken in the same way whatever
optimiser or settings the fit had, so that the coefficients, learned once, hold. ``benchmarks/confidence.py``
learns them and measures their calibration on people who were left out.
"""

import torch

from sshmr.config.fit import FitConfig
from sshmr.fit.energy import energies
from sshmr.fit.engine import thinned
from sshmr.fit.gauss_newton import refine
from sshmr.fit.linearise import skin

SETTINGS = FitConfig(coverage_weight=1.0)
SPREAD, SLIDING = 0.0075, 0.03
"""Spread of the correspondence (metres) and pull along the surface in the step that tells whether a body has
settled; a fit ends with the same."""
MOST_POINTS = 512
"""So many points of a cloud are enough to tell."""
LEAST = 1e-4
"""Metres; what lies below says no more. Keeps the logarithms finite."""

QUANTITIES = ("residual", "reach", "pose", "shape", "movement")
MEAN = (-5.3416, 0.0287, -121.3933, 2.439, -6.3549)
SCALE = (0.3472, 0.0074, 12.0275, 1.9686, 0.5427)
COEFFICIENTS = (-0.617, -0.729, -0.259, -0.247, -0.508)
INTERCEPT = 3.493
"""Of the quantities less ``MEAN``, over ``SCALE``."""


@torch.no_grad()
def evidence(surface, prior, points, mask, state, residual):
    """What tells a good fit from a bad one, in the order of ``QUANTITIES``.

    Args:
        surface: SurfaceElements. prior: PosePrior.
        points: (B, N, 3) metres; mask: (B, N) bool. state: B fitted bodies.
        residual: (B,) metres, median distance of the points to the surface.

    Returns:
        (B, 5): log residual; mean distance from the visible skin to the cloud, metres; negative log
        likelihood of the pose and of the shape, nats; log of how far one more step would move
        the skin, metres.
    """
    data = (surface, prior, *thinned(points, mask, MOST_POINTS), state)
    moved, view = refine(*data, [SPREAD], SLIDING, SETTINGS)
    terms, vertices = energies(*data, view, SETTINGS)
    movement = (skin(surface.body, moved).vertices - vertices).norm(dim=2).mean(1)
    residual = residual.to(movement)
    return torch.stack(
        [
            residual.clamp_min(LEAST).log(),
            terms["energy_chamfer"],
            terms["energy_prior"],
            terms["energy_shape"],
            movement.clamp_min(LEAST).log(),
        ],
        dim=1,
    )


def confidence(found):
    """(B,) in 0..1, from ``evidence`` (B, 5)."""
    scaled = (found - found.new_tensor(MEAN)) / found.new_tensor(SCALE)
    return torch.sigmoid(scaled @ found.new_tensor(COEFFICIENTS) + INTERCEPT)
