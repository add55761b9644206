"""Read SLOPER4D: one pickle per sequence. One person wears a LiDAR that records another. The world has z
up."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from sshmr.config.extract import ExtractConfig, Sloper4dConfig
from sshmr.geometry.frames import Z_UP_TO_Y_UP
from sshmr.sources.cleaning import clean_person, finite
from sshmr.sources.frames import Frame, Reading, Truth, frame_id
from sshmr.sources.manifest import Maker
from sshmr.sources.sampling import subsample
from sshmr.sources.shards import sloper4d_pickle
from sshmr.sources.sloper4d_file import MOST_IN_CLOUD, Recording, float_array, read_pickle
from sshmr.sources.truth import BodyLoader, truth_body, turned_truth

FARTHEST_TRUTH = 1.5
PUBLISHED_SEED, PUBLISHED_TEST_SHARE = 42, 0.3
LARGEST = 1e6
"""Larger numbers are not angles, coefficients or metres."""


def read_sequence(
    root: str | Path,
    sequence: str,
    split: str,
    settings: ExtractConfig,
    load_body: BodyLoader,
    threads: int = 1,
) -> Reading:
    """Read the frames of one sequence that belong to a split.

    Args:
        root: SLOPER4D's top folder; sequence: a folder name in it; split: ``train`` or ``test``.
        settings: an ``ExtractConfig``.
        load_body: function of a gender that returns a ``BodyModel``, or None where there is none.
        threads: unused, a pickle is read as a whole.

    Returns:
        A ``Reading``, in the source's frame turned y up.

    Raises:
        InputError: when the sequence cannot be used; a single bad frame is skipped instead.
    """
    path = sloper4d_pickle(root, sequence)
    recording = read_pickle(path)
    dataset = "simulated" if recording.simulated else "sloper4d"
    source = ("simulated: " if recording.simulated else "") + f"{path.parent.name}/{path.name}"
    reading = Reading(sequence, simulated=recording.simulated)
    chosen = _frames_of_split(recording.frames, sequence, split, settings.sloper4d.split)
    for number in sorted(set(recording.clouds) - set(recording.frames.tolist())):
        reading.skip(frame_id(dataset, sequence, number), source, "its cloud has no entry in frame_num")

    clouds = {}
    for number in recording.frames.tolist():
        try:
            clouds[number] = _clean(recording.clouds.get(number), settings)
        except ValueError as error:
            if number in chosen:
                reading.skip(frame_id(dataset, sequence, number), source, str(error))
    truth = _truth(recording, clouds, load_body, reading)
    ends = (min(clouds, default=0), max(clouds, default=0))
    for number, cloud in clouds.items():
        if number not in chosen:
            continue
        name = frame_id(dataset, sequence, number)
        own = subsample(cloud, settings.points, settings.sampling, name)
        added = _neighbour_points(number, clouds, ends, recording.framerate, settings.sloper4d)
        points = np.concatenate([own, *added])[: settings.points] @ Z_UP_TO_Y_UP.T
        time = number / recording.framerate
        reading.frames.append(Frame(name, number, points, source, truth.get(number), time=time))
    return reading


def _frames_of_split(frames: np.ndarray, sequence: str, split: str, rule: str) -> set[int]:
    """The frame numbers of a sequence that belong to a split."""
    if rule != "published":
        return set(frames.tolist())
    seed = int.from_bytes(hashlib.sha256(sequence.encode()).digest()[:8], "little")
    order = np.random.default_rng([PUBLISHED_SEED, seed]).permutation(frames)
    test = set(order[: round(PUBLISHED_TEST_SHARE * len(frames))].tolist())
    return test if split == "test" else set(frames.tolist()) - test


def _clean(cloud: Any, settings: ExtractConfig) -> np.ndarray:
    """(K, 3) float64 of one frame's points on the voxel grid, z up.

    Raises:
        ValueError: with the reason why the frame cannot be used.
    """
    if cloud is None:
        raise ValueError("it has no cloud")
    try:
        cloud = float_array(cloud, MOST_IN_CLOUD)
    except (ValueError, TypeError, OverflowError):
        raise ValueError("its cloud holds no numbers") from None
    if cloud.size == 0:
        raise ValueError("its cloud is empty")
    if cloud.ndim != 2 or cloud.shape[1] != 3:
        raise ValueError(f"its cloud has shape {cloud.shape}, not (k, 3)")
    return clean_person(finite(cloud), settings)


def _truth(
    recording: Recording, clouds: dict[int, np.ndarray], load_body: BodyLoader, reading: Reading
) -> dict[int, Truth]:
    """The true body of each frame, rotated to y up; nothing without the right body model.

    Invalid bodies are dropped with a note; their clouds are kept. These are bodies with numbers that are not
    finite, and all bodies if clouds and translations are not in the same world (compared in the median of the
    sequence).
    """
    maker = Maker(recording.body_model, recording.body_digest) if recording.simulated else None
    body = truth_body(recording.gender, load_body, maker, reading)
    if body is None:
        return {}
    values = (recording.pose, recording.betas, recording.transl)
    known = np.logical_and.reduce([(np.abs(part) < LARGEST).all(axis=1) for part in values])
    rows = {number: row for row, number in enumerate(recording.frames.tolist()) if known[row]}
    gaps = [
        np.linalg.norm(cloud.mean(axis=0) - recording.transl[rows[number]])
        for number, cloud in clouds.items()
        if number in rows
    ]
    if gaps and np.median(gaps) > FARTHEST_TRUTH:
        reading.notes.append(
            f"ground truth dropped: second_person.opt_trans is {np.median(gaps):.1f} m from the clouds in "
            f"the median, more than {FARTHEST_TRUTH:g} m; both must be in the same world, z up, in metres"
        )
        return {}
    if not known.all():
        reading.notes.append(
            f"{(~known).sum()} frames without ground truth: pose, betas or translation is not finite"
        )
    if not known.any():
        return {}
    pose, betas, transl = (part[known] for part in values)
    found = turned_truth(body, recording.gender, Z_UP_TO_Y_UP, pose, betas, transl, recording.body_model)
    return dict(zip(recording.frames[known].tolist(), found, strict=True))


def _neighbour_points(
    number: int,
    clouds: dict[int, np.ndarray],
    ends: tuple[int, int],
    framerate: float,
    settings: Sloper4dConfig,
) -> list[np.ndarray]:
    """Points of the previous and the next frame that still lie on the person.

    The nearer the two clouds' means, the more is taken: under 0.08 m all, under 0.2 m the points within 5 cm
    of the frame's own, under 0.3 m those within 3 cm, this last not for a sequence's first and last cloud.
    """
    if not settings.neighbours or 1 / framerate > settings.neighbour_seconds:
        return []
    own = clouds[number]
    added = []
    for other in (clouds.get(number - 1), clouds.get(number + 1)):
        if other is None:
            continue
        gap = np.linalg.norm(own.mean(axis=0) - other.mean(axis=0))
        reach = (
            np.inf if gap < 0.08 else 0.05 if gap < 0.2 else 0.03 if gap < 0.3 and number not in ends else 0.0
        )
        if reach:
            added.append(other[cKDTree(own).query(other)[0] < reach])
    return added
