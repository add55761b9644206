"""Read own clouds: one person and one moment per file."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sshmr.config.extract import CloudsConfig, ExtractConfig
from sshmr.errors import InputError
from sshmr.formats.depth import Sensor
from sshmr.formats.las import SUFFIXES, require_laspy
from sshmr.formats.points import Cloud, read_cloud
from sshmr.sources.cleaning import finite, ground_height, ring_heights, without_fragments, without_strays
from sshmr.sources.cloud_axes import (
    LARGEST,
    SMALLEST,
    TO_Y_UP,
    Misfit,
    axis_hint,
    extent,
    misfit,
    size_error,
)
from sshmr.sources.cloud_files import files_of_sequence, shown, truth_file
from sshmr.sources.cloud_truth import check_truth, read_cloud_truth
from sshmr.sources.frame_order import Numbered
from sshmr.sources.frames import Frame, Reading, frame_id
from sshmr.sources.manifest import maker_of
from sshmr.sources.sampling import subsample, voxel_means
from sshmr.sources.sensor_place import with_sensor
from sshmr.sources.truth import BodyLoader

WIDEST = 10_000.0
"""Metres that a cloud spans at most, before it is cleaned: more is damage."""
WILD, WILD_SHARE = 1000.0, 0.01
"""Points farther than this from the median, in metres, are dropped if they are at most this share."""
DENSE = 100_000
"""More points than this are thinned at random before they are cleaned; a table's row holds far fewer."""
SPACINGS = 2.0
"""Times the usual distance to the nearest point, up to which a point of a sparse cloud is no stray."""
COARSE, COARSEST = 0.02, 0.1
"""Metres between neighbouring values of a coordinate. A larger step means that digits are missing."""


def read_sequence(
    root: Path | str,
    sequence: str,
    split: str,
    settings: ExtractConfig,
    load_body: BodyLoader | None = None,
    threads: int = 1,
    files: Sequence[tuple[int, float | None, Path]] = (),
) -> Reading:
    """Read all clouds of one sequence.

    Args:
        root: the top folder; sequence: one that ``list_sequences`` names; split: ``train`` or ``test``.
        load_body: function of a gender that returns a ``BodyModel``, for ground truth; None reads none.
        threads: unused.
        files: the sequence's ``Numbered`` files; without them, they are searched for.

    Returns:
        A ``Reading``, y up, in metres.

    Raises:
        InputError: when the sequence does not exist, or most of its clouds do not have the size of a person.
    """
    own = files_of_sequence(root, sequence, settings.clouds, files)
    reading, wrong_sizes = read_files(Path(root), sequence, own, settings, load_body)
    check_sizes(Path(root) / sequence, wrong_sizes, len(own), settings)
    return reading


def read_files(
    root: Path,
    sequence: str,
    files: Sequence[Numbered],
    settings: ExtractConfig,
    load_body: BodyLoader | None = None,
) -> tuple[Reading, list[Misfit]]:
    """Read some clouds of one sequence.

    Args:
        root: the folder that sources are named from.
        load_body: as in ``read_sequence``.

    Returns:
        A ``Reading``, and the ``Misfit`` of each cloud that has no person's height.
    """
    for file in [file for file in files if file.path.suffix.lower() in SUFFIXES][:1]:
        require_laspy(file.path)  # An error is better than missing clouds.
    simulated = maker_of(root) is not None
    dataset = "simulated" if simulated else "clouds"
    reading = Reading(sequence, simulated=simulated)
    below = {file.path: shown(root, file.path) for file in files}
    truth = {}
    if load_body is not None:
        truth = read_cloud_truth(root, below.values(), settings.clouds, load_body, reading)
    wrong_sizes: list[Misfit] = []
    extents: list[np.ndarray] = []
    remarks: Counter[str] = Counter()
    grounds = 0
    for number, time, path in files:
        name = frame_id(dataset, sequence, number)
        source = ("simulated: " if simulated else "") + below[path]
        try:
            found = load_cloud(path, settings.clouds)
        except InputError as error:
            reading.skip(name, source, str(error))
            continue
        cloud = subsample(found.points, DENSE, "random", name)
        points, had_ground = clean(cloud, settings)
        height = np.ptp(points[:, 1]) if len(points) else 0.0
        if not SMALLEST <= height <= LARGEST:
            wrong_sizes.append(misfit(cloud, len(wrong_sizes)))
        if len(points) <= settings.minimum_points:
            few = f"it has {len(points)} points after cleaning, {settings.too_few}"
            before = f"before, it has {len(cloud)} and is {np.ptp(cloud[:, 1]):.3g} m high"
            reading.skip(name, source, f"{few}; {before}")
        elif not SMALLEST <= height <= LARGEST:
            wrong = f"it is {height:.3g} m high; a person is {SMALLEST} to {LARGEST} m"
            reading.skip(name, source, wrong)
        else:
            grounds += had_ground
            remarks.update([found.remark] if found.remark else [])
            extents.append(extent(points))
            points = subsample(points, settings.points, settings.sampling, name)
            frame = Frame(name, number, points, source, truth.get(below[path]), time=time)
            reading.frames.append(frame)
    check_truth(truth_file(root, settings.clouds), reading)
    with_sensor(reading, settings.clouds.sensor, settings.clouds.up, settings.clouds.metres)
    if grounds:
        reading.notes.append(f"ground removed from {grounds}")
    reading.notes += [f"{remark} ({count} of {len(files)} files)" for remark, count in remarks.items()]
    hint = axis_hint(extents, settings.clouds) if extents else None
    if hint:
        reading.notes.append(hint)
    return reading, wrong_sizes


def check_sizes(where: Path, wrong_sizes: list[Misfit], count: int, settings: ExtractConfig) -> None:
    """Refuse a sequence in which most of ``count`` clouds do not have the size of a person. Name the option
    to change.

    Raises:
        InputError: when more than half of them are wrong; ``where`` is the path it names.
    """
    if len(wrong_sizes) > count / 2:
        raise size_error(where, wrong_sizes, settings.clouds, lambda cloud: clean(cloud, settings)[0])


def load_cloud(path: Path, settings: CloudsConfig) -> Cloud:
    """The finite points of a file, y up, in metres, and notes about how they were read.

    Raises:
        InputError: when it cannot be read, spans kilometres, or its coordinates have lost their digits.
    """
    points, remark = read_cloud(path, Sensor(*settings.camera))
    points = finite(points)
    if not len(points):
        raise InputError(path, "points", "not finite", "numbers")
    points = points @ np.array(TO_Y_UP[settings.up], float).T * settings.metres
    remarks = [remark] if remark else []
    near = (np.abs(points - np.median(points, axis=0)) < WILD).all(axis=1)
    if 0 < np.count_nonzero(~near) <= max(2, WILD_SHARE * len(points)) < len(points) / 2:
        points = points[near]
        remarks.append(f"points farther than {WILD:g} m from the others dropped")
    span = np.ptp(points, axis=0).max()
    if span > WIDEST:
        raise InputError(path, "points", f"{span:.3g} m wide", f"at most {WIDEST:g} m")
    step = _step(points) if span < 2 * LARGEST else 0.0
    if step > COARSEST:
        raise InputError(
            path,
            "points",
            f"in steps of {step:.2g} m: its coordinates have lost their digits",
            "steps of millimetres",
            "Write float64, or subtract an origin first: float32 holds seven digits, and UTM needs ten",
        )
    if step > COARSE:
        remarks.append(f"coordinates in steps of {100 * step:.2g} cm: digits were lost")
    return Cloud(points, "; ".join(remarks))


def _step(points: np.ndarray) -> float:
    """The largest, over the axes, of the smallest difference between two values, in the points' unit.

    Where an axis has one value only, it is the distance between float32 numbers there.
    """
    steps = []
    for column in points[:: -(-len(points) // 20_000)].T:
        values = np.unique(column)
        steps.append(np.diff(values).min() if len(values) > 1 else np.spacing(np.float32(np.abs(values[0]))))
    return float(max(steps))


def clean(points: np.ndarray, settings: ExtractConfig) -> tuple[np.ndarray, bool]:
    """Remove ground, stray points and fragments from a cloud (K, 3), y up, in metres.

    Returns:
        The person's points, on the voxel grid, and whether a ground was removed.
    """
    had_ground = False
    if settings.clouds.ground != "keep" and len(points):
        over = _ground(points, settings.clouds)
        if over is not None:
            points, had_ground = points[over > settings.clouds.ground_thickness], True
    if settings.voxel and len(points):
        points = voxel_means(points, settings.voxel)
    points = without_strays(points, settings.stray_distance, SPACINGS)
    # Rings of a far LiDAR are far apart. Twice the stray distance still joins them.
    return without_fragments(points, 2 * settings.stray_distance), had_ground


def _ground(points: np.ndarray, settings: CloudsConfig) -> np.ndarray | None:
    """Heights over the ground to be removed, or None."""
    over = ground_height(points, settings.ground_thickness)
    if over is None:
        over = ring_heights(points, settings.ground_thickness)
    if settings.ground == "remove":
        return points[:, 1] - np.percentile(points[:, 1], 1) if over is None else over
    # A person who lies flat is not ground: enough of a person must be left above it.
    above = np.empty(0) if over is None else over[over > settings.ground_thickness]
    return over if len(above) and np.ptp(above) > SMALLEST else None
