"""The output of ``sshmr people``: a table of all detections, and a folder of clouds per person."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from sshmr.formats.ply_writer import write_ply
from sshmr.people.detect import Found
from sshmr.people.scene import Recording
from sshmr.people.track import UNSURE
from sshmr.tables.schemas import vector, write_table

DETECTIONS = "detections.parquet"
SCHEMA = pa.schema(
    [
        pa.field("frame_id", pa.string(), nullable=False),
        ("recording", pa.string()),
        ("frame", pa.int32()),
        ("track", pa.int32()),
        ("person", pa.string()),
        ("score", pa.float32()),
        ("points", pa.int32()),
        ("low", vector(3, pa.float64())),
        ("high", vector(3, pa.float64())),
        ("reason", pa.string()),
        ("file", pa.string()),
    ]
)
"""One row for each piece of a scene that resembles a person. ``track`` counts from 1 in a recording, 0: none;
``low`` and ``high`` are corners of its box in the file's axes and unit; ``reason``: why it is not a
person."""


def rows_of(recording: Recording) -> list[dict[str, Any]]:
    """The recording's part of the table, frame by frame."""
    names = {id(track): name for name, track in recording.people.items()}
    rows = []
    for number, track in enumerate(recording.tracks, start=1):
        name = names.get(id(track))
        rows += [
            _row(recording, frame, one, number, name, track.reason)
            for frame, one in zip(track.frames, track.found, strict=True)
        ]
    for frame, one in recording.loose:
        sure = one.score >= UNSURE
        reason = "belongs to no track" if sure else f"score {one.score:.2f}, below {UNSURE:g}"
        rows.append(_row(recording, frame, one, 0, None, reason))
    return sorted(rows, key=lambda row: (row["frame"], row["track"] == 0, row["track"], -row["score"]))


def write_detections(path: Path, recordings: list[Recording], provenance: dict[str, Any]) -> None:
    """Write the table of several recordings."""
    rows = [row for recording in recordings for row in rows_of(recording)]
    for number, row in enumerate(rows):
        row["frame_id"] = f"{row['recording']}/{row['frame']:06d}/{number}"
    columns: dict[str, Any] = {name: [row[name] for row in rows] for name in SCHEMA.names}
    for name in ("low", "high"):
        columns[name] = np.array(columns[name], np.float64).reshape(-1, 3)
    write_table(path, columns, SCHEMA, provenance)


def write_crops(folder: Path, recording: Recording) -> list[Path]:
    """Write each person's clouds as ``<person>/<frame>.ply``, in the axes and the unit of the scene's files.

    Returns:
        The folders, one per person.
    """
    folders = []
    for name, track in recording.people.items():
        folders.append(folder / name)
        for frame, one in zip(track.frames, track.found, strict=True):
            write_ply(folder / name / f"{frame:06d}.ply", recording.to_file(one.points))
    return folders


def _row(
    recording: Recording, frame: int, one: Found, track: int, person: str | None, reason: str
) -> dict[str, Any]:
    corners = recording.to_file(np.stack([one.low, one.high]))
    return {
        "recording": recording.name,
        "frame": frame,
        "track": track,
        "person": person,
        "score": one.score,
        "points": one.number,
        "low": corners.min(axis=0),
        "high": corners.max(axis=0),
        "reason": reason,
        "file": str(recording.files[frame]),
    }
