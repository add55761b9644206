"""Read recordings of whole scenes: every person that is found is a separate sequence."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sshmr.config.extract import ExtractConfig, metres_of
from sshmr.people.scene import Recording, rate_of, read_recording
from sshmr.sources.cleaning import without_fragments, without_strays
from sshmr.sources.cloud_files import files_of_sequence
from sshmr.sources.frames import Frame, Reading, frame_id
from sshmr.sources.manifest import maker_of
from sshmr.sources.sampling import subsample, voxel_means
from sshmr.sources.sensor_place import with_sensor
from sshmr.sources.truth import BodyLoader


def read_sequence(
    root: Path | str,
    sequence: str,
    split: str,
    settings: ExtractConfig,
    load_body: BodyLoader | None = None,
    threads: int = 1,
    files: Sequence[tuple[int, float | None, Path]] = (),
) -> Reading:
    """Find and follow the people in one recording.

    Args:
        root: the top folder; sequence: one that ``list_sequences`` names; split: ``train`` or ``test``.
        settings: an ``ExtractConfig``. load_body: unused; scenes have no truth.
        threads: processes that read files in parallel.
        files: the recording's ``Numbered`` files; without them, they are searched for.

    Returns:
        A ``Reading``, y up, in metres, whose frames' sequences are the people.

    Raises:
        InputError: when the recording is not there or none of its files can be read.
    """
    own = files_of_sequence(root, sequence, settings.scenes, files)
    members = [(file.frame, file.path) for file in own]
    rate = rate_of([file.time for file in own])
    recording = read_recording(sequence, members, settings.scenes, rate, threads)
    simulated = maker_of(root) is not None
    scene = {"recording": sequence, "root": str(root), "up": recording.up, "unit": recording.unit}
    reading = Reading(sequence, simulated=simulated, scene=scene)
    dataset = "simulated" if simulated else "scenes"
    below = {
        number: ("simulated: " if simulated else "") + path.relative_to(root).as_posix()
        for number, path in members
    }
    for path, reason in recording.skipped:
        number = next(number for number, known in members if known == path)
        reading.skip(frame_id(dataset, sequence, number), below[number], reason)
    for name, track in recording.people.items():
        for number, found in zip(track.frames, track.found, strict=True):
            frame = frame_id(dataset, name, number)
            points = _cleaned(found.points, settings)
            if len(points) <= settings.minimum_points:
                few = f"{name} has {len(points)} points, {settings.too_few}"
                reading.skip(frame, below[number], few)
            else:
                points = subsample(points, settings.points, settings.sampling, frame)
                reading.frames.append(Frame(frame, number, points, below[number], sequence=name))
    with_sensor(reading, settings.scenes.sensor, recording.up, metres_of(recording.unit))
    reading.notes += [*recording.notes, _summary(recording)]
    return reading


def _cleaned(points: np.ndarray, settings: ExtractConfig) -> np.ndarray:
    """A person's points on the voxel grid, without strays. The ground has been removed before."""
    points = np.asarray(points)
    if settings.voxel:
        points = voxel_means(points, settings.voxel)
    points = without_strays(points, settings.stray_distance)
    return without_fragments(points, 2 * settings.stray_distance) if len(points) else points


def _summary(recording: Recording) -> str:
    people = len(recording.people)
    return f"{people} {'person' if people == 1 else 'people'} in {len(recording.files)} frames"
