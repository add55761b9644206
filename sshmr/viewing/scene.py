"""The whole scenes in which a run's people were found, for the viewer."""

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq

from sshmr.formats.depth import Sensor
from sshmr.formats.points import read_points
from sshmr.people.axes import upright
from sshmr.people.write import DETECTIONS
from sshmr.tables.schemas import provenance

MOST_POINTS = 60_000
"""Points of a scene that are drawn."""
FARTHEST = 40.0
"""Metres from the scene's origin, seen from above, within which points are drawn."""


class SceneFile(NamedTuple):
    """The scene that a frame was cut from.

    Attributes:
        recording: its name. path: the scene's file. up, unit: of the file. sensor: of a depth image.
    """

    recording: str
    path: Path
    up: str
    unit: str | float
    sensor: Sensor


def scene_files(tables: list[Path]) -> dict[tuple[str, int], SceneFile]:
    """The scene's file for each (sequence, frame) of some points tables; none for people cut out elsewhere.

    Tables of ``source.kind: scenes`` name their files. The clouds of ``sshmr people`` are beside its
    table of detections, which names them.
    """
    found: dict[tuple[str, int], SceneFile] = {}
    for table in tables:
        about = provenance(table)
        if "scenes" in about:
            found |= _of_extraction(table, about)
        folders = {Path(os.fsdecode(os.fsencode(file))).parent.parent for file in about.get("files", {})}
        for folder in sorted(folders):
            if (folder / DETECTIONS).is_file():
                found |= _of_detections(folder / DETECTIONS)
    return found


def scene_points(scene: SceneFile) -> np.ndarray:
    """Points (K, 3) float32 of a scene, y up, in metres, at most ``MOST_POINTS``.

    Raises:
        InputError: when the file is missing or cannot be read.
    """
    points = read_points(scene.path, scene.sensor)
    points = upright(points[np.isfinite(points).all(axis=1)], scene.up, scene.unit)
    points = points[np.linalg.norm(points[:, [0, 2]], axis=1) < FARTHEST]
    return points[:: -(-len(points) // MOST_POINTS) or 1].astype(np.float32)


def _of_extraction(table: Path, about: dict[str, Any]) -> dict[tuple[str, int], SceneFile]:
    scenes = about["scenes"]
    sensor = _sensor(json.loads(about["settings"])["scenes"])
    columns = pq.read_table(table, columns=["sequence", "frame", "source"]).to_pydict()
    return {
        (sequence, frame): SceneFile(
            scenes[sequence]["recording"],
            Path(scenes[sequence]["root"]) / source.removeprefix("simulated: "),
            scenes[sequence]["up"],
            scenes[sequence]["unit"],
            sensor,
        )
        for sequence, frame, source in zip(*columns.values(), strict=True)
        if sequence in scenes
    }


def _of_detections(path: Path) -> dict[tuple[str, int], SceneFile]:
    about = provenance(path)
    if "axes" not in about:
        return {}
    sensor = _sensor(json.loads(about["settings"]))
    columns = pq.read_table(path, columns=["person", "frame", "recording", "file"]).to_pydict()
    return {
        (person, frame): SceneFile(recording, Path(file), up, unit, sensor)
        for person, frame, recording, file in zip(*columns.values(), strict=True)
        if person is not None
        for up, unit in [about["axes"][recording]]
    }


def _sensor(settings: dict[str, Any]) -> Sensor:
    return Sensor(settings["intrinsics"], settings["depth_scale"])
