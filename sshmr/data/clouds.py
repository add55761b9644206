"""Read one's own clouds: one person and one moment a file."""

from pathlib import Path

import numpy as np

from sshmr.data.cleaning import finite, ground_height, without_fragments, without_strays
from sshmr.data.config import METRES
from sshmr.data.frames import Frame, Reading, frame_id
from sshmr.data.manifest import maker_of
from sshmr.data.sampler import subsample, voxel_means
from sshmr.data.shards import cloud_files
from sshmr.errors import InputError
from sshmr.geometry.open3d_import import open3d

SMALLEST, LARGEST = 0.3, 2.5
"""Height of a person along the up axis, metres: lying to standing with raised arms."""

TO_Y_UP = {
    "x": [[0, -1, 0], [1, 0, 0], [0, 0, 1]],
    "-x": [[0, 1, 0], [-1, 0, 0], [0, 0, 1]],
    "y": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "-y": [[1, 0, 0], [0, -1, 0], [0, 0, -1]],
    "z": [[1, 0, 0], [0, 0, 1], [0, -1, 0]],
    "-z": [[1, 0, 0], [0, 0, -1], [0, 1, 0]],
}
"""Rotation that takes each up axis to +y."""


def read_sequence(root, sequence, split, settings, load_body=None, threads=1):
    """Read all clouds of one sequence.

    Args:
        root: the top folder; sequence: one that ``list_shards`` names; split: ``train`` or ``test``.
        settings: an ``ExtractConfig``.
        load_body: unused, clouds have no labels; threads: unused.

    Returns:
        A ``Reading``, y up, in metres.

    Raises:
        InputError: when the sequence is not there or most of its clouds have no person's size.
    """
    files = cloud_files(root, settings.clouds)
    if sequence not in files:
        raise InputError(root, "sequence", f'"{sequence}"', "one of " + ", ".join(files))
    reading, wrong_sizes = read_files(root, sequence, files[sequence], settings)
    check_sizes(Path(root) / sequence, wrong_sizes, len(files[sequence]), settings.clouds)
    return reading


def read_files(root, sequence, files, settings):
    """Read some clouds of one sequence.

    Args:
        root: the folder that sources are named from; files: [(frame number, path), …].

    Returns:
        A ``Reading``, and the size (3,) of each cloud that has no person's height, metres, y up.
    """
    simulated = maker_of(root) is not None
    dataset = "simulated" if simulated else "clouds"
    reading = Reading(sequence, simulated=simulated)
    wrong_sizes, grounds = [], 0
    for number, path in files:
        name = frame_id(dataset, sequence, number)
        source = ("simulated: " if simulated else "") + path.relative_to(root).as_posix()
        try:
            points = read_points(path)
        except InputError as error:
            reading.skip(name, source, str(error))
            continue
        upright = finite(points) @ np.array(TO_Y_UP[settings.clouds.up]).T * METRES[settings.clouds.unit]
        points, had_ground = clean(upright, settings)
        height = np.ptp(points[:, 1]) if len(points) else 0.0
        if len(points) <= settings.minimum_points:
            reason = f"it has {len(points)} points after cleaning, {settings.minimum_points} or fewer"
        elif not SMALLEST <= height <= LARGEST:
            reason = f"it is {height:.3g} m high; a person is {SMALLEST} to {LARGEST} m"
        else:
            reason = None
        if len(upright) and not SMALLEST <= height <= LARGEST:
            wrong_sizes.append(np.ptp(upright, axis=0))
        if reason:
            reading.skip(name, source, reason)
            continue
        grounds += had_ground
        points = subsample(points, settings.points, settings.sampling, name)
        reading.frames.append(Frame(name, number, points, source))
    _note(reading, grounds)
    return reading, wrong_sizes


def check_sizes(where, wrong_sizes, count, settings):
    """Stop where most of ``count`` clouds have no person's size, and say which option would mend it.

    Raises:
        InputError: when more than half of them are wrong; ``where`` is the path it names.
    """
    if len(wrong_sizes) > count / 2:
        raise _size_error(where, np.median(wrong_sizes, axis=0), settings)


def clean(points, settings):
    """Take the ground, stray points and fragments away from a cloud (K, 3), y up, in metres.

    Returns:
        The person's points, on the voxel grid, and whether a ground was taken away.
    """
    had_ground = False
    if settings.clouds.ground != "keep" and len(points):
        over = _ground(points, settings.clouds)
        if over is not None:
            points, had_ground = points[over > settings.clouds.ground_thickness], True
    if settings.voxel and len(points):
        points = voxel_means(points, settings.voxel)
    points = without_strays(points, settings.stray_distance)
    # Rings of a far LiDAR lie apart; twice the distance of strays still joins them.
    return without_fragments(points, 2 * settings.stray_distance), had_ground


def _ground(points, settings):
    """Heights over the ground to be removed, or None."""
    over = ground_height(points, settings.ground_thickness)
    if settings.ground == "remove":
        return points[:, 1] - np.percentile(points[:, 1], 1) if over is None else over
    # Somebody who lies flat is no ground: enough of a person must be left above it.
    above = () if over is None else over[over > settings.ground_thickness]
    return over if len(above) and np.ptp(above) > SMALLEST else None


def read_points(path):
    """Points of one file, (K, 3) float64, as they are in it.

    Raises:
        InputError: when the file cannot be read or holds no points.
    """
    readers = {
        ".ply": _read_open3d,
        ".pcd": _read_open3d,
        ".xyz": _read_text,
        ".npy": _read_npy,
        ".npz": _read_npz,
        ".bin": _read_kitti,
    }
    try:
        points = np.asarray(readers[Path(path).suffix.lower()](path), dtype=np.float64)
    except InputError:
        raise
    except (ValueError, TypeError, OSError, EOFError, RuntimeError) as error:
        raise InputError(path, found=f"it cannot be read ({error})", expected="a point cloud") from error
    if points.ndim != 2 or points.shape[1] < 3:
        raise InputError(path, "points", f"of shape {points.shape}", "(k, 3) or more columns, x y z first")
    if not len(points):
        raise InputError(path, "points", "empty", "a cloud of one person")
    return points[:, :3]


def _read_open3d(path):
    cloud = open3d().io.read_point_cloud(str(path))
    if not cloud.has_points():  # Open3D reports no errors
        raise InputError(
            path, found="Open3D finds no points in it", expected="a whole .ply or .pcd with points"
        )
    return cloud.points


def _read_text(path):
    lines = Path(path).read_text().replace(",", " ").replace(";", " ").splitlines()
    rows = [line.split() for line in lines if line.strip() and not line.lstrip().startswith(("#", "//"))]
    if rows and not _is_number(rows[0][0]):  # a line of column names
        rows = rows[1:]
    return [[float(value) for value in row[:3]] for row in rows]


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def _read_npy(path):
    return np.load(path, allow_pickle=False)


def _read_npz(path):
    with np.load(path, allow_pickle=False) as archive:
        if "points" not in archive:
            raise InputError(path, 'array "points"', "missing", f"it among {', '.join(archive.files)}")
        return archive["points"]


def _read_kitti(path):
    values = np.fromfile(path, dtype="<f4")
    if Path(path).stat().st_size % 16:
        raise InputError(
            path, "size", f"{Path(path).stat().st_size} bytes", "16 a point: x, y, z, intensity as float32"
        )
    return values.reshape(-1, 4)


def _size_error(where, size, settings):
    """The error that says which option most likely makes a person of clouds of this size.

    size: (3,) metres along x, y, z, y up.
    """
    found = f"{size[1]:.3g} m high (and {size[0]:.3g} × {size[2]:.3g} m wide)"
    raw = size / METRES[settings.unit]
    units = {
        along: [unit for unit, metres in METRES.items() if 0.8 <= length * metres <= LARGEST]
        for along, length in (("up", raw[1]), ("longest", raw.max()))
    }
    if units["up"]:
        fix = f'Set extract.clouds.unit to "{units["up"][0]}"'
    elif settings.unit in units["longest"]:
        fix = f'Set extract.clouds.up to the axis along the body, it is "{settings.up}"'
    elif units["longest"]:
        unit = units["longest"][0]
        fix = f'Set extract.clouds.unit to "{unit}", and extract.clouds.up to the axis along the body'
    else:
        fix = "Cut each file to one person, and set extract.clouds.unit and .up"
    return InputError(
        where, "height", found, f"{SMALLEST} to {LARGEST} m along the up axis ({settings.up})", fix
    )


def _note(reading, grounds):
    if grounds:
        reading.notes.append(f"ground removed from {grounds}")
    if reading.frames:
        size = np.median([np.ptp(frame.points, axis=0) for frame in reading.frames], axis=0)
        if size[1] < 0.6 * size.max():
            reading.notes.append(
                f"{size[1]:.2f} m high but {size.max():.2f} m wide: unless they lie, mend extract.clouds.up"
            )
