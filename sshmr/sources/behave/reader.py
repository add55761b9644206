"""Read a BEHAVE sequence: one cloud per moment and camera, in camera 1's frame, rotated to y up."""

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sshmr.config.extract import BehaveConfig, ExtractConfig
from sshmr.errors import InputError
from sshmr.geometry.frames import Y_DOWN_TO_Y_UP
from sshmr.sources.behave.calibration import Camera, Info, read_camera, read_info
from sshmr.sources.behave.files import depth_file, fit_file, frame_folders, info_file, mask_file
from sshmr.sources.behave.fits import Fit, read_fit
from sshmr.sources.behave.images import read_depth, read_mask
from sshmr.sources.behave.points import CLEANING, unproject
from sshmr.sources.frames import Frame, Reading, frame_id, without_truth
from sshmr.sources.manifest import Maker, maker_of
from sshmr.sources.truth import BodyLoader, truth_body, turned_truth

SMALLEST, LARGEST = 0.05, 1.5
"""Longest side of the box around the middle half of a person's points, metres."""
FARTHEST_TRUTH = 1.5


class View(NamedTuple):
    """One camera at one moment, before its files are read."""

    name: str
    time: int
    folder: Path
    camera: int


class Seen(NamedTuple):
    """A view's cleaned points (K, 3) in the world, and why they cannot be used; ``span`` in metres."""

    points: np.ndarray
    reason: str | None
    span: float = np.nan


def read_sequence(
    root: str | Path,
    sequence: str,
    split: str,
    settings: ExtractConfig,
    load_body: BodyLoader,
    threads: int = 1,
) -> Reading:
    """Read all cameras of one sequence.

    Args:
        root: BEHAVE's top folder; sequence: a folder in its ``sequences``; split: ``train`` or ``test``.
        settings: an ``ExtractConfig``.
        load_body: function of a gender that returns a ``BodyModel``, or None where there is none.
        threads: how many views are read at once.

    Returns:
        A ``Reading``; a frame's number is its time in milliseconds, its view the camera.

    Raises:
        InputError: when the sequence cannot be used; a single bad view is skipped instead.
    """
    path = info_file(root, sequence)
    info = read_info(path)
    cameras = {number: read_camera(info, number) for number in info.cameras}
    maker = maker_of(root)
    reading = Reading(sequence, simulated=maker is not None)
    dataset, mark = ("simulated", "simulated: ") if maker else ("behave", "")

    def source(view: View) -> str:
        return f"{mark}{sequence}/{view.folder.name}/k{view.camera}.depth.png"

    views = []
    for time, folder, reason in _moments(path.parent, info.cameras, settings.behave):
        for camera in info.cameras:
            view = View(frame_id(dataset, sequence, time, camera), time, folder, camera)
            if reason:
                reading.skip(view.name, source(view), reason)
            else:
                views.append(view)
    spans = []
    with ThreadPoolExecutor(threads) as pool:
        seen = pool.map(lambda view: _see(view, cameras[view.camera], settings), views)
        for view, (points, reason, span) in zip(views, seen, strict=True):
            spans.append(span)
            if reason:
                reading.skip(view.name, source(view), reason)
                continue
            points = points @ Y_DOWN_TO_Y_UP.T
            frame = Frame(view.name, view.time, points, source(view), view=view.camera, time=view.time / 1000)
            reading.frames.append(frame)
    _check_size(path, np.array(spans))
    _add_truth(reading, {view.time: view.folder for view in views}, info, load_body, maker)
    return reading


def _moments(
    folder: Path, cameras: Sequence[int], settings: BehaveConfig
) -> Iterator[tuple[int, Path, str | None]]:
    """Every n-th moment of a sequence: (milliseconds, folder, why it cannot be used or None)."""
    found = frame_folders(folder)
    if not found:
        raise InputError(
            folder,
            found="it has no frame",
            expected="folders such as t0003.000",
            fix="Get the complete sequence",
        )
    taken = set()
    for time, moment in found[:: settings.every]:
        reason = None
        if time in taken:
            reason = "another folder has the same time"
        elif settings.all_cameras:
            missing = [f"k{camera}" for camera in cameras if mask_file(moment, camera) is None]
            reason = f"it has no mask of {', '.join(missing)}" if missing else None
        taken.add(time)
        yield time, moment, reason


def _see(view: View, camera: Camera, settings: ExtractConfig) -> Seen:
    """The points of one view, a ``Seen``."""
    nothing = np.zeros((0, 3), np.float32)
    mask_path = mask_file(view.folder, view.camera)
    if mask_path is None:
        return Seen(nothing, f"k{view.camera}.person_mask.png and .jpg are missing")
    shape = camera.table.shape[:2]
    try:
        mask = read_mask(mask_path, shape)
        depth = read_depth(depth_file(view.folder, view.camera), shape, mask.box)
    except ValueError as error:
        return Seen(nothing, str(error))
    raw = unproject(depth, mask, camera)
    if not len(raw):
        return Seen(nothing, "no pixel of the mask has a depth")
    points = CLEANING[settings.behave.cleaning](raw, settings, view.name)
    # Check the unit on the raw points, because cleaning cuts to a person's size, and on their middle half,
    # because a mask can contain parts of the wall.
    span = float(np.diff(np.percentile(raw, [25, 75], axis=0), axis=0).max())
    if len(points) <= settings.minimum_points:
        few = f"it has {len(points)} points after cleaning, {settings.too_few}"
        return Seen(points, few, span)
    if not SMALLEST <= span <= LARGEST:
        wrong = f"half of its points span {span:.3g} m; those of a person {SMALLEST} to {LARGEST} m"
        return Seen(points, wrong, span)
    return Seen(points, None, span)


def _check_size(path: Path, spans: np.ndarray) -> None:
    """Refuse depth in another unit: in most views, the masked points must have the size of a person."""
    spans = spans[np.isfinite(spans)]
    if len(spans) and not SMALLEST <= np.median(spans) <= LARGEST:
        raise InputError(
            path.parent,
            "the masked depth",
            f"such that half of the points span {np.median(spans):.3g} m in the median",
            f"{SMALLEST} to {LARGEST} m, as on a person",
            "Depth images must be in millimetres, and the pixel table those of their camera",
        )


def _add_truth(
    reading: Reading, folders: dict[int, Path], info: Info, load_body: BodyLoader, maker: Maker | None
) -> None:
    """Add the body that was fitted at each frame's moment, if there is one."""
    if info.gender is None:
        reading.notes.append("no ground truth: info.json states no gender")
        return
    body = truth_body(info.gender, load_body, maker, reading)
    if body is None:
        return
    fits: dict[int, Fit] = {}
    missing: Counter[str] = Counter()
    for time in sorted({frame.frame for frame in reading.frames}):
        file = fit_file(folders[time])
        try:
            fits[time] = read_fit(file)
        except InputError as error:
            missing[str(error) if file.exists() else "there is no fit"] += 1
    if missing:
        reading.notes.append(f"{missing.total()} moments without ground truth: {next(iter(missing))}")
    if not fits:
        return
    pose, betas, transl = (np.stack(column) for column in zip(*fits.values(), strict=True))
    name = maker.body_model if maker else "smplh"
    found = turned_truth(body, info.gender, Y_DOWN_TO_Y_UP, pose, betas, transl, name)
    truth = dict(zip(fits, found, strict=True))
    reading.frames = [dataclasses.replace(frame, truth=truth.get(frame.frame)) for frame in reading.frames]
    _check_same_world(reading, info)


def _check_same_world(reading: Reading, info: Info) -> None:
    """Drop all ground truth if clouds and fits are not in the same world (compared in the median)."""
    gaps = [
        np.linalg.norm(frame.points.mean(axis=0) - frame.truth.joints[0])
        for frame in reading.frames
        if frame.truth
    ]
    if gaps and np.median(gaps) > FARTHEST_TRUTH:
        reading.frames = [without_truth(frame) for frame in reading.frames]
        reading.notes.append(
            f"ground truth dropped: bodies are {np.median(gaps):.1f} m from the clouds in the median, more "
            f"than {FARTHEST_TRUTH:g} m; fits and {info.poses} must be in camera 1's frame, in metres"
        )
