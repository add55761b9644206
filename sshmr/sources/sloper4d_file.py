"""The one pickle that a sequence of SLOPER4D has, read and checked."""

import reprlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sshmr.body.sources import GENDERS
from sshmr.errors import InputError
from sshmr.formats.pickles import load_numpy_pickle

MOST_NUMBERS, MOST_IN_CLOUD = 2**22, 2**18
"""Largest number of values of an array over all frames, and of one cloud."""


@dataclass(frozen=True)
class Recording:
    """A pickle's content, checked, in its world with z up.

    frames: (T,) int; pose: (T, 72); transl: (T, 3); betas: (T, 10).
    clouds: frame number → what the file holds.
    """

    framerate: float
    frames: np.ndarray
    pose: np.ndarray
    transl: np.ndarray
    betas: np.ndarray
    gender: str
    clouds: dict[int, Any]
    simulated: bool
    body_model: str
    body_digest: str


def read_pickle(path: Path) -> Recording:
    """Read and check one ``<sequence>_labels.pkl`` as a ``Recording``."""
    content = _mapping(path, load_numpy_pickle(path), "the pickle")
    person = _mapping(path, _entry(path, content, "second_person"), "second_person")
    framerate = content.get("framerate", 20)
    if not isinstance(framerate, int | float | np.integer | np.floating) or not 0 < framerate < 1000:
        raise InputError(path, "framerate", reprlib.repr(framerate), "frames a second, above 0")
    frames = _whole_numbers(path, "frame_num", _entry(path, content, "frame_num"))
    if not len(frames):
        raise InputError(path, "frame_num", "empty", "the numbers of the frames")
    if len(np.unique(frames)) != len(frames):
        raise InputError(path, "frame_num", "not unique", "each frame once")
    gender = person.get("gender")
    if not isinstance(gender, str) or gender not in GENDERS:
        raise InputError(path, "second_person.gender", reprlib.repr(gender), '"male", "female" or "neutral"')
    betas = _numbers(path, person, "beta")
    betas = np.tile(betas, (len(frames), 1)) if betas.ndim == 1 else betas
    if betas.shape != (len(frames), 10):
        raise InputError(
            path, "second_person.beta", f"of shape {betas.shape}", f"(10,) or ({len(frames)}, 10)"
        )
    return Recording(
        framerate=float(framerate),
        frames=frames,
        pose=_per_frame(path, person, "opt_pose", len(frames), 72),
        transl=_per_frame(path, person, "opt_trans", len(frames), 3),
        betas=betas,
        gender=gender,
        clouds=_clouds(path, person),
        simulated=content.get("simulated") is True,
        body_model=_text(content.get("body_model"), "smpl"),
        body_digest=_text(content.get("body_digest"), ""),
    )


def _text(value: Any, otherwise: str) -> str:
    return value if isinstance(value, str) else otherwise


def _mapping(path: Path, value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(
            path, name, f"a {type(value).__name__}", "a dictionary", "Is it a SLOPER4D label file?"
        )
    return value


def _entry(path: Path, mapping: dict[str, Any], key: str, within: str = "") -> Any:
    if key not in mapping:
        known = ", ".join(str(name) for name in list(mapping)[:12])
        raise InputError(
            path, f'key "{within}{key}"', "missing", f"this key; there are {known or 'no keys at all'}"
        )
    return mapping[key]


def _numbers(path: Path, person: dict[str, Any], key: str) -> np.ndarray:
    try:
        return float_array(_entry(path, person, key, "second_person."))
    except (ValueError, TypeError, OverflowError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            path, f"second_person.{key}", f"not numbers, or of different lengths ({error})", "an array"
        ) from error


def float_array(values: Any, most: int = MOST_NUMBERS) -> np.ndarray:
    """Nested lists, or an array, as float64.

    Raises:
        ValueError, TypeError, OverflowError: when that cannot be, or would take too much memory: in a pickle
            the same list can be in another one many times, and in itself.
    """
    count, waiting = 0, [values]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str | bytes) or (isinstance(item, np.ndarray) and item.dtype.kind in "SU"):
            raise ValueError("text instead of numbers")  # numpy would parse text of any length.
        if isinstance(item, list | tuple | np.ndarray):
            count += max(np.size(item) if isinstance(item, np.ndarray) else len(item), 1)
            if count > most:
                raise ValueError(f"it holds more than {most} numbers")
        if isinstance(item, np.ndarray) and item.dtype.hasobject:
            item = item.ravel().tolist()
        if isinstance(item, list | tuple):
            waiting.extend(item)
    return np.asarray(values, dtype=np.float64)


def _per_frame(path: Path, person: dict[str, Any], key: str, count: int, width: int) -> np.ndarray:
    values = _numbers(path, person, key)
    if values.shape != (count, width):
        expected = f"({count}, {width}), a row for each of frame_num"
        raise InputError(path, f"second_person.{key}", f"of shape {values.shape}", expected)
    return values


def _whole_numbers(path: Path, field: str, values: np.ndarray) -> np.ndarray:
    try:
        numbers = float_array(values).reshape(-1)
        if not np.array_equal(numbers, np.round(numbers)):
            raise ValueError("they have fractions")
        if len(numbers) and not 0 <= numbers.min() <= numbers.max() < 2**31:
            raise ValueError("some are below 0 or too large")
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(path, field, f"not whole numbers ({error})", "a list of frame numbers") from error
    return numbers.astype(np.int64)


def _clouds(path: Path, person: dict[str, Any]) -> dict[int, Any]:
    clouds = _entry(path, person, "point_clouds", "second_person.")
    frames = _entry(path, person, "point_frame", "second_person.")
    clouds = list(clouds) if isinstance(clouds, np.ndarray) and clouds.ndim else clouds
    if not isinstance(clouds, list | tuple):
        raise InputError(path, "second_person.point_clouds", f"a {type(clouds).__name__}", "a list of arrays")
    frames = _whole_numbers(path, "second_person.point_frame", frames)
    if len(clouds) != len(frames):
        raise InputError(
            path,
            "second_person.point_clouds",
            f"{len(clouds)} clouds",
            f"{len(frames)}, one for each of point_frame",
        )
    if len(np.unique(frames)) != len(frames):
        raise InputError(path, "second_person.point_frame", "not unique", "each frame once")
    return dict(zip(frames.tolist(), clouds, strict=True))
