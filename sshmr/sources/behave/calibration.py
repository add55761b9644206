"""The calibration of a sequence's cameras."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sshmr.body.sources import GENDERS
from sshmr.errors import InputError
from sshmr.formats.json_files import entry, read_json_mapping
from sshmr.formats.numpy_files import read_npy

CAMERAS_BY_DEFAULT = (0, 1, 2)
"""The cameras of recordings whose ``info.json`` does not list them."""
FARTHEST_CAMERA = 20.0
WIDEST = 16384
STEEPEST = 100.0
"""Largest x/z or y/z of a ray. Larger numbers are damage."""


class Info(NamedTuple):
    """The content of ``info.json``: the folder of the calibration, the cameras, the person's gender."""

    poses: Path
    intrinsics: Path
    cameras: tuple[int, ...]
    gender: str | None


class Camera(NamedTuple):
    """A depth camera.

    Attributes:
        table: (H, W, 2) float32, x/z and y/z of each pixel's ray, lens distortion undone; NaN where unknown.
        rotation: (3, 3), translation: (3,) metres: the camera's frame → the world, which is camera 1's frame.
    """

    table: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray


def read_info(path: Path) -> Info:
    """Read and check a sequence's ``info.json``.

    Raises:
        InputError: names the key at fault.
    """
    content = read_json_mapping(path)
    folders = {}
    for key, example in (("config", "../../calibs/Date01/config"), ("intrinsic", "../../calibs/intrinsics")):
        named = entry(path, content, key, str, f'a path from the sequence\'s folder, such as "{example}"')
        folders[key] = path.parent / named
        if not _is_folder(folders[key]):
            raise InputError(
                path,
                f'key "{key}"',
                f'"{named[:80]}", where there is no folder',
                "the calibration's folder",
                "Put calibs/ beside sequences/, as it comes",
            )
    cameras = content.get("kinects")
    cameras = list(CAMERAS_BY_DEFAULT) if cameras is None else cameras
    known = isinstance(cameras, list) and all(type(k) is int and 0 <= k < 100 for k in cameras)
    if not known or not cameras or len(set(cameras)) < len(cameras):
        raise InputError(path, 'key "kinects"', repr(cameras)[:80], "the cameras' numbers, [0, 1, 2, 3]")
    gender = content.get("gender")
    if gender is not None and gender not in GENDERS:
        raise InputError(
            path, 'key "gender"', repr(gender)[:80], '"male", "female" or "neutral"', "Correct it in the file"
        )
    return Info(folders["config"], folders["intrinsic"], tuple(cameras), gender)


def _is_folder(path: Path) -> bool:
    """Whether a folder exists. False for names that no folder can have."""
    try:
        return path.is_dir()
    except (OSError, ValueError):  # The name is too long, or contains NUL.
        return False


def read_camera(info: Info, number: int) -> Camera:
    """One camera of a sequence.

    Raises:
        InputError: names the file and what is wrong with it.
    """
    path = info.poses / str(number) / "config.json"
    content = read_json_mapping(path)
    rotation = _numbers(path, content, "rotation", 9).reshape(3, 3)
    translation = _numbers(path, content, "translation", 3)
    if np.abs(rotation @ rotation.T - np.eye(3)).max() > 1e-2 or np.linalg.det(rotation) < 0:
        raise InputError(path, 'key "rotation"', "no rotation", "an orthonormal matrix, row by row")
    if np.abs(translation).max() > FARTHEST_CAMERA:
        found = f"{np.abs(translation).max():g} m from the world's origin"
        raise InputError(path, 'key "translation"', found, f"at most {FARTHEST_CAMERA:g} m; is it in metres?")
    return Camera(read_table(info.intrinsics / str(number) / "pointcloud_table.npy"), rotation, translation)


def read_table(path: Path) -> np.ndarray:
    """A camera's pixel table, (H, W, 2) float32.

    Raises:
        InputError: when it is missing, not such an array, or without a finite number.
    """
    if not Path(path).is_file():
        raise InputError(
            path, found="no such file", expected="the pixel table", fix="Get the complete folder calibs/"
        )
    stored = read_npy(path, "the pixel table")
    if stored.ndim != 3 or stored.shape[2] != 2 or stored.dtype.kind != "f" or max(stored.shape) > WIDEST:
        found = f"of shape {stored.shape} and type {stored.dtype}"
        raise InputError(path, "the array", found, "(height, width, 2) float, x/z and y/z of each pixel")
    with np.errstate(over="ignore", invalid="ignore"):
        table = np.array(stored, dtype=np.float32)
        table[~(np.abs(table) < STEEPEST)] = np.nan
    if not np.isfinite(table).all(axis=2).any():
        raise InputError(path, "the array", "without a finite number", "x/z and y/z of each pixel")
    return table


def _numbers(path: Path, content: dict[str, Any], key: str, count: int) -> np.ndarray:
    values = entry(path, content, key, list, f"{count} numbers")
    values = [value for row in values for value in (row if isinstance(row, list) else [row])]
    fine = all(type(value) in (int, float) and abs(value) < 1e6 for value in values)
    if len(values) != count or not fine:
        raise InputError(path, f'key "{key}"', repr(content[key])[:80], f"{count} finite numbers")
    return np.array(values, dtype=np.float64)
