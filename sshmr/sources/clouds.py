"""Read one's own clouds: one person and one moment a file."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from sshmr.body.model import BodyModel
from sshmr.config.extract import METRES, ExtractConfig
from sshmr.errors import InputError
from sshmr.formats.las import SUFFIXES, require_laspy
from sshmr.formats.points import read_points
from sshmr.sources.cleaning import finite, ground_height, ring_heights, without_fragments, without_strays
from sshmr.sources.cloud_axes import LARGEST, SMALLEST, TO_Y_UP, axis_hint, extent, misfit, size_error
from sshmr.sources.cloud_truth import check_labels, read_cloud_labels
from sshmr.sources.frames import Frame, Reading, frame_id
from sshmr.sources.manifest import maker_of
from sshmr.sources.sampling import subsample, voxel_means
from sshmr.sources.shards import cloud_files, labels_file

WIDEST = 10_000.0
"""Metres that a cloud spans at most, before it is cleaned: more is damage."""
DENSE = 100_000
"""More points than this are thinned at random before they are cleaned; a table's row holds far fewer."""


def read_sequence(
    root: Path | str,
    sequence: str,
    split: str,
    settings: ExtractConfig,
    load_body: Callable[[str], BodyModel] | None = None,
    threads: int = 1,
) -> Reading:
    """Read all clouds of one sequence.

    Args:
        root: the top folder; sequence: one that ``list_shards`` names; split: ``train`` or ``test``.
        settings: an ``ExtractConfig``.
        load_body: function of a gender that returns a ``BodyModel``, for labels; without it none are read.
        threads: unused.

    Returns:
        A ``Reading``, y up, in metres.

    Raises:
        InputError: when the sequence is not there, most of its clouds have no person's size, or its labels
            cannot be used.
    """
    files = cloud_files(root, settings.clouds)
    if sequence not in files:
        raise InputError(root, "sequence", f'"{sequence}"', "one of " + ", ".join(files))
    reading, wrong_sizes = read_files(root, sequence, files[sequence], settings, load_body)
    check_sizes(Path(root) / sequence, wrong_sizes, len(files[sequence]), settings)
    check_labels(labels_file(root, settings.clouds), reading.frames)
    return reading


def read_files(root, sequence, files, settings, load_body=None):
    """Read some clouds of one sequence.

    Args:
        root: the folder that sources are named from; files: [(frame number, path), …].
        settings, load_body: as in ``read_sequence``.

    Returns:
        A ``Reading``, and the ``Misfit`` of each cloud that has no person's height.
    """
    for path in [path for _, path in files if path.suffix.lower() in SUFFIXES][:1]:
        require_laspy(path)  # better no clouds at all than some silently fewer
    simulated = maker_of(root) is not None
    dataset = "simulated" if simulated else "clouds"
    reading = Reading(sequence, simulated=simulated)
    below = {path: path.relative_to(root).as_posix() for _, path in files}
    labels = {}
    if load_body is not None:
        labels = read_cloud_labels(root, below.values(), settings.clouds, load_body, reading)
    wrong_sizes, extents, grounds = [], [], 0
    for number, path in files:
        name = frame_id(dataset, sequence, number)
        source = ("simulated: " if simulated else "") + below[path]
        try:
            cloud = subsample(_upright(path, settings.clouds), DENSE, "random", name)
        except InputError as error:
            reading.skip(name, source, str(error))
            continue
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
            extents.append(extent(points))
            points = subsample(points, settings.points, settings.sampling, name)
            reading.frames.append(Frame(name, number, points, source, labels.get(below[path])))
    if grounds:
        reading.notes.append(f"ground removed from {grounds}")
    hint = axis_hint(extents, settings.clouds) if extents else None
    if hint:
        reading.notes.append(hint)
    return reading, wrong_sizes


def check_sizes(where, wrong_sizes, count, settings):
    """Stop where most of ``count`` clouds have no person's size, and say which option would mend it.

    Raises:
        InputError: when more than half of them are wrong; ``where`` is the path it names.
    """
    if len(wrong_sizes) > count / 2:
        raise size_error(where, wrong_sizes, settings.clouds, lambda cloud: clean(cloud, settings)[0])


def _upright(path, settings):
    """The finite points of a file, y up, in metres."""
    points = finite(read_points(path))
    if not len(points):
        raise InputError(path, "points", "not finite", "numbers")
    points = points @ np.array(TO_Y_UP[settings.up]).T * METRES[settings.unit]
    span = np.ptp(points, axis=0).max()
    if span > WIDEST:
        raise InputError(path, "points", f"{span:.3g} m wide", f"at most {WIDEST:g} m")
    return points


def clean(points, settings):
    """Take the ground, stray points and fragments away from a cloud (K, 3), y up, in metres.

    Returns:
        The person's points, on the voxel grid, and whether a ground was taken away.
    """
    had_ground = False
    if settings.clouds.ground != "keep" and len(points):
        over = _ground(points, settings.clouds)
        if over is not None:
            points, had_ground = points[over > settings.clouds.ground_thickness], True
    if settings.voxel and len(points):
        points = voxel_means(points, settings.voxel)
    points = without_strays(points, settings.stray_distance)
    # Rings of a far LiDAR lie apart; twice the distance of strays still joins them.
    return without_fragments(points, 2 * settings.stray_distance), had_ground


def _ground(points, settings):
    """Heights over the ground to be removed, or None."""
    over = ground_height(points, settings.ground_thickness)
    if over is None:
        over = ring_heights(points, settings.ground_thickness)
    if settings.ground == "remove":
        return points[:, 1] - np.percentile(points[:, 1], 1) if over is None else over
    # Somebody who lies flat is no ground: enough of a person must be left above it.
    above = () if over is None else over[over > settings.ground_thickness]
    return over if len(above) and np.ptp(above) > SMALLEST else None
