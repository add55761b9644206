"""The parts of a run: points tables of some tens of clouds, each read, fitted and kept by itself.

A part is done when its file is there, as files appear whole or not at all; so a run that was cut off goes on
where it stopped, and any number of clouds needs the memory of one part.
"""

import itertools
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from sshmr.config.mapping import to_json
from sshmr.sources.cloud_truth import check_labels
from sshmr.sources.clouds import check_sizes, read_files
from sshmr.sources.extract import table_columns, write_skipped
from sshmr.sources.shards import labels_file
from sshmr.tables.run_folder import SKIPPED
from sshmr.tables.schemas import points_schema, provenance, write_table

SPLIT = "train"
LEAST, MOST = 8, 64
"""Clouds in a part. A part is what a kill costs, and what one process works on at a time."""

SHORT = 4
"""Sequences with fewer clouds share a part, as clouds are fitted several at once."""


def parts_of(clouds, jobs):
    """Lists of clouds, each to become one part: of one sequence, or of several that are very short."""
    size = min(MOST, max(LEAST, -(-len(clouds) // (4 * jobs))))
    alone, together = [], []
    for _, members in itertools.groupby(clouds, key=lambda cloud: cloud.sequence):
        members = list(members)
        if len(members) < SHORT:
            together += members
        else:
            alone.append(members)
    lists = [*alone, together]
    return [some[start : start + size] for some in lists for start in range(0, len(some), size)]


def write_part(run, clouds, settings, check):
    """Read clouds into a points table of the run.

    Args:
        run: a ``RunFolder``. clouds: list of ``CloudFile``. settings: an ``ExtractConfig``.
        check: stop where most of the clouds have no person's size.

    Returns:
        The table's path, None where no cloud can be used; [(frame_id, source, reason)] of those skipped;
        notes of the reader.

    Raises:
        InputError: when ``check`` finds most of them wrong, or labels beside them do not belong to them.
    """
    readings, wrong, skipped, files = [], [], [], []
    for (sequence, root), members in _grouped(clouds).items():
        reading, sizes = read_files(root, sequence, members, settings, run.load_body)
        check_labels(labels_file(root, settings.clouds), reading.frames)
        readings.append(reading)
        wrong += sizes
        skipped += reading.skipped
        paths = dict(members)
        files += [str(paths[frame.frame]) for frame in reading.frames]
    if check:
        where = clouds[0].path if len(clouds) == 1 else clouds[0].root
        check_sizes(where, wrong, len(clouds), settings)
    used = [reading for reading in readings if reading.frames]
    if not used:
        return None, skipped, []
    path = _free_path(run, [reading.sequence for reading in used])
    simulated = any(reading.simulated for reading in used)
    about = {"settings": to_json(settings), "source": "clouds", "simulated": simulated, "files": files}
    write_skipped(path.with_name(path.stem + SKIPPED), skipped, about)
    write_table(path, table_columns(used, SPLIT, settings.points), points_schema(settings.points), about)
    notes = [f"{reading.sequence}: {note}" for reading in used for note in reading.notes]
    return path, skipped, notes


def known_clouds(run):
    """Clouds that the run's parts hold: {file: points table}, and the frame numbers taken by sequence."""
    holders, numbers = {}, {}
    for path in run.points():
        table = pq.read_table(path, columns=["sequence", "frame"]).to_pydict()
        for sequence, frame in zip(*table.values(), strict=True):
            numbers.setdefault(sequence, set()).add(frame)
        holders |= dict.fromkeys(map(Path, provenance(path).get("files", ())), path)
    return holders, numbers


def remove_stale(run, holders):
    """Remove parts that hold a cloud which was changed since; returns the clouds that are still known."""
    stale = {
        points
        for cloud, points in holders.items()
        if cloud.is_file() and cloud.stat().st_mtime_ns > points.stat().st_mtime_ns
    }
    for points in stale:
        for round_, stage in run.stages():
            run.params(points, round_, stage).unlink(missing_ok=True)
        points.with_name(points.stem + SKIPPED).unlink(missing_ok=True)
        points.unlink()
    return {cloud: points for cloud, points in holders.items() if points not in stale}


def renumbered(clouds, numbers):
    """New clouds with frame numbers that no other of their sequence has: taken ones go behind the last."""
    taken = {sequence: set(values) for sequence, values in numbers.items()}
    result = []
    for cloud in clouds:
        used = taken.setdefault(cloud.sequence, set())
        frame = max(used) + 1 if cloud.frame in used else cloud.frame
        used.add(frame)
        result.append(cloud._replace(frame=frame))
    return result


def read_index(points):
    """What places each frame of some points tables: frame_id, sequence, frame, view, offset; rows of each."""
    columns = ["frame_id", "sequence", "frame", "view", "offset"]
    tables = [pq.read_table(path, columns=columns).to_pydict() for path in points]
    merged = {name: [value for table in tables for value in table[name]] for name in columns}
    ends = np.cumsum([0, *(len(table["frame_id"]) for table in tables)])
    kinds = {"frame": np.int64, "view": np.int64, "offset": np.float32}
    index = {
        name: np.array(values, kinds[name]) if name in kinds else values for name, values in merged.items()
    }
    return index, [np.arange(start, end) for start, end in itertools.pairwise(ends)]


def _grouped(clouds):
    groups = {}
    for cloud in clouds:
        groups.setdefault((cloud.sequence, cloud.root), []).append((cloud.frame, cloud.path))
    return groups


def _free_path(run, sequences):
    stem = sequences[0] if len(sequences) == 1 else "several"
    folder = run.root / "points" / SPLIT
    number = 1
    while (folder / f"{stem}_{number:04d}.parquet").exists():
        number += 1
    return folder / f"{stem}_{number:04d}.parquet"
