"""The parts of a run: points tables of some tens of clouds, each read, fitted and kept by itself.

A part is finished when its file exists, because files appear whole or not at all. An interrupted run
continues with the missing parts. Any number of clouds needs the memory of one part.
"""

import itertools
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sshmr.config.extract import ExtractConfig
from sshmr.config.mapping import to_json
from sshmr.formats.bags import real_file
from sshmr.local.inputs import CloudFile
from sshmr.sources.cloud_axes import Misfit
from sshmr.sources.clouds import check_sizes, read_files
from sshmr.sources.extract import table_columns, write_skipped
from sshmr.sources.frame_order import Numbered
from sshmr.sources.frames import Reading
from sshmr.tables.run_folder import SKIPPED, RunFolder
from sshmr.tables.schemas import points_schema, provenance, read_table, write_table

SPLIT = "train"
LEAST, MOST = 8, 64
"""Clouds in a part. A kill loses at most one part, and a process works on one part at a time."""

SHORT = 4
"""Sequences with fewer clouds share a part, as clouds are fitted several at once."""


def parts_of(clouds: Sequence[CloudFile], jobs: int) -> list[list[CloudFile]]:
    """Lists of clouds, each to become one part: of one sequence, or of several that are very short."""
    size = min(MOST, max(LEAST, -(-len(clouds) // (4 * jobs))))
    alone: list[list[CloudFile]] = []
    together: list[CloudFile] = []
    for _, group in itertools.groupby(clouds, key=lambda cloud: cloud.sequence):
        members = list(group)
        if len(members) < SHORT:
            together += members
        else:
            alone.append(members)
    lists = [*alone, together]
    return [some[start : start + size] for some in lists for start in range(0, len(some), size)]


def write_part(
    run: RunFolder, clouds: Sequence[CloudFile], settings: ExtractConfig, check: bool
) -> tuple[Path | None, list[tuple[str, str, str]], list[str]]:
    """Read clouds into a points table of the run.

    Args:
        run: a ``RunFolder``. clouds: list of ``CloudFile``. settings: an ``ExtractConfig``.
        check: refuse clouds of which most do not have the size of a person.

    Returns:
        The table's path, None where no cloud can be used; [(frame_id, source, reason)] of those skipped;
        notes of the reader.

    Raises:
        InputError: when ``check`` finds most of them wrong.
    """
    readings: list[Reading] = []
    wrong: list[Misfit] = []
    skipped: list[tuple[str, str, str]] = []
    files: dict[str, int | None] = {}
    for (sequence, root), members in _grouped(clouds).items():
        reading, sizes = read_files(root, sequence, members, settings, run.load_body)
        readings.append(reading)
        wrong += sizes
        skipped += reading.skipped
        paths = {file.frame: file.path for file in members}
        used_files = [paths[frame.frame] for frame in reading.frames]
        files |= stamps(used_files)
    if check:
        where = clouds[0].path if len(clouds) == 1 else clouds[0].root
        check_sizes(where, wrong, len(clouds), settings)
    path = write_readings(run, readings, files, settings)
    if path is None:
        return None, skipped, []
    used = [reading for reading in readings if reading.frames]
    notes = [type(note)(f"{reading.sequence}: {note}") for reading in used for note in reading.notes]
    return path, skipped, notes


def write_readings(
    run: RunFolder, readings: Sequence[Reading], files: dict[str, int | None], settings: ExtractConfig
) -> Path | None:
    """Write what was read into a points table of the run; returns its path, None where no cloud can be used.

    Args:
        readings: list of ``Reading``. files: {path: when it was changed last} of the clouds.
    """
    used = [reading for reading in readings if reading.frames]
    if not used:
        return None
    skipped = [item for reading in readings for item in reading.skipped]
    path = _free_path(run, list(dict.fromkeys(reading.sequence for reading in used)))
    simulated = any(reading.simulated for reading in used)
    about = {"settings": to_json(settings), "source": "clouds", "simulated": simulated, "files": files}
    write_skipped(path.with_name(path.stem + SKIPPED), skipped, about)
    write_table(path, table_columns(used, SPLIT, settings.points), points_schema(settings.points), about)
    return path


def known_clouds(run: RunFolder) -> tuple[dict[Path, tuple[Path, int | None]], dict[str, set[int]]]:
    """The content of the run's parts.

    Returns:
        {cloud: (points table, when the cloud's file had been changed last)}; the frame numbers by sequence.
    """
    holders: dict[Path, tuple[Path, int | None]] = {}
    numbers: dict[str, set[int]] = {}
    for path in run.points():
        table = read_table(path, ["sequence", "frame"], {})
        for sequence, frame in zip(table["sequence"], table["frame"].tolist(), strict=True):
            numbers.setdefault(sequence, set()).add(frame)
        for file, stamp in provenance(path).get("files", {}).items():
            holders[Path(file)] = (path, stamp)
    return holders, numbers


def remove_stale(run: RunFolder, holders: dict[Path, tuple[Path, int | None]]) -> set[Path]:
    """Remove parts with a changed cloud; returns the clouds that are still known."""
    stale = {points for cloud, (points, stamp) in holders.items() if _stamp(cloud) not in (None, stamp)}
    for points in stale:
        for round_, stage in run.stages():
            run.params(points, round_, stage).unlink(missing_ok=True)
        points.with_name(points.stem + SKIPPED).unlink(missing_ok=True)
        points.unlink()
    return {cloud for cloud, (points, _) in holders.items() if points not in stale}


def gone(clouds: Iterable[Path]) -> list[str]:
    """A note on clouds whose file is gone, [] where all are there: their bodies stay in the results."""
    lost = sorted(str(cloud) for cloud in clouds if _stamp(cloud) is None)
    if not lost:
        return []
    what = "1 cloud of the results is" if len(lost) == 1 else f"{len(lost)} clouds of the results are"
    return [f"{what} gone, such as {lost[0]}: the bodies stay; to leave them out, use another output folder"]


def renumbered(clouds: Sequence[CloudFile], numbers: dict[str, set[int]]) -> list[CloudFile]:
    """New clouds with unique frame numbers in their sequence. If a number is taken, the cloud gets one after
    the last."""
    taken = {sequence: set(values) for sequence, values in numbers.items()}
    result = []
    for cloud in clouds:
        used = taken.setdefault(cloud.sequence, set())
        frame = max(used) + 1 if cloud.frame in used else cloud.frame
        used.add(frame)
        result.append(cloud._replace(frame=frame))
    return result


def read_index(points: Sequence[Path]) -> tuple[dict[str, Any], list[np.ndarray]]:
    """The index of some points tables: frame_id, sequence, frame, view, offset; rows of each."""
    columns = ["frame_id", "sequence", "frame", "view", "offset"]
    tables = [read_table(path, columns, {"offset": (3,)}) for path in points]
    merged = {name: [value for table in tables for value in table[name]] for name in columns}
    ends = np.cumsum([0, *(len(table["frame_id"]) for table in tables)])
    kinds = {"frame": np.int64, "view": np.int64, "offset": np.float64}
    index = {
        name: np.array(values, kinds[name]) if name in kinds else values for name, values in merged.items()
    }
    return index, [np.arange(start, end) for start, end in itertools.pairwise(ends)]


def stamps(clouds: Iterable[Path]) -> dict[str, int | None]:
    """{path as text: when it was changed last} of some clouds."""
    return {os.fsencode(path).decode("utf-8", "backslashreplace"): _stamp(path) for path in clouds}


def _stamp(cloud: Path) -> int | None:
    """When a cloud's file was changed last, nanoseconds; None if it is missing."""
    path = real_file(cloud)
    return path.stat().st_mtime_ns if path.exists() else None


def _grouped(clouds: Sequence[CloudFile]) -> dict[tuple[str, Path], list[Numbered]]:
    groups: dict[tuple[str, Path], list[Numbered]] = {}
    for cloud in clouds:
        groups.setdefault((cloud.sequence, cloud.root), []).append(
            Numbered(cloud.frame, cloud.time, cloud.path)
        )
    return groups


def _free_path(run: RunFolder, sequences: list[str]) -> Path:
    stem = sequences[0] if len(sequences) == 1 else "several"
    folder = run.root / "points" / SPLIT
    number = 1
    while (folder / f"{stem}_{number:04d}.parquet").exists():
        number += 1
    return folder / f"{stem}_{number:04d}.parquet"
