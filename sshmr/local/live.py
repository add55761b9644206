"""Follow people while they are recorded: for each cloud, print the body as a line of JSON.

The same tables are written as for finished recordings, part by part; the motion is smoothed at the end.
"""

import contextlib
import dataclasses
import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from sshmr.body.layout import JOINT_NAMES
from sshmr.config.extract import CloudsConfig
from sshmr.errors import InputError
from sshmr.fit.search import Found
from sshmr.fit.stage import columns_of
from sshmr.local.chunks import known_clouds, stamps, write_readings
from sshmr.local.runner import prepare
from sshmr.local.tracks import FRAMES, Tracker, make_chains, process_tracks, seen_part
from sshmr.local.workers import Plan
from sshmr.locks import alone_in
from sshmr.progress import Progress
from sshmr.sources.cloud_files import find_clouds, group_clouds, safe_name
from sshmr.sources.clouds import read_files
from sshmr.sources.frame_order import Numbered, numbers_of, stem_of, times_of
from sshmr.sources.frames import Frame, Reading
from sshmr.tables.run_folder import RunFolder
from sshmr.tracking import follow
from sshmr.tracking.stage import memory_of, write_followed

WRITTEN = 5.0
"""Seconds after which bodies are written, so that a viewer can show them."""
PAUSE = 0.05
"""Seconds between two listings of a folder."""


@dataclasses.dataclass
class _Recording:
    """One recording while it comes: what is known of the person, and what is not written yet.

    ``begun``: the time of the first body that is not written, seconds.
    """

    memory: follow.Memory
    frame: int = -1
    begun: float = 0.0
    readings: list[Reading] = dataclasses.field(default_factory=list)
    columns: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    paths: list[Path] = dataclasses.field(default_factory=list)


def follow_live(paths: Iterable[str], out: Path, plan: Plan, fps: float, output: TextIO) -> None:
    """Follow the people in clouds that come one after the other, until there are no more or Ctrl-C.

    Args:
        paths: one cloud each; those of one folder are one recording. fps: frames a second, where the names
            contain no times. output: gets a line of JSON per cloud.
    """
    with alone_in(out):
        run = prepare(out, plan)
        live = _Live(run, plan, fps, output)
        with contextlib.suppress(KeyboardInterrupt):
            for path in paths:
                if path:
                    live.take(Path(path).resolve())
        live.write()
        if run.points():
            with Progress("Smooth", "frames") as progress:
                process_tracks(run, [], plan, 1, progress, fps)


class _Live:
    def __init__(self, run: RunFolder, plan: Plan, fps: float, output: TextIO) -> None:
        self.run, self.extract, self.fps, self.output = run, plan.config.extract, fps, output
        self.follower = Tracker(run.root, plan).follower
        self.known = set(known_clouds(run)[0])
        self.recordings = {}
        for name, chain in make_chains(run, [], fps).items():
            last = chain.parts[-1]
            if last.followed.exists():
                self.recordings[name] = _Recording(memory_of(last), chain.last_frame)

    def take(self, path: Path) -> None:
        """Follow the person into one cloud, unless it was done before."""
        if path in self.known:
            return
        self.known.add(path)
        name = safe_name(path.parent.name)
        recording = self.recordings.setdefault(name, _Recording(follow.Memory()))
        digits, times = numbers_of(stem_of(path)), times_of([stem_of(path)])
        number = max(recording.frame + 1, digits[-1] if digits and digits[-1] < 2**31 else 0)
        when = times[0] if times else None
        try:
            reading, _ = read_files(path.parent, name, [Numbered(number, when, path)], self.extract)
        except (InputError, FileNotFoundError) as error:
            self._say({"source": str(path), "skipped": str(error)})
            return
        recording.readings.append(reading)
        if not reading.frames:
            self._say({"source": str(path), "skipped": reading.skipped[0][2]})
            return
        recording.frame = number
        if not recording.columns:
            recording.begun = time.monotonic()
        found = self._followed(reading.frames[0], recording, number)
        recording.columns.append(columns_of(found, self.follower.name_of))
        recording.paths.append(path)
        if len(recording.columns) >= FRAMES or time.monotonic() - recording.begun > WRITTEN:
            self._write(recording)

    def write(self) -> None:
        """Write the remaining bodies."""
        for recording in self.recordings.values():
            self._write(recording)

    def _followed(self, frame: Frame, recording: _Recording, number: int) -> Found:
        points = frame.points
        offset = points.astype(np.float64).mean(axis=0)
        when = number / self.fps if frame.time is None else frame.time
        cloud = follow.Frame(follow.as_points(points - offset), offset, when)
        found = self.follower.follow([cloud], recording.memory)
        state = found.fitted.state
        joints = self.follower.body(state.pose, state.betas, state.transl).joints[0].numpy() + offset
        self._say(
            {
                "source": frame.source,
                "frame": number,
                "time": when,
                "confidence": round(float(found.confidence[0]), 4),
                "residual": round(float(found.residual[0]), 5),
                "pose": _rounded(state.pose[0]),
                "betas": _rounded(state.betas[0]),
                "transl": _rounded(state.transl[0].numpy() + offset),
                "joints": dict(zip(JOINT_NAMES, map(_rounded, joints), strict=True)),
            }
        )
        return found

    def _write(self, recording: _Recording) -> None:
        path = write_readings(self.run, recording.readings, stamps(recording.paths), self.extract)
        if path is not None:
            frame_ids = [frame.frame_id for reading in recording.readings for frame in reading.frames]
            part = seen_part(self.run, path, self.fps)
            write_followed(part, frame_ids, recording.columns, recording.memory, self.follower)
        recording.readings, recording.columns, recording.paths = [], [], []

    def _say(self, line: dict[str, Any]) -> None:
        print(json.dumps(line, ensure_ascii=False), file=self.output, flush=True)


def new_files(arguments: Iterable[str], settings: CloudsConfig, without: Path) -> Iterator[str]:
    """The clouds below some folders as they appear, each once it has stopped growing; never ends."""
    roots = [Path(name).resolve() for name in arguments]
    sizes: dict[Path, int] = {}
    given: set[Path] = set()
    for root in roots:
        if not root.is_dir():
            raise InputError(root, found="no folder", expected="a folder that clouds are written to")
    while True:
        for root in roots:
            found: list[Path] = []
            with contextlib.suppress(InputError, FileNotFoundError):
                found = find_clouds(root, settings.files, settings.intrinsics)
            fresh = [p for p in found if p not in given and not p.is_relative_to(without.resolve())]
            grouped = group_clouds(root, fresh) if fresh else {}
            for path in [file.path for files in grouped.values() for file in files]:
                size = path.stat().st_size if path.exists() else 0
                if size and sizes.get(path) == size:
                    given.add(path)
                    yield str(path)
                sizes[path] = size
        time.sleep(PAUSE)


def _rounded(values: Any) -> list[float]:
    return [round(float(value), 5) for value in values]
