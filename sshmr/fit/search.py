"""The search from nothing: upright people first, every posture where that leaves doubt."""

from typing import NamedTuple

import torch

from sshmr.body.model import BodyModel
from sshmr.fit.confidence import confidence, evidence
from sshmr.fit.engine import Engine, Fitted
from sshmr.fit.linearise import State
from sshmr.fit.residuals import median_residuals

DOUBTFUL = 0.5
"""Confidence below which people are searched for again."""


class Found(NamedTuple):
    """What a search came to: the fits of B clouds, their residual (B,) in metres, and confidence (B,)."""

    fitted: Fitted
    residual: torch.Tensor
    confidence: torch.Tensor


def found_from_nothing(engine: Engine, body: BodyModel, points: torch.Tensor, mask: torch.Tensor) -> Found:
    """Fit B clouds from typical upright poses; those in doubt again, from every posture.

    Args:
        body: the whole BodyModel. points: (B, N, 3) metres; mask: (B, N) bool.
    """
    first = judged(engine, body, points, mask, engine.from_nothing(points, mask))
    rows = (first.confidence < DOUBTFUL).nonzero()[:, 0]
    if not engine.searches_again or not len(rows):
        return first
    few = points[rows], mask[rows]
    again = judged(engine, body, *few, engine.from_any_posture(*few))
    better = again.fitted.energy["energy"] < first.fitted.energy["energy"][rows]
    return _replaced(first, rows[better], _rows(again, better))


def judged(
    engine: Engine, body: BodyModel, points: torch.Tensor, mask: torch.Tensor, fitted: Fitted
) -> Found:
    """Fits of B clouds with their residual and their confidence."""
    state = State(*(part.cpu() for part in fitted.state))
    residual = median_residuals(body, state, points.cpu().numpy(), mask.cpu().numpy())
    residual = torch.from_numpy(residual).to(points)
    found = evidence(engine.surface, engine.prior, points, mask, fitted.state, residual)
    return Found(fitted, residual, confidence(found))


def _rows(found: Found, index: torch.Tensor) -> Found:
    fitted = found.fitted
    energy = {name: value[index] for name, value in fitted.energy.items()}
    some = fitted._replace(
        state=fitted.state.rows(index),
        energy=energy,
        hypothesis=fitted.hypothesis[index],
        movement=fitted.movement[index],
    )
    return Found(some, found.residual[index], found.confidence[index])


def _replaced(found: Found, rows: torch.Tensor, other: Found) -> Found:
    """The fits with those of ``rows`` exchanged."""

    def put(old: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
        return old.index_copy(0, rows, new)

    old, new = found.fitted, other.fitted
    fitted = old._replace(
        state=State(*(put(*pair) for pair in zip(old.state, new.state, strict=True))),
        energy={name: put(value, new.energy[name]) for name, value in old.energy.items()},
        hypothesis=put(old.hypothesis, new.hypothesis),
        movement=put(old.movement, new.movement),
    )
    return Found(fitted, put(found.residual, other.residual), put(found.confidence, other.confidence))
