"""The search without a prediction: upright people; if the confidence is low, every posture and parts of
people."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import torch

from sshmr.body.model import BodyModel
from sshmr.fit.confidence import confidence, evidence
from sshmr.fit.engine import Engine, Fitted, frame_of, heights
from sshmr.fit.linearise import State
from sshmr.fit.residuals import largest_piece, residuals, visible_joints

SEARCHED_BELOW = 0.9
"""With this confidence, a fit needs no further search. Of 107 wrong fits from a prediction, on simulated
clouds of all kinds of benchmarks/wild_clouds.py, 8 reached it. benchmarks/starts.py shows the effect."""
SEARCHED_FAR = 0.05
"""With a larger share of points farther than 5 cm, a fit is searched again, too. Of 39 such fits on the
simulated clouds, 12 were right."""
WHOLE = 1.35
"""Metres. A lower cloud may show a part of an upright person."""
PART_COST = 6.0
"""Nats by which a part must lower the energy, as few clouds show a part."""

CERTAIN, MISSED = 0.95, 0.01
"""A fit with a lower confidence, or with a larger connected share of far points, may miss a limb."""

DOUBTFUL, SURER, LEAST_PIECE = 0.4, 0.3, 0.5
"""With a lower confidence than the first, a fit may include what stands beside the person. The fit to the
largest piece replaces it if its confidence is higher by the second. Third: smallest share of a piece."""

PREDICTED = ("network", "turned")
"""Names of the starts from a prediction; their indices are -2 and -1."""


Seen = tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]
"""Points (B, N, 3), mask (B, N) and the sensor's place (B, 3) of B clouds."""


class Found(NamedTuple):
    """The result of a search: the fits of B clouds and their qualities.

    Attributes:
        residual: (B,) metres, the median distance of points to the mesh.
        far_share: (B,) of points farther than 5 cm from it.
        missed_share: (B,) of points that are far from it and connected.
        visible: (B, 24) bool, the joints that the cloud shows.
        confidence: (B,) from 0 to 1.
    """

    fitted: Fitted
    residual: torch.Tensor
    far_share: torch.Tensor
    missed_share: torch.Tensor
    visible: torch.Tensor
    confidence: torch.Tensor

    def rows(self, index: torch.Tensor | slice) -> "Found":
        """Those of some clouds."""
        fitted = self.fitted
        some = fitted._replace(
            state=fitted.state.rows(index),
            energy={name: value[index] for name, value in fitted.energy.items()},
            hypothesis=fitted.hypothesis[index],
            movement=fitted.movement[index],
        )
        return Found(some, *(part[index] for part in self[1:]))


def found_from_nothing(
    engine: Engine,
    body: BodyModel,
    points: torch.Tensor,
    mask: torch.Tensor,
    predicted: State | None = None,
    sensor: torch.Tensor | None = None,
) -> Found:
    """Fit B clouds from typical upright poses. If these fits are unsure, also from every posture and as
    parts.

    With predictions, fits start from these and their mirrored starts. If these are unsure, upright poses
    and the search for parts are tried, too. Fits that may miss a limb are repeated. Of several fits of a
    cloud, the one with the lowest energy wins. Doubtful clouds are also fitted without what stands beside.

    Args:
        body: the whole BodyModel. points: (B, N, 3) metres; mask: (B, N) bool.
        predicted: the network's, B rows. sensor: (B, 3) metres, NaN where unknown, or None.
    """
    seen = points, mask, sensor
    if predicted is None:
        first = judged(engine, body, points, mask, engine.from_nothing(*seen), sensor)
    else:
        fitted = _from_predicted(engine, predicted, points, mask, sensor)
        first = judged(engine, body, points, mask, fitted, sensor)
        first = _searched(engine, body, seen, first, _unsure(first), engine.from_nothing)
    if not engine.searches_again:
        return first
    lowest, highest = heights(points, mask)
    low = highest - lowest < WHOLE
    found = _searched(engine, body, seen, first, _unsure(first), engine.from_any_posture)
    for upper in (True, False):
        if predicted is not None:
            near = predicted.rows(low.nonzero()[:, 0])
            part = functools.partial(_from_predicted, engine, near, upper=upper)
            found = _searched(engine, body, seen, found, low, part, PART_COST)
        part = functools.partial(engine.from_part, upper=upper)
        tried = low if predicted is None else low & _unsure(found)
        found = _searched(engine, body, seen, found, tried, part, PART_COST)
    found = _with_missed_limbs(engine, body, seen, found)
    return _without_neighbours(engine, body, seen, predicted, found)


def _without_neighbours(
    engine: Engine, body: BodyModel, seen: Seen, predicted: State | None, found: Found
) -> Found:
    """Fit the largest piece of each doubtful cloud alone; keep what is then clear.

    The other pieces may be an object or another person in the box. Their points still count as far ones.
    """
    points, mask, sensor = seen
    alone = mask.clone()
    for row in (found.confidence < DOUBTFUL).nonzero()[:, 0]:
        alone[row, mask[row]] = torch.from_numpy(largest_piece(points[row, mask[row]].cpu().numpy())).to(mask)
    kept = alone.sum(1) / mask.sum(1)
    rows = ((kept < 1) & (kept >= LEAST_PIECE)).nonzero()[:, 0]
    if not len(rows):
        return found
    sensor = None if sensor is None else sensor[rows]
    start = None if predicted is None else predicted.rows(rows)
    # Nothing is beside a largest piece, so this ends.
    piece = found_from_nothing(engine, body, points[rows], alone[rows], start, sensor)
    whole = judged(engine, body, points[rows], mask[rows], piece.fitted, sensor)
    clear = piece.confidence > found.confidence[rows] + SURER
    return exchanged(found, rows[clear], whole._replace(confidence=piece.confidence), clear)


def _unsure(found: Found) -> torch.Tensor:
    """(B,) bool, which fits need a further search."""
    return (found.confidence < SEARCHED_BELOW) | (found.far_share > SEARCHED_FAR)


def _from_predicted(
    engine: Engine,
    predicted: State,
    points: torch.Tensor,
    mask: torch.Tensor,
    sensor: torch.Tensor | None,
    upper: bool | None = None,
) -> Fitted:
    """Fit from predictions; with ``upper``, as the upper part of a person or (False) the lower one."""
    frame = None if upper is None else frame_of(points, mask, upper)
    fitted = engine.from_predictions(points, mask, [predicted], sensor=sensor, frame=frame)
    return fitted._replace(hypothesis=fitted.hypothesis - len(PREDICTED))


def _with_missed_limbs(engine: Engine, body: BodyModel, seen: Seen, found: Found) -> Found:
    """Repeat the fits that may miss a limb; keep those that lower the energy."""
    which = (found.confidence < CERTAIN) | (found.missed_share > MISSED)
    before = found.rows(which.nonzero()[:, 0]).fitted

    def again(points: torch.Tensor, mask: torch.Tensor, sensor: torch.Tensor | None) -> Fitted:
        fitted = engine.from_fit(points, mask, before.state, sensor)
        return fitted._replace(hypothesis=before.hypothesis)

    return _searched(engine, body, seen, found, which, again)


def _searched(
    engine: Engine,
    body: BodyModel,
    seen: Seen,
    first: Found,
    which: torch.Tensor,
    search: Callable[..., Fitted],
    cost: float = 0.0,
) -> Found:
    """Search for those of ``which`` (B,) bool; keep what lowers the energy by more than ``cost`` nats."""
    rows = which.nonzero()[:, 0]
    if not len(rows):
        return first
    points, mask, sensor = seen[0][rows], seen[1][rows], None if seen[2] is None else seen[2][rows]
    again = judged(engine, body, points, mask, search(points, mask, sensor=sensor), sensor)
    better = again.fitted.energy["energy"] + cost < first.fitted.energy["energy"][rows]
    return exchanged(first, rows[better], again, better)


def name_of_start(engine: Engine, index: int) -> str:
    """Name of the start with this index, as the search returns it."""
    return PREDICTED[index] if index < 0 else engine.name_of(index)


def judged(
    engine: Engine,
    body: BodyModel,
    points: torch.Tensor,
    mask: torch.Tensor,
    fitted: Fitted,
    sensor: torch.Tensor | None = None,
) -> Found:
    """Fits of B clouds with their residual and their confidence."""
    state = State(*(part.cpu() for part in fitted.state))
    median, far_share, missed_share = (part.to(points) for part in residuals(body, state, points, mask))
    visible = visible_joints(engine.body, fitted.state, points, mask)
    found = evidence(engine.surface, engine.prior, points, mask, fitted.state, median, sensor)
    return Found(fitted, median, far_share, missed_share, visible, confidence(found))


def exchanged(found: Found, rows: torch.Tensor, other: Found, chosen: torch.Tensor) -> Found:
    """The fits, with those of ``rows`` replaced by those of another's ``chosen`` (mask or indices)."""
    other = other.rows(chosen)

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
