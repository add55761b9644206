"""What one's own clouds are like, asked of the files: unit, up axis, sequences.

Sizes tell the unit. Which axis points up is told by fitting a body to a few clouds: people mostly hold their
heads above their hips.
"""

import dataclasses
from collections import Counter

import numpy as np

from sshmr.config.extract import METRES, CloudsConfig, ExtractConfig
from sshmr.errors import InputError
from sshmr.formats.points import read_points
from sshmr.sources.cleaning import finite
from sshmr.sources.cloud_axes import LARGEST, SMALLEST, TO_Y_UP
from sshmr.sources.clouds import clean
from sshmr.sources.sampling import centre_and_pad, subsample

LOOKED_AT, FITTED = 24, 4
COARSE = (
    {"hypotheses": 24, "vertices": 128, "points": 128, "iterations": 8, "start": 0.15, "end": 0.06},
    {"hypotheses": 3, "vertices": 256, "points": 256, "iterations": 8, "start": 0.08, "end": 0.03},
)
"""Stages of a fit that is good enough to tell head from feet."""

VOXEL = 0.02
SHORTEST = 0.8
"""Metres: the longest side of a cloud of a whole person is at least so long."""


@dataclasses.dataclass(frozen=True)
class Guess:
    """What the files seem to be.

    Attributes:
        formats: number of files by ending. sequences: number of files by sequence.
        unit, up: as in ``CloudsConfig``. size: (3,) median extents along x, y, z, in the unit of the files.
        tilt: degrees between ``up`` and the trunks of the bodies fitted to some of the clouds; small
            for people who stand, and where all agree.
        points: median number of points. unreadable: [(path, why)] among those looked at.
    """

    formats: dict
    sequences: dict
    unit: str
    up: str
    tilt: float
    size: np.ndarray
    points: int
    unreadable: list


def guess(clouds):
    """Look at some of the clouds and say what they are.

    Args:
        clouds: list of ``CloudFile``.

    Raises:
        InputError: when none can be read, or no unit makes a person of them.
    """
    looked_at, unreadable = [], []
    for cloud in _spread(clouds, LOOKED_AT):
        try:
            looked_at.append(finite(read_points(cloud.path)))
        except InputError as error:
            unreadable.append((cloud.path, str(error)))
    looked_at = [points for points in looked_at if len(points)]
    if not looked_at:
        raise InputError(clouds[0].root, found="none of the clouds that were looked at can be read")
    # Stray points reach far; nearly all points tell the size better than all do.
    sides = [np.ptp(np.percentile(points, [0.5, 99.5], axis=0), axis=0) for points in looked_at]
    size = np.median(sides, axis=0)
    unit = _unit(size, clouds[0].root)
    trunk = _trunk(_spread(looked_at, FITTED), unit, _possible(size * METRES[unit]))
    shares = {up: float(np.array(TO_Y_UP[up])[1] @ trunk) for up in TO_Y_UP}
    up = max(shares, key=shares.get)
    return Guess(
        formats=dict(Counter(cloud.path.suffix.lower() for cloud in clouds)),
        sequences=dict(Counter(cloud.sequence for cloud in clouds)),
        unit=unit,
        up=up,
        tilt=float(np.degrees(np.arccos(np.clip(shares[up], -1, 1)))),
        size=size,
        points=int(np.median([len(points) for points in looked_at])),
        unreadable=unreadable,
    )


def _spread(items, count):
    places = np.unique(np.linspace(0, len(items) - 1, count).round().astype(int))
    return [items[place] for place in places]


def _unit(size, where):
    for unit, metres in METRES.items():
        if SHORTEST <= size.max() * metres <= 2 * LARGEST:  # ground may reach beyond the person
            return unit
    raise InputError(
        where,
        "size of the clouds",
        " × ".join(f"{side:.4g}" for side in size),
        "a person in m, cm or mm",
        "Cut each file to one person, or scale the files to metres",
    )


def _possible(metres):
    """The up axes along which the clouds have a person's size."""
    return [up for up in TO_Y_UP if SMALLEST <= metres["xyz".index(up[-1])] <= LARGEST]


def _trunk(clouds, unit, ups):
    """Where heads lie as seen from the hips, in the axes of the files: (3,), of length 1 where all agree.

    Each cloud is fitted from starts that stand along each of the axes, and the best of these bodies counts.
    """
    from sshmr.body.model import JOINT_NAMES, BodyModel, open_body_path
    from sshmr.body.prior import PosePrior, open_prior_path
    from sshmr.body.template import build_template
    from sshmr.config.fit import FitConfig, Stage
    from sshmr.evaluation.frames import pose_rows
    from sshmr.fit.stage import fit_shard

    rows, tried = [], []
    for up in ups:
        settings = ExtractConfig(voxel=VOXEL, clouds=CloudsConfig(up=up, unit=unit))
        for number, cloud in enumerate(clouds):
            person, _ = clean(cloud @ np.array(TO_Y_UP[up]).T * METRES[unit], settings)
            if len(person) > settings.minimum_points:
                person = subsample(person, settings.points, settings.sampling, f"{up} {number}")
                rows.append(centre_and_pad(person, settings.points))
                tried.append((number, up))
    if not rows:
        raise InputError("clouds", found="too few points are left of each", expected="a person")
    points, sizes, _ = zip(*rows, strict=True)
    table = {
        "frame_id": [str(row) for row in range(len(rows))],
        "points": np.stack(points),
        "n_points": np.array(sizes, np.int32),
    }
    body, prior = BodyModel.load(open_body_path("neutral")), PosePrior.load(open_prior_path())
    template = build_template(body)
    config = FitConfig(search=tuple(Stage(**stage) for stage in COARSE), unusual=0.0)
    fitted = fit_shard(table, body, template, prior, config, progress=lambda batches, _: batches)
    best = {}
    for row, (number, _) in enumerate(tried):
        if number not in best or fitted["energy"][row] < fitted["energy"][best[number]]:
            best[number] = row
    joints = pose_rows(body.subset([0]), fitted, list(best.values())).joints.numpy()
    trunks = joints[:, JOINT_NAMES.index("neck")] - joints[:, JOINT_NAMES.index("pelvis")]
    trunks = [
        trunk @ np.array(TO_Y_UP[tried[row][1]]) for trunk, row in zip(trunks, best.values(), strict=True)
    ]
    return np.mean([trunk / np.linalg.norm(trunk) for trunk in trunks], axis=0)
