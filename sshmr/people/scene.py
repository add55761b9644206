"""Find people in each file of a scene's recording, and track them."""

import concurrent.futures
import functools
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sshmr.config.extract import ScenesConfig, metres_of
from sshmr.errors import InputError
from sshmr.formats.depth import Sensor
from sshmr.formats.points import read_points
from sshmr.geometry.up_axes import TO_Y_UP
from sshmr.people.axes import Axes, guess_axes
from sshmr.people.background import MOST_FRAMES, Background, background_of
from sshmr.people.detect import Found, find_people
from sshmr.people.track import SURE, UNSURE, Track, follow

RATE, SLOWEST = 10.0, 1.0
"""Frames per second if they are not known: the usual and the smallest number."""
LOOKED_AT = 3
"""Number of files from which axes and unit are guessed."""


@dataclass
class Recording:
    """The result for a recording.

    Attributes:
        name: of the sequence. up, unit: of its files. tracks: of people and of what was rejected.
        loose: (frame number, detection) without a track. skipped: (path, reason) of files not read.
        notes: sentences for the user. files: path of each frame.
    """

    name: str
    up: str
    unit: str | float
    tracks: list[Track] = field(default_factory=list)
    loose: list[tuple[int, Found]] = field(default_factory=list)
    skipped: list[tuple[Path, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    files: dict[int, Path] = field(default_factory=dict)

    @property
    def people(self) -> dict[str, Track]:
        """Names of people, such as ``hall_person_01``, and their tracks."""
        kept = [track for track in self.tracks if not track.reason]
        digits = max(2, len(str(len(kept))))
        return {
            f"{self.name}_person_{number:0{digits}d}": track for number, track in enumerate(kept, start=1)
        }

    def to_file(self, points: np.ndarray) -> np.ndarray:
        """Points (K, 3), y up, in metres → the axes and the unit of the files."""
        return points @ np.array(TO_Y_UP[self.up]) / metres_of(self.unit)


def read_recording(
    name: str,
    files: list[tuple[int, Path]],
    settings: ScenesConfig,
    rate: float = 0.0,
    jobs: int = 1,
    advance: Callable[[int], None] = lambda _: None,
) -> Recording:
    """Find and follow the people in a recording.

    Args:
        name: of the sequence. files: [(frame number, path), …] in order.
        rate: frames per second, if known. The settings' own has priority.
        jobs: processes that read files in parallel. advance: called with 1 after each file.

    Raises:
        InputError: when none of the files can be read.
    """
    axes = guess_axes(_clouds(files, LOOKED_AT, Sensor(*settings.camera)), settings.up, settings.unit)
    recording = Recording(name, axes.up, axes.unit, files=dict(files))
    if "auto" in (settings.up, settings.unit):
        recording.notes.append(
            f"up: {axes.up}, unit: {axes.unit} ({axes.words}); --up and --unit override this"
        )
    look = functools.partial(
        _look, axes=axes, sensor=Sensor(*settings.camera), background=_background(files, settings, axes)
    )
    frames: list[tuple[int, list[Found]]] = []
    for index, (number, found) in enumerate(_mapped(look, files, jobs)):
        if isinstance(found, str):
            recording.skipped.append((recording.files[number], found))
        else:
            recording.loose += [(number, _without_points(one)) for one in found if one.score < UNSURE]
            frames.append((index, [one for one in found if one.score >= UNSURE]))
        advance(1)
    numbers = [number for number, _ in files]
    known = settings.frames_per_second or rate
    recording.tracks = follow(frames, known or RATE, settings.score, known or SLOWEST)
    for track in recording.tracks:
        track.frames = [numbers[index] for index in track.frames]
    taken = {id(one) for track in recording.tracks for one in track.found}
    recording.loose += [
        (numbers[index], _without_points(one))
        for index, found in frames
        for one in found
        if id(one) not in taken
    ]
    return recording


def _without_points(found: Found) -> Found:
    return found._replace(points=found.points[:0])


def _look(
    item: tuple[int, Path], axes: Axes, sensor: Sensor, background: Background | None
) -> tuple[int, list[Found] | str]:
    """The frame number, and the detections in its file, or the reason why it cannot be read."""
    number, path = item
    try:
        return number, find_people(_upright(path, axes.up, axes.unit, sensor), background).found
    except InputError as error:
        return number, str(error)


def _mapped(
    look: Callable[[tuple[int, Path]], tuple[int, list[Found] | str]],
    files: Sequence[tuple[int, Path]],
    jobs: int,
) -> Iterator[tuple[int, list[Found] | str]]:
    """Results in the files' order, from this process or several."""
    if jobs == 1 or len(files) < 2 * jobs:
        yield from map(look, files)
        return
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(jobs, context) as pool:
        yield from pool.map(look, files, chunksize=max(1, min(16, len(files) // (4 * jobs))))


def _upright(path: Path, up: str, unit: str | float, sensor: Sensor) -> np.ndarray:
    """The finite points of a file, (K, 3) float64, y up, in metres."""
    points = _finite(read_points(path, sensor))
    if not len(points):
        raise InputError(path, "points", "not finite", "numbers")
    return points @ np.array(TO_Y_UP[up]).T * metres_of(unit)


def _finite(points: np.ndarray) -> np.ndarray:
    return points[np.isfinite(points).all(axis=1)]


def _clouds(files: Sequence[tuple[int, Path]], count: int, sensor: Sensor) -> list[np.ndarray]:
    """Points of some of the files, spread over them."""
    places = np.unique(np.linspace(0, len(files) - 1, count).round().astype(int))
    clouds: list[np.ndarray] = []
    reason: InputError | None = None
    for place in [*places, *range(len(files))]:
        if len(clouds) == len(places) or (place in places and len(clouds) > len(places)):
            break
        try:
            points = _finite(read_points(files[place][1], sensor))
        except InputError as error:
            reason = reason or error
            continue
        if len(points):
            clouds.append(points)
    if not clouds:
        raise reason or InputError(files[0][1], "points", "not finite", "numbers")
    return clouds


def _background(files: Sequence[tuple[int, Path]], settings: ScenesConfig, axes: Axes) -> Background | None:
    """The background, from the empty recording or from this one."""
    if settings.empty:
        path = Path(settings.empty)
        if not path.is_file():
            raise InputError(path, found="no such file", expected="the scene without people")
        return Background(_upright(path, axes.up, axes.unit, Sensor(*settings.camera)))
    if not settings.background:
        return None
    places = np.unique(np.linspace(0, len(files) - 1, MOST_FRAMES).round().astype(int))
    clouds = []
    for place in places:
        try:
            clouds.append(
                _upright(files[place][1], axes.up, axes.unit, Sensor(*settings.camera)).astype(np.float32)
            )
        except InputError:
            continue  # It is listed when it is read again.
    return background_of(clouds, _people_of)


def _people_of(points: np.ndarray) -> np.ndarray:
    found = [one.points for one in find_people(points).found if one.score >= SURE]
    return np.concatenate(found) if found else np.zeros((0, 3))


def rate_of(times: Sequence[float | None]) -> float:
    """Frames per second from the times of the frames; 0 if they are not known."""
    known = [time for time in times if time is not None]
    if len(known) < 2 or len(known) < len(times):
        return 0.0
    step = float(np.median(np.diff(known)))
    return 1 / step if step > 0 else 0.0
