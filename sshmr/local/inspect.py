"""Find the unit, the up axis and the sequences of own clouds.

Sizes determine the unit. The up axis is found by fitting a body to a few clouds: most people hold their
heads above their hips.
"""

import dataclasses
import functools
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from sshmr.config.extract import OWN_CLOUDS, CloudsConfig, ExtractConfig
from sshmr.config.fit import Stage
from sshmr.errors import InputError
from sshmr.local.inputs import CloudFile
from sshmr.people.axes import check_one_person
from sshmr.sources.cloud_axes import LARGEST, SMALLEST, TO_Y_UP, UNITS
from sshmr.sources.clouds import DENSE, clean, load_cloud
from sshmr.sources.sampling import centre_and_pad, subsample

SAMPLED, FITTED = 24, 4
COARSE = (
    Stage(hypotheses=24, vertices=128, points=128, iterations=8, start=0.15, end=0.06),
    Stage(hypotheses=3, vertices=256, points=256, iterations=8, start=0.08, end=0.03),
)
"""Stages of a fit that is good enough to find the head."""

SHORTEST, SHORTEST_PART = 0.8, 0.35
"""Metres: smallest longest side of a cloud of a whole person, and of a part of a person."""
USUAL = (1.25, 2.3)
"""Metres from the lowest to the highest point of adults who stand, arms raised or not."""
UPRIGHT = 35.0
"""Degrees. People who lean more do not show the up axis clearly."""
Item = TypeVar("Item")


@dataclasses.dataclass(frozen=True)
class Guess:
    """The result.

    Attributes:
        formats: number of files by ending. sequences: number of files by sequence.
        unit, up: as in ``CloudsConfig``. size: (3,) median extents along x, y, z, in the unit of the files.
        tilt: degrees between ``up`` and the trunks of the bodies fitted to some of the clouds; small
            for people who stand, and where all agree.
        points: median number of points. unreadable: [(path, why)] among those sampled.
        notes: how the files were read, and warnings about the people.
    """

    formats: dict[str, int]
    sequences: dict[str, int]
    unit: str | float
    up: str
    tilt: float
    size: np.ndarray
    points: int
    unreadable: list[tuple[Path, str]]
    notes: list[str]


def guess(clouds: list[CloudFile]) -> Guess:
    """Read some of the clouds and guess their settings.

    Raises:
        InputError: when none can be read, or in no unit they have the size of a person.
    """
    sampled, unreadable, remarks = [], [], []
    for cloud in _spread(clouds, SAMPLED):
        try:
            points, remark = load_cloud(cloud.path, CloudsConfig())
        except InputError as error:
            unreadable.append((cloud.path, str(error)))
        else:
            sampled.append(points)
            remarks += [remark] * bool(remark)
    if not sampled:
        reasons = "; ".join(dict.fromkeys(reason for _, reason in unreadable[:3]))
        raise InputError(clouds[0].root, found=f"none of {len(unreadable)} clouds can be read: {reasons}")
    check_one_person(_spread(sampled, FITTED), clouds[0].root)
    # Stray points are far away, so use the extent of nearly all points.
    sides = [np.ptp(np.percentile(points, [0.5, 99.5], axis=0), axis=0) for points in sampled]
    size = np.median(sides, axis=0)
    some = [
        subsample(points, DENSE, "random", str(row)) for row, points in enumerate(_spread(sampled, FITTED))
    ]
    unit = _unit(some, size, clouds[0].root)
    metres = UNITS[unit]
    person = np.median([np.ptp(_person(points * metres), axis=0) for points in some], axis=0)
    trunk = _trunk(some, metres, _possible(person))
    shares = {up: float(np.array(TO_Y_UP[up])[1] @ trunk) for up in TO_Y_UP}
    up = max(shares, key=lambda axis: shares[axis])
    tilt = float(np.degrees(np.arccos(np.clip(shares[up], -1, 1))))
    return Guess(
        formats=dict(Counter(cloud.path.suffix.lower() for cloud in clouds)),
        sequences=dict(Counter(cloud.sequence for cloud in clouds)),
        unit=unit,
        up=up,
        tilt=tilt,
        size=size,
        points=int(np.median([len(points) for points in sampled])),
        unreadable=unreadable,
        notes=[*dict.fromkeys(remarks), *_size_note(person, tilt)],
    )


def _spread(items: Sequence[Item], count: int) -> list[Item]:
    places = np.unique(np.linspace(0, len(items) - 1, count).round().astype(int))
    return [items[place] for place in places]


def _settings(**clouds: str) -> ExtractConfig:
    return ExtractConfig.model_validate({**OWN_CLOUDS, "clouds": clouds})


def _person(points: np.ndarray, ground: str = "keep") -> np.ndarray:
    """The cleaned cloud in metres; the cloud itself if nothing is left."""
    settings = _settings(ground=ground)
    cleaned, _ = clean(points, settings)
    return cleaned if len(cleaned) > settings.minimum_points else points


def _unit(clouds: list[np.ndarray], size: np.ndarray, where: Path) -> str | float:
    """The unit in which the cleaned clouds have the size of people, if necessary with ground beside them."""

    def fits(metres: float, least: float, up: str = "y", ground: str = "keep") -> bool:
        turn = np.array(TO_Y_UP[up], float).T
        people = [_person(points @ turn * metres, ground) for points in clouds]
        longest = float(np.median([np.ptp(person, axis=0).max() for person in people]))
        return least <= longest <= LARGEST

    metric = [unit for unit in UNITS if isinstance(unit, str)]
    for unit in metric:
        if fits(UNITS[unit], SHORTEST):
            return unit
    for unit in metric:
        plausible = SHORTEST <= size.max() * UNITS[unit] <= 4 * LARGEST
        if plausible and any(fits(UNITS[unit], SHORTEST, up, "auto") for up in TO_Y_UP):
            return unit
    for least in (SHORTEST, SHORTEST_PART):
        for other in UNITS:
            if fits(UNITS[other], least):
                return other
    for other in UNITS:
        if SHORTEST <= size.max() * UNITS[other] <= 2 * LARGEST:
            return other
    raise InputError(
        where,
        "size of the clouds",
        " × ".join(f"{side:.4g}" for side in size),
        "a person in m, cm, mm or feet",
        "Cut each file to one person, or set extract.clouds.unit to the length of one unit in metres",
    )


def _possible(metres: np.ndarray) -> list[str]:
    """The up axes along which the clouds have a person's size; all axes if none is clear."""
    ups = [up for up in TO_Y_UP if SMALLEST <= metres["xyz".index(up[-1])] <= LARGEST]
    return ups or list(TO_Y_UP)


def _size_note(person: np.ndarray, tilt: float) -> list[str]:
    """A warning if people, extents (3,) in metres, are unusually small or large."""
    longest = float(person.max())
    if longest < USUAL[0]:
        who = "children, people who sit or parts of people"
    elif longest > USUAL[1] and tilt < UPRIGHT:
        who = "something beside or above them"
    else:
        return []
    number = "unit can also be a number, the length of one unit in metres"
    return [f"people of {longest:.2g} m: {who}, or the unit is wrong; {number}"]


def _trunk(clouds: list[np.ndarray], metres: float, ups: list[str]) -> np.ndarray:
    """The mean direction from hips to heads, in the axes of the files: (3,), of length 1 if all agree.

    Each cloud is fitted from starts that stand along each of the axes, low clouds also as a part of a person,
    and the best of these bodies counts.
    """
    import torch

    from sshmr.body.layout import JOINT_NAMES
    from sshmr.body.model import BodyModel, open_body_path
    from sshmr.body.prior import PosePrior, open_prior_path
    from sshmr.body.template import build_template
    from sshmr.config.fit import FitConfig
    from sshmr.fit.engine import Engine, Fitted
    from sshmr.fit.search import PART_COST, WHOLE
    from sshmr.fit.surface import SurfaceElements

    rows, tried = [], []
    for up in ups:
        settings = _settings(up=up)
        for number, cloud in enumerate(clouds):
            person, _ = clean(cloud @ np.array(TO_Y_UP[up], float).T * metres, settings)
            if len(person) > settings.minimum_points:
                person = subsample(person, settings.points, settings.sampling, f"{up} {number}")
                rows.append(centre_and_pad(person, settings.points)[:2])
                tried.append((number, up))
    if not rows:
        few = f"each has {OWN_CLOUDS['minimum_points']} points or fewer after cleaning"
        raise InputError("clouds", found=few, expected="a person")
    body, prior = BodyModel.load(open_body_path("neutral")), PosePrior.load(open_prior_path())
    surface = SurfaceElements.of(body, build_template(body).vertex_ids)
    engine = Engine(surface, prior, FitConfig(search=COARSE, unusual=0.0))
    best: dict[int, tuple[float, np.ndarray]] = {}

    def keep(fitted: Fitted, some: Sequence[int], cost: float) -> None:
        state = fitted.state
        joints = body(state.pose, state.betas, state.transl).joints
        trunks = joints[:, JOINT_NAMES.index("neck")] - joints[:, JOINT_NAMES.index("pelvis")]
        for row, energy, trunk in zip(some, fitted.energy["energy"] + cost, trunks.numpy(), strict=True):
            number, up = tried[row]
            if number not in best or energy < best[number][0]:
                best[number] = float(energy), trunk @ np.array(TO_Y_UP[up]) / np.linalg.norm(trunk)

    def fitted_to(some: Sequence[int], start: Callable[..., Fitted], cost: float) -> None:
        size = engine.config.clouds_at_once("cpu")
        for few in (some[first : first + size] for first in range(0, len(some), size)):
            points = torch.from_numpy(np.stack([rows[row][0] for row in few]))
            mask = torch.arange(points.shape[1]) < torch.tensor([rows[row][1] for row in few])[:, None]
            keep(start(points, mask), few, cost)

    low = [row for row, (points, _) in enumerate(rows) if np.ptp(points, axis=0).max() < WHOLE]
    with torch.no_grad():
        fitted_to(range(len(rows)), engine.from_nothing, 0.0)
        for upper in (True, False):
            fitted_to(low, functools.partial(engine.from_part, upper=upper), PART_COST)
    return np.mean([trunk for _, trunk in best.values()], axis=0)
