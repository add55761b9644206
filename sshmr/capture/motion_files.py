"""Motion from files: AMASS archives, or a Parquet of SMPL motions."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from scipy.spatial.transform import Rotation, Slerp

from sshmr.capture.motion import Motion
from sshmr.config.capture import CaptureConfig
from sshmr.errors import InputError
from sshmr.formats.numpy_files import read_npz
from sshmr.geometry.frames import Z_UP_TO_Y_UP
from sshmr.sources.shards import SimulatedSequence

FASTEST = 1e5
RATES = ("mocap_framerate", "mocap_frame_rate")
"""Keys of the frame rate in AMASS's archives."""
COLUMNS = ("subject", "sequence", "frame", "fps", "pose", "trans")


class Clip(NamedTuple):
    """One recording: pose (T, 72) and pelvis (T, 3), y up, at ``fps`` frames per second."""

    subject: str
    name: str
    fps: float
    pose: np.ndarray
    pelvis: np.ndarray


def motion_from_file(path: str | Path, settings: CaptureConfig, sequence: SimulatedSequence) -> Motion:
    """The segment of a motion file for one sequence of the plan.

    Subjects, and each subject's clips, are used in the file's order: first the training subjects, then the
    test subjects, so nobody is in both splits. Subjects with too little motion are skipped. The first
    segment of every clip is used before any second one.

    Args:
        path: an AMASS .npz, a folder of them (one folder a subject), or a Parquet.
        settings: a ``CaptureConfig``.
        sequence: a ``SimulatedSequence``.

    Raises:
        InputError: on an unreadable file, or one with too few subjects or too little motion.
    """
    by_subject: dict[str, list[Clip]] = {}
    for clip in read_motion(path):
        by_subject.setdefault(clip.subject, []).append(clip)
    seconds = (settings.frames - 1) / settings.framerate
    available = [_stretches(clips, seconds) for clips in by_subject.values()]
    training = settings.sequences - settings.test_sequences
    chosen = []
    for count, people in ((training, settings.subjects), (settings.test_sequences, settings.test_subjects)):
        each = -(-count // people)
        people = people if count else 0
        fit = [stretches for stretches in available if len(stretches) >= each][:people]
        if len(fit) < people:
            raise InputError(
                path,
                f"number of subjects with {each} segments of {seconds:g} s",
                f"{len(fit)} of {len(by_subject)} that are not used for training",
                people,
                "Lower capture.sequences, .subjects, .test_subjects or .frames, or raise capture.framerate",
            )
        available = [stretches for stretches in available if all(stretches is not taken for taken in fit)]
        chosen += fit
    if sequence.split == "train":
        turn = sequence.number // settings.subjects
    else:
        turn = (sequence.number - training) // settings.test_subjects
    clip, start = chosen[sequence.subject][turn]
    return _resample(clip, start + np.arange(settings.frames) / settings.framerate)


def _stretches(clips: Sequence[Clip], seconds: float) -> list[tuple[Clip, float]]:
    """(clip, start in seconds) of segments that do not overlap: the first of every clip, then the second …"""
    counts = [int(((len(clip.pose) - 1) / clip.fps + 1e-6) // max(seconds, 1 / clip.fps)) for clip in clips]
    turns = range(max(counts, default=0))
    return [
        (clip, turn * seconds)
        for turn in turns
        for clip, count in zip(clips, counts, strict=True)
        if turn < count
    ]


def _resample(clip: Clip, times: np.ndarray) -> Motion:
    own = np.arange(len(clip.pose)) / clip.fps
    times = np.clip(times, own[0], own[-1])
    if len(own) == 1:
        return Motion(np.repeat(clip.pose, len(times), axis=0), np.repeat(clip.pelvis, len(times), axis=0))
    joints = clip.pose.reshape(len(own), 24, 3).swapaxes(0, 1)
    pose = [Slerp(own, Rotation.from_rotvec(rotvecs))(times).as_rotvec() for rotvecs in joints]
    travel = np.stack([np.interp(times, own, column) for column in clip.pelvis.T], axis=1)
    return Motion(np.concatenate(pose, axis=1), travel)


def read_motion(path: str | Path) -> list[Clip]:
    """The clips of a motion file or folder, in order."""
    path = Path(path)
    if path.is_dir():
        files = sorted(file for file in path.rglob("*.npz") if not file.name.startswith("shape"))
        if not files:
            raise InputError(path, found="no .npz in it", expected="AMASS archives")
        return [_read_amass(file) for file in files]
    if not path.is_file():
        raise InputError(path, found="no such file", expected="a motion file", fix="Correct capture.motion")
    if path.suffix == ".parquet":
        return _read_parquet(path)
    if path.suffix == ".npz":
        return [_read_amass(path)]
    raise InputError(path, found=f'it ends in "{path.suffix}"', expected=".parquet or .npz")


def _read_parquet(path: Path) -> list[Clip]:
    try:
        table = pq.read_table(path, columns=list(COLUMNS))
        frame = table.to_pandas()
    except Exception as error:  # A damaged table can raise almost any exception.
        raise InputError(
            path, found=f"not readable ({error})", expected=f"columns {', '.join(COLUMNS)}"
        ) from error
    if missing := [name for name in COLUMNS if name not in table.column_names]:
        raise InputError(path, f'column "{missing[0]}"', "missing", f"columns {', '.join(COLUMNS)}")
    clips = []
    for (subject, name), rows in _grouped(path, frame):
        rows = rows.sort_values("frame")
        clips.append(_checked(path, str(subject), str(name), rows.fps.iloc[0], rows.pose, rows.trans, 72))
    return clips


def _grouped(path: Path, frame: pd.DataFrame) -> Any:
    for column in ("subject", "sequence", "frame"):
        values = frame[column]
        plain = values.dtype.kind in "iuf" or all(isinstance(value, str) for value in values)
        if not plain or values.isna().any():
            raise InputError(path, f'column "{column}"', "neither text nor numbers", "a value in each row")
    return frame.groupby(["subject", "sequence"], sort=False, observed=True)


def _read_amass(path: Path) -> Clip:
    """AMASS: z up; ``trans`` is the model's translation, a constant away from the pelvis."""
    arrays = read_npz(path, ("poses", "trans", *RATES), "an AMASS archive")
    rate = next((arrays[key] for key in RATES if key in arrays), None)
    missing = [key for key in ("poses", "trans") if key not in arrays]
    if missing or rate is None:
        key = missing[0] if missing else RATES[0]
        raise InputError(path, f'array "{key}"', "missing", f"poses, trans and {RATES[0]}")
    fps = rate.reshape(-1)[0] if rate.size == 1 else f"of shape {rate.shape}"
    poses, trans = arrays["poses"], arrays["trans"]
    clip = _checked(path, path.parent.name, path.stem, fps, poses, trans, None)
    root = Rotation.from_matrix(Z_UP_TO_Y_UP) * Rotation.from_rotvec(clip.pose[:, :3])
    pose = np.concatenate([root.as_rotvec(), clip.pose[:, 3:]], axis=1)
    return clip._replace(pose=pose, pelvis=clip.pelvis @ Z_UP_TO_Y_UP.T)


def _checked(
    path: Path, subject: str, name: str, fps: Any, pose: np.ndarray, trans: np.ndarray, width: int | None
) -> Clip:
    where = f"{name}: pose"
    try:
        pose, trans = (np.stack(list(rows)).astype(np.float64) for rows in (pose, trans))
    except (ValueError, TypeError, OverflowError) as error:
        found = "empty, not numbers, or of different lengths"
        raise InputError(path, where, found, "the same number of values in each row") from error
    if pose.ndim != 2 or (pose.shape[1] != width if width else pose.shape[1] not in (72, 156, 165)):
        raise InputError(
            path, where, f"of shape {pose.shape}", f"(frames, {width or '72, 156 or 165'}), radians"
        )
    if trans.shape != (len(pose), 3):
        raise InputError(path, f"{name}: trans", f"of shape {trans.shape}", f"({len(pose)}, 3), metres")
    if not (np.isfinite(pose).all() and np.isfinite(trans).all()):
        raise InputError(path, where, "not finite", "finite numbers")
    if not isinstance(fps, int | float | np.number) or not (np.isfinite(fps) and 0 < fps < FASTEST):
        raise InputError(path, f"{name}: frames per second", fps, f"a number above 0, below {FASTEST:g}")
    # SMPL-H and SMPL-X: the first 22 are body joints. SMPL's two hand joints stay at rest.
    if pose.shape[1] > 72:
        pose = np.concatenate([pose[:, :66], np.zeros((len(pose), 6))], axis=1)
    return Clip(subject, name, float(fps), pose, trans)
