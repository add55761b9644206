"""Read the points of one file of any format."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sshmr.errors import InputError
from sshmr.formats.bags import bag_of, read_message
from sshmr.formats.depth import Sensor, read_depth_image, unproject
from sshmr.formats.kitti import read_columns
from sshmr.formats.las import read_las
from sshmr.formats.meshes import read_mesh
from sshmr.formats.numpy_files import npz_shapes, read_npy, read_npz
from sshmr.formats.pcd import read_pcd
from sshmr.formats.ply import read_ply
from sshmr.formats.suffixes import IMAGE_SUFFIXES, KNOWN, MESH_SUFFIXES, TEXT_SUFFIXES
from sshmr.formats.text import read_text

MOST_POINTS = 20_000_000
AN_ARRAY = "an array of points"
Check = Callable[[int], None]
"""Refuses a number of points that is too large."""


class Cloud(NamedTuple):
    """Points (K, 3) float64 as they are in a file, and notes about how they were read."""

    points: np.ndarray
    remark: str = ""


def read_points(path: Path | str, sensor: Sensor = Sensor()) -> np.ndarray:  # noqa: B008
    """Points of one file, (K, 3) float64, as they are in it.

    Args:
        path: a file, or a message of a recording (``bags.messages``).
        sensor: what depth images need.

    Raises:
        InputError: when the file cannot be read, is damaged, or holds no points or more than 20 million.
    """
    return read_cloud(path, sensor).points


def read_cloud(path: Path | str, sensor: Sensor = Sensor()) -> Cloud:  # noqa: B008
    """As ``read_points``, with notes about how the file was read."""
    path = Path(path)

    def check_count(count: int) -> None:
        if count > MOST_POINTS:
            fix = "Cut each file to one person, or thin it"
            raise InputError(path, "points", f"{count}", f"{MOST_POINTS} or fewer", fix)

    try:
        if path.is_file() and not path.stat().st_size:
            raise ValueError("it is empty")
        with np.errstate(invalid="ignore"):  # damaged numbers may be signalling NaN
            found = _read(path, sensor, check_count)
    except (InputError, MemoryError):
        raise
    except Exception as error:  # a damaged file can raise almost any exception
        reason = str(error).strip() or type(error).__name__
        raise InputError(path, found=f"it cannot be read ({reason})", expected="a point cloud") from error
    points, remark = found if isinstance(found, tuple) else (found, "")
    if points.dtype.kind not in "iuf":
        raise InputError(path, "points", f"of dtype {points.dtype}", "numbers")
    if points.ndim != 2 or points.shape[1] < 3:
        raise InputError(path, "points", f"of shape {points.shape}", "(k, 3) or more columns, x y z first")
    if not len(points):
        raise InputError(path, "points", "empty", "a cloud of one person")
    check_count(len(points))
    with np.errstate(invalid="ignore"):
        return Cloud(points[:, :3].astype(np.float64), remark)


def _read(
    path: Path, sensor: Sensor, check_count: Callable[[int], None]
) -> np.ndarray | tuple[np.ndarray, str]:
    suffix = path.suffix.lower()
    if bag_of(path) is not None and not path.exists():
        return read_message(path, sensor)
    if suffix in IMAGE_SUFFIXES:
        return read_depth_image(path, sensor)
    if suffix == ".npy":
        return _arranged(path, read_npy(path, AN_ARRAY, structured=True), sensor, check_count)
    if suffix == ".npz":
        return _read_npz(path, sensor, check_count)
    if suffix not in READERS:
        raise InputError(path, "its ending", f'"{path.suffix}"', KNOWN)
    return READERS[suffix](path, check_count)


def _read_npz(path: Path, sensor: Sensor, check_count: Callable[[int], None]) -> tuple[np.ndarray, str]:
    """The array ``points``, else the only one that could be points."""
    shapes = npz_shapes(path, AN_ARRAY)
    able = [
        name
        for name, (shape, dtype) in shapes.items()
        if (len(shape) == 2 and shape[1] >= 3 and shape[0] > shape[1] and dtype.kind in "iuf")
        or (len(shape) == 3 and shape[2] == 3 and dtype.kind in "iuf")
        or (dtype.names is not None and {"x", "y", "z"} <= set(dtype.names))
    ]
    exact = [name for name in able if shapes[name][0][-1:] == (3,)]
    if "points" in shapes:
        name = "points"
    elif len(able) == 1 or len(exact) == 1:
        name = (able if len(able) == 1 else exact)[0]
    else:
        listed = ", ".join(f"{name} {shape}" for name, (shape, _) in list(shapes.items())[:12])
        raise InputError(
            path, 'array "points"', "missing", f"it, or one (k, 3) array, among {listed or 'none'}"
        )
    array = read_npz(path, (name,), AN_ARRAY, structured=True)[name]
    remark = "" if name == "points" else f'array "{name}" taken as the points'
    return _arranged(path, array, sensor, check_count), remark


def _arranged(
    path: Path, array: np.ndarray, sensor: Sensor, check_count: Callable[[int], None]
) -> np.ndarray:
    """An array as rows of points: fields x y z, an image of points row by row, or a depth image."""
    check_count(math.prod(array.shape[:-1]) if array.ndim > 1 else 0)
    if array.dtype.names is not None:
        check_count(array.size)
        names = {name.lower(): name for name in array.dtype.names}
        if any(axis not in names for axis in "xyz"):
            raise InputError(path, "fields", ", ".join(array.dtype.names)[:200], "x, y and z among them")
        flat = array.reshape(-1)
        return np.stack([flat[names[axis]] for axis in "xyz"], axis=1)
    if array.ndim == 3 and array.shape[2] in (3, 4):
        return array.reshape(-1, array.shape[2])
    if array.ndim == 2 and min(array.shape) >= 32:  # no cloud has so many columns
        return unproject(path, array, sensor)
    return array


READERS: dict[str, Callable[[Path, Check], np.ndarray | tuple[np.ndarray, str]]] = {
    ".ply": read_ply,
    ".pcd": read_pcd,
    ".bin": read_columns,
    ".las": read_las,
    ".laz": read_las,
    **dict.fromkeys(TEXT_SUFFIXES, read_text),
    **dict.fromkeys(MESH_SUFFIXES, read_mesh),
}
