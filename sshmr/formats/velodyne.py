"""Recordings of Velodyne's LiDARs: .pcap, through velodyne-decoder, an optional dependency.

A recording counts as a folder with a file per rotation of the sensor, named by the time of its packets:
``walk.pcap/sweeps/1316652689.744386000``. Axes are those of ROS: x ahead, y to the left, z up, in metres.
"""

import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sshmr.errors import InputError
from sshmr.formats.extras import require

SUFFIX = ".pcap"
FOLDER = "sweeps"
OTHERS = "Convert recordings of other makers to a ROS bag, .pcd or .las first; Ouster's ouster-cli does"


def sweeps(recording: Path) -> list[Path]:
    """The turns of a recording that can be read, in order.

    Raises:
        InputError: when it cannot be read, or holds no packets of a Velodyne.
    """
    return [recording / FOLDER / name for name in _names(recording, _changed(recording))]


def read_sweep(recording: Path, name: str) -> np.ndarray:
    """The points of one turn, (K, 3) float64.

    Raises:
        InputError: when there is none of that name.
    """
    points = _sequence(recording, _changed(recording)).read(name)
    if points is None:
        raise InputError(recording / FOLDER / name, found="not a turn of this recording")
    return points


class _Sequence:
    """A recording that is decoded only once if its rotations are read in order."""

    def __init__(self, recording: Path):
        self._recording = recording
        self._turns = _decoded(recording)

    def read(self, name: str) -> np.ndarray | None:
        for _ in range(2):  # once from where the last one ended, once from the beginning
            for found, points in self._turns:
                if found == name:
                    return points
            self._turns = _decoded(self._recording)
        return None


@functools.lru_cache(1)
def _sequence(recording: Path, changed: int) -> _Sequence:
    return _Sequence(recording)


@functools.lru_cache(16)
def _names(recording: Path, changed: int) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name for name, points in _decoded(recording) if len(points)))
    if not names:
        raise InputError(recording, found="it has no packets of a Velodyne", fix=OTHERS)
    return names


def _decoded(recording: Path) -> Iterator[tuple[str, np.ndarray]]:
    decoder = require("velodyne_decoder", recording, "velodyne")
    try:
        for stamp, points in decoder.read_pcap(str(recording)):
            time = round(1e6 * float(getattr(stamp, "host", stamp)))
            name = f"{time // 10**6}.{time % 10**6:06d}000"
            yield name, np.asarray(points, np.float64)[:, :3]
    except (MemoryError, InputError):
        raise
    except Exception as error:  # a damaged file can raise almost any exception
        found = f"it cannot be read ({error or type(error).__name__})"
        raise InputError(recording, found=found, expected="a recording of a Velodyne", fix=OTHERS) from error


def _changed(recording: Path) -> int:
    try:
        return recording.stat().st_mtime_ns
    except OSError:
        raise InputError(recording, found="no such file") from None
