"""Guess the up axis and the unit of a scene's files, and whether a file shows a scene."""

import shlex
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sshmr.config.extract import METRES, metres_of
from sshmr.errors import InputError
from sshmr.geometry.up_axes import TO_Y_UP
from sshmr.people.detect import Found, Frame, find_people

NARROWEST, WIDEST = 1.5, 400.0
"""Metres: the extent of nearly all points of a scene."""
WIDE = 5.5
"""Metres. A cloud with a larger extent is not a single person."""
MOST_POINTS = 150_000
SURE = 0.5
"""Smallest score of a person here."""
GROUND_CELLS, GROUND_SHARE = 30, 0.08
"""Cells of ground, and share of the points on it, that a scene shows."""
ORDER = ("z", "-y", "y", "x", "-x", "-z")
"""Up axes, the likely ones first: those of LiDARs and of depth cameras."""
PERSON = (0.1, 2.6)
"""Smallest and largest extent of one person, metres."""
FLAT = 0.2
"""Largest height of a large scene, relative to its width."""
PART = 0.15
"""Smallest share of a cloud's points of each of several people."""


class Axes(NamedTuple):
    """The result: up, unit, and the evidence in words."""

    up: str
    unit: str | float
    words: str


def guess_axes(frames: list[np.ndarray], up: str = "auto", unit: str | float = "auto") -> Axes:
    """The up axis and the unit of some clouds (K, 3) of a scene. Given values are kept.

    The ground is below all other points, and people stand on it.
    """
    best, chosen = -1.0, ("z" if up == "auto" else up, "m" if unit == "auto" else unit)
    found_best, cells_best = 0, 0
    units = _units(frames) if unit == "auto" else [unit]
    for one_unit in units:
        for one_up in ORDER if up == "auto" else [up]:
            clouds = [upright(points, one_up, one_unit) for points in frames]
            looked = [find_people(cloud) for cloud in clouds]
            value = float(
                np.mean([_value(frame, cloud) for frame, cloud in zip(looked, clouds, strict=True)])
            )
            if value > best + 1e-6:
                best, chosen = value, (one_up, one_unit)
                found_best = sum(len(_sure(frame)) for frame in looked)
                cells_best = min(frame.ground.support for frame in looked)
        if found_best:
            break
    words = "the ground lies under the scene" if cells_best else "no ground was found"
    return Axes(*chosen, words)


def scene_word(points: np.ndarray) -> str:
    """What a file shows if it is not a single person: "a whole scene (…)" or "2 people"; empty if it may be
    one.

    Args:
        points: (K, 3) finite, in the file's own axes and unit.
    """
    spans = np.ptp(np.percentile(points, [0.5, 99.5], axis=0), axis=0)
    size = " × ".join(f"{span:.4g}" for span in spans)
    # A scene is flat. A cloud that is not flat, and has the size of a person in another unit, is a person.
    person = any(
        PERSON[0] <= spans.min() * m and 0.5 <= spans.max() * m <= PERSON[1] for m in METRES.values()
    )
    may_be_scene = not person or spans.min() < FLAT * spans.max()
    for unit in METRES:
        if not NARROWEST <= spans.max() * METRES[unit] <= WIDEST:
            continue
        best_score, people_found = 0.0, 0
        for up in ORDER:
            cloud = upright(points, up, unit)
            frame = find_people(cloud)
            people = [one for one in _sure(frame) if len(one.points) > PART * len(cloud)]
            if may_be_scene and spans.max() * METRES[unit] > WIDE:
                level = cloud @ frame.ground.turn.T
                share = float((np.abs(frame.ground.above(level)) < 0.12).mean())
                if frame.ground.support >= GROUND_CELLS and share > GROUND_SHARE:
                    return f"a whole scene ({size} {unit})"
            # Upside down, one person may look like two. With the right axis, the score of a person is higher.
            score = max((one.score for one in people), default=0.0)
            if score > best_score:
                best_score, people_found = score, len(people)
        if people_found > 1 and spans.max() * METRES[unit] <= 2 * WIDE:
            return f"{people_found} people"
    return ""


def check_one_person(clouds: list[np.ndarray], where: object) -> None:
    """Refuse clouds (K, 3), in their files' axes and unit, of which most do not show a single person.

    Raises:
        InputError: names what they show, and the command to use.
    """
    words = [scene_word(points) for points in clouds]
    several = [word for word in words if word]
    if len(several) > len(words) / 2:
        raise InputError(
            where,
            found=f"it shows {several[0]}",
            expected="one person per file",
            fix=f"Find the people first: sshmr people {shlex.quote(str(where))} -o crops",
        )


def upright(points: np.ndarray, up: str, unit: str | float) -> np.ndarray:
    """Points (K, 3) of a file, y up, in metres, at most 150,000 of them."""
    points = points[:: -(-len(points) // MOST_POINTS)]
    return points @ np.array(TO_Y_UP[up]).T * metres_of(unit)


def _units(frames: Sequence[np.ndarray]) -> list[str | float]:
    """Units in which the scene has a plausible size, likely ones first."""
    spans = [np.ptp(np.percentile(points, [1, 99], axis=0), axis=0).max() for points in frames]
    span = float(np.median(spans))
    fitting: list[str | float] = [unit for unit in METRES if NARROWEST <= span * METRES[unit] <= WIDEST]
    return fitting or ["m"]


def _sure(frame: Frame) -> list[Found]:
    return [one for one in frame.found if one.score >= SURE]


def _value(frame: Frame, points: np.ndarray) -> float:
    """Score of an up axis: a ground with nothing below it, and upright people on it."""
    people = min(sum(one.score for one in _sure(frame)), 3.0)
    if not frame.ground.support:
        return people / 2
    above = frame.ground.above(points @ frame.ground.turn.T)
    return people + 4 * float((np.abs(above) < 0.12).mean()) - 8 * float((above < -0.25).mean())
