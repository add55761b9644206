"""People in one frame of a scene. Metres, y up."""

from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from sshmr.people.background import Background
from sshmr.people.candidates import LOW, find_pieces
from sshmr.people.classifier import Classifier, shipped
from sshmr.people.features import describe
from sshmr.people.ground import Ground, find_ground

LEAST_SCORE = 0.15
"""Pieces with a lower score are not listed."""
SHARED = 0.25
"""Largest share of a piece's points that belong to a better piece."""
SOLE = 0.035
"""Metres over the ground around a person's feet below which points belong to the ground."""
FOOTPRINT = 0.12
"""Metres, seen from above, from a person's lower legs to points of the feet."""


class Found(NamedTuple):
    """A possible person.

    Attributes:
        points: (k, 3) metres; empty if they are not kept. number: of the points.
        score: 0 to 1. low, high: (3,) metres, the box around them.
    """

    points: np.ndarray
    number: int
    score: float
    low: np.ndarray
    high: np.ndarray

    @property
    def place(self) -> np.ndarray:
        """Middle of the box seen from above, x and z, metres."""
        return ((self.low + self.high) / 2)[[0, 2]]


class Frame(NamedTuple):
    """The detections of a frame: ``Found`` by falling score, and the ``Ground``."""

    found: list[Found]
    ground: Ground


def find_people(
    points: np.ndarray, background: Background | None = None, classifier: Classifier | None = None
) -> Frame:
    """All pieces of a frame that resemble a person, without those that share many points with a better one.

    Args:
        points: (K, 3) float, metres, y up, finite.
        background: the static points of the scene, which are left out.
        classifier: the shipped one if None.
    """
    ground = find_ground(points)
    level = points @ ground.turn.T
    above = ground.above(level)
    if background is not None:
        above = np.where(background.covers(points), -np.inf, above)
    pieces = find_pieces(level, above)
    scores = (classifier or shipped()).score(describe(level, above, pieces))
    taken = np.zeros(len(points), bool)
    low = np.flatnonzero(np.abs(above) < LOW + 1e-9)
    found = []
    for row in np.argsort(-scores, kind="stable"):
        if scores[row] < LEAST_SCORE:
            break
        members = pieces.members[row]
        if taken[members].mean() > SHARED:
            continue
        members = members[~taken[members]]
        members = _with_feet(level, above, members, low[~taken[low]])
        taken[members] = True
        person = points[members]
        found.append(Found(person, len(person), float(scores[row]), person.min(axis=0), person.max(axis=0)))
    return Frame(found, ground)


def _with_feet(level: np.ndarray, above: np.ndarray, members: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """A person's points and those of the feet, among points near the ground: too low for a candidate's."""
    place, beside_ground = level[members][:, [0, 2]], level[ground][:, [0, 2]]
    legs = place[above[members] < above[members].min() + 0.3]
    low, high = legs.min(axis=0) - 1.0, legs.max(axis=0) + 1.0
    inside = ((beside_ground > low) & (beside_ground < high)).all(axis=1)
    if not inside.any():
        return members
    around = ground[inside]
    # The grid's ground is smooth; the height around these feet is measured.
    beside = cKDTree(legs).query(beside_ground[inside], distance_upper_bound=1.0)[0]
    bare = above[around[beside > FOOTPRINT]]
    sole = (np.median(bare) if len(bare) >= 10 else 0.0) + SOLE
    feet = around[(beside < FOOTPRINT) & (above[around] > sole)]
    return np.sort(np.concatenate([members, feet]))
