"""The search from nothing: upright people first, every posture where that leaves doubt."""

from collections.abc import Callable
from typing import NamedTuple

import torch

from sshmr.body.model import BodyModel
from sshmr.fit.confidence import confidence, evidence
from sshmr.fit.engine import Engine, Fitted
from sshmr.fit.linearise import State
from sshmr.fit.residuals import residuals, visible_joints

DOUBTFUL = 0.5
"""Confidence below which people are searched for again."""

SURE = 0.9
"""Confidence from which a fit from a prediction needs no search; benchmarks/starts.py has its effect."""

PREDICTED = ("network", "turned")
"""Names of the starts from a prediction; their indices are -2 and -1."""


class Found(NamedTuple):
    """What a search came to: the fits of B clouds and what is known of each.

    Attributes:
        residual: (B,) metres, the median distance of points to the mesh.
        far_share: (B,) of points farther than 5 cm from it.
        visible: (B, 24) bool, the joints that the cloud shows.
        confidence: (B,) from 0 to 1.
    """

    fitted: Fitted
    residual: torch.Tensor
    far_share: torch.Tensor
    visible: torch.Tensor
    confidence: torch.Tensor


def found_from_nothing(
    engine: Engine,
    body: BodyModel,
    points: torch.Tensor,
    mask: torch.Tensor,
    predicted: State | None = None,
) -> Found:
    """Fit B clouds from typical upright poses; those in doubt again, from every posture.

    With predictions, fits start from these and their turned twins; unless they are sure, upright poses are
    tried as well. Wherever there are two fits of a cloud, the lower energy wins.

    Args:
        body: the whole BodyModel. points: (B, N, 3) metres; mask: (B, N) bool.
        predicted: the network's, B rows.
    """
    if predicted is None:
        first = judged(engine, body, points, mask, engine.from_nothing(points, mask))
    else:
        fitted = engine.from_predictions(points, mask, [predicted])
        fitted = fitted._replace(hypothesis=fitted.hypothesis - len(PREDICTED))
        first = judged(engine, body, points, mask, fitted)
        first = _searched(engine, body, points, mask, first, SURE, engine.from_nothing)
    if not engine.searches_again:
        return first
    return _searched(engine, body, points, mask, first, DOUBTFUL, engine.from_any_posture)


def _searched(
    engine: Engine,
    body: BodyModel,
    points: torch.Tensor,
    mask: torch.Tensor,
    first: Found,
    least: float,
    search: Callable[[torch.Tensor, torch.Tensor], Fitted],
) -> Found:
    """Search for those whose confidence is lower than ``least``, and keep what has the lower energy."""
    rows = (first.confidence < least).nonzero()[:, 0]
    if not len(rows):
        return first
    few = points[rows], mask[rows]
    again = judged(engine, body, *few, search(*few))
    better = again.fitted.energy["energy"] < first.fitted.energy["energy"][rows]
    return _replaced(first, rows[better], _rows(again, better))


def name_of_start(engine: Engine, index: int) -> str:
    """Name of the start with this index, as a fit from nothing gives it."""
    return PREDICTED[index] if index < 0 else engine.name_of(index)


def judged(
    engine: Engine, body: BodyModel, points: torch.Tensor, mask: torch.Tensor, fitted: Fitted
) -> Found:
    """Fits of B clouds with their residual and their confidence."""
    state = State(*(part.cpu() for part in fitted.state))
    median, far_share = (part.to(points) for part in residuals(body, state, points, mask))
    visible = visible_joints(engine.body, fitted.state, points, mask)
    found = evidence(engine.surface, engine.prior, points, mask, fitted.state, median)
    return Found(fitted, median, far_share, visible, confidence(found))


def _rows(found: Found, index: torch.Tensor) -> Found:
    fitted = found.fitted
    energy = {name: value[index] for name, value in fitted.energy.items()}
    some = fitted._replace(
        state=fitted.state.rows(index),
        energy=energy,
        hypothesis=fitted.hypothesis[index],
        movement=fitted.movement[index],
    )
    return Found(some, *(part[index] for part in found[1:]))


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
    return Found(fitted, *(put(*pair) for pair in zip(found[1:], other[1:], strict=True)))
