"""From some sequences of a source to one shard of the points table."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from sshmr.config.extract import ExtractConfig
from sshmr.config.mapping import to_json
from sshmr.errors import InputError
from sshmr.sources import clouds, plan, scenes, sloper4d
from sshmr.sources.behave import reader as behave
from sshmr.sources.frames import Reading
from sshmr.sources.sampling import centre_and_pad
from sshmr.sources.surreal import reader as surreal
from sshmr.sources.truth import BodyLoader
from sshmr.tables.schemas import as_text, points_schema, write_table

READERS: dict[str, Callable[..., Reading]] = {
    "sloper4d": sloper4d.read_sequence,
    "behave": behave.read_sequence,
    "surreal": surreal.read_sequence,
    "clouds": clouds.read_sequence,
    "scenes": scenes.read_sequence,
}
SKIPPED_SCHEMA = pa.schema(
    [pa.field("frame_id", pa.string(), nullable=False), ("source", pa.string()), ("reason", pa.string())]
)
TRUTH = {"pose": 72, "betas": 10, "transl": 3, "joints": 72}


def extract(
    source: str,
    sequences: Sequence[plan.Sequence],
    split: str,
    settings: ExtractConfig,
    load_body: BodyLoader,
    output: str | Path,
    skipped: str | Path,
    threads: int = 1,
) -> str:
    """Read some sequences, write them as one shard of the points table, and the table of skipped frames.

    Args:
        source: one of ``READERS``.
        sequences: ``Sequence`` of each, in the table's order.
        split: ``train`` or ``test``.
        settings: an ``ExtractConfig``.
        load_body: function of a gender that returns a ``BodyModel``, or None where there is none.
        output, skipped: the two Parquet files to write.
        threads: how many frames are read in parallel, if the reader supports it.

    Returns:
        One line for each sequence about what was read.

    Raises:
        InputError: when the source cannot be used, or a sequence leaves no frame.
    """
    if source not in READERS:
        raise InputError("config", 'key "source.kind"', repr(source), " or ".join(READERS))
    readings = [_read(source, sequence, split, settings, load_body, threads) for sequence in sequences]
    simulated = any(reading.simulated for reading in readings)
    provenance = {"settings": to_json(settings), "source": source, "simulated": simulated}
    scenes = {
        frame.sequence: reading.scene for reading in readings if reading.scene for frame in reading.frames
    }
    if scenes:
        provenance["scenes"] = scenes
    columns = table_columns(readings, split, settings.points)
    write_table(output, columns, points_schema(settings.points), provenance)
    write_skipped(skipped, [frame for reading in readings for frame in reading.skipped], provenance)
    return "\n".join(_summary(reading, split) for reading in readings)


def _read(
    source: str,
    sequence: plan.Sequence,
    split: str,
    settings: ExtractConfig,
    load_body: BodyLoader,
    threads: int,
) -> Reading:
    """The ``Reading`` of a ``Sequence``, which has at least one frame."""
    listed = {"files": sequence.files} if sequence.files else {}
    reading = READERS[source](sequence.root, sequence.name, split, settings, load_body, threads, **listed)
    if not reading.frames:
        reasons = sorted({reason for _, _, reason in reading.skipped})
        raise InputError(
            f"{sequence.root}/{sequence.name}",
            found=f"no frame can be used; {len(reading.skipped)} were skipped: {'; '.join(reasons[:5])}",
            fix="Correct the data, lower extract.minimum_points, or leave this sequence out",
        )
    return reading


def write_skipped(
    path: str | Path, skipped: Sequence[tuple[str, str, str]], provenance: dict[str, Any]
) -> None:
    """Write the table of frames left out: [(frame_id, source, reason), …]."""
    names, sources, reasons = zip(*skipped, strict=True) if skipped else ((), (), ())
    write_table(path, {"frame_id": names, "source": sources, "reason": reasons}, SKIPPED_SCHEMA, provenance)


def table_columns(readings: Sequence[Reading], split: str, count: int) -> dict[str, Any]:
    """Columns of the points table, ``count`` points a frame, from the frames of some readings in order."""
    frames = [frame for reading in readings for frame in reading.frames]
    points, sizes, offsets = zip(*(centre_and_pad(frame.points, count) for frame in frames), strict=True)
    columns = {
        "frame_id": [frame.frame_id for frame in frames],
        "sequence": [frame.sequence or reading.sequence for reading in readings for frame in reading.frames],
        "frame": [frame.frame for frame in frames],
        "view": [frame.view for frame in frames],
        "time": [frame.time for frame in frames],
        "split": [split] * len(frames),
        "points": np.stack(points),
        "n_points": list(sizes),
        "offset": np.stack(offsets),
        "sensor": np.stack(
            [_from(frame.sensor, offset) for frame, offset in zip(frames, offsets, strict=True)]
        ),
        "source": [frame.source for frame in frames],
        "gender": [frame.truth.gender if frame.truth else None for frame in frames],
        "body_model": [frame.truth.body_model if frame.truth else None for frame in frames],
    }
    if any(frame.parts is not None for frame in frames):
        columns["parts"] = np.stack([_padded_parts(frame.parts, count) for frame in frames])
    for name, width in TRUTH.items():
        rows = np.full((len(frames), width), np.nan)
        for row, (frame, offset) in enumerate(zip(frames, offsets, strict=True)):
            if frame.truth:
                value = getattr(frame.truth, name)
                rows[row] = (value - offset if name in ("transl", "joints") else value).reshape(-1)
        columns[name] = rows
    return columns


def _from(sensor: np.ndarray | None, offset: np.ndarray) -> np.ndarray:
    """(3,) the sensor's place in the centred frame, NaN where unknown."""
    return np.full(3, np.nan) if sensor is None else sensor - offset


def _padded_parts(parts: np.ndarray | None, count: int) -> np.ndarray:
    """(count,) int8: 0 on padding, and if the source has no parts."""
    padded = np.zeros(count, np.int8)
    if parts is not None:
        padded[: len(parts)] = parts
    return padded


def _summary(reading: Reading, split: str) -> str:
    sizes = [len(frame.points) for frame in reading.frames]
    known = sum(frame.truth is not None for frame in reading.frames)
    kind = "simulated, " if reading.simulated else ""
    line = (
        f"{reading.sequence} ({kind}{split}): {len(sizes)} frames, {len(reading.skipped)} skipped, "
        f"{min(sizes)}–{max(sizes)} points (median {int(np.median(sizes))}), {known} with ground truth"
    )
    return as_text("; ".join([line, *reading.notes]))
