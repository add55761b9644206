"""Read the points of one file, whatever its format."""

from array import array
from pathlib import Path

import numpy as np

from sshmr.errors import InputError
from sshmr.formats.las import read_las
from sshmr.formats.numpy_files import read_npy, read_npz
from sshmr.formats.pcd import read_pcd
from sshmr.formats.ply import read_ply

MOST_POINTS = 20_000_000
LONGEST_LINE = 10_000


def read_points(path):
    """Points of one file, (K, 3) float64, as they are in it.

    Raises:
        InputError: when the file cannot be read, is damaged, or holds no points or more than 20 million.
    """
    path = Path(path)

    def check_count(count):
        if count > MOST_POINTS:
            fix = "Cut each file to one person, or thin it"
            raise InputError(path, "points", f"{count}", f"{MOST_POINTS} or fewer", fix)

    try:
        if path.is_file() and not path.stat().st_size:
            raise ValueError("it is empty")
        with np.errstate(invalid="ignore"):  # damaged numbers may be signalling NaN
            points = READERS[path.suffix.lower()](path, check_count)
            points = points.astype(np.float64) if points.dtype.kind in "iuf" else points
    except InputError:
        raise
    except Exception as error:  # a damaged file can raise almost any exception
        reason = str(error).strip() or type(error).__name__
        raise InputError(path, found=f"it cannot be read ({reason})", expected="a point cloud") from error
    if points.dtype != np.float64:
        raise InputError(path, "points", f"of dtype {points.dtype}", "numbers")
    if points.ndim != 2 or points.shape[1] < 3:
        raise InputError(path, "points", f"of shape {points.shape}", "(k, 3) or more columns, x y z first")
    if not len(points):
        raise InputError(path, "points", "empty", "a cloud of one person")
    check_count(len(points))
    return points[:, :3]


def _read_text(path, check_count):
    """Lines of numbers, parted by spaces, commas or semicolons; further columns are ignored."""
    values, named = array("d"), False
    with path.open(encoding="utf-8-sig") as stream:
        for number, line in enumerate(iter(lambda: stream.readline(LONGEST_LINE), ""), start=1):
            if len(line) == LONGEST_LINE:
                raise InputError(path, f"line {number}", f"{LONGEST_LINE} characters or longer", "x y z")
            words = line.replace(",", " ").replace(";", " ").split()
            if not words or words[0].startswith(("#", "//")):
                continue
            if not (values or named or _is_number(words[0])):
                named = True  # a line with the columns' names
                continue
            if len(words) < 3 or not all(map(_is_number, words[:3])):
                raise InputError(path, f"line {number}", repr(line.strip()[:60]), "x y z")
            values.extend(map(float, words[:3]))
            check_count(len(values) // 3)
    return np.array(values).reshape(-1, 3)


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def _read_npy(path, check_count):
    return read_npy(path, "an array of points")


def _read_npz(path, check_count):
    arrays = read_npz(path, ("points",), "an array of points")
    if not arrays:
        raise InputError(path, 'array "points"', "missing", "an array of that name")
    return arrays["points"]


def _read_kitti(path, check_count):
    size = path.stat().st_size
    if size % 16:
        raise InputError(path, "size", f"{size} bytes", "16 a point: x, y, z, intensity as float32")
    check_count(size // 16)
    return np.fromfile(path, dtype="<f4").reshape(-1, 4)


READERS = {
    ".ply": read_ply,
    ".pcd": read_pcd,
    ".xyz": _read_text,
    ".npy": _read_npy,
    ".npz": _read_npz,
    ".bin": _read_kitti,
    ".las": read_las,
    ".laz": read_las,
}
