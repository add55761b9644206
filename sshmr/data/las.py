"""Read the points of a .las or .laz file through laspy, an optional dependency.

Source of the header's layout: ASPRS, "LAS Specification 1.4 – R15".
"""

import importlib
import struct

import numpy as np

from sshmr.errors import InputError

SUFFIXES = (".las", ".laz")
CHUNK = 200_000


def require_laspy(path):
    """The ``laspy`` module with its decompressor.

    Raises:
        InputError: with what to install, where one of them is missing.
    """
    try:
        importlib.import_module("lazrs")
        return importlib.import_module("laspy")
    except ImportError as error:
        raise InputError(
            path,
            found=f"it cannot be read without laspy ({error})",
            fix='Run pip install "sshmr[las]", or pip install "laspy[lazrs]"',
        ) from None


def read_las(path, check_count):
    """x, y, z of its points, (K, 3) float64, scaled and shifted as the header says.

    Args:
        check_count: function of a number of points that refuses too many.

    Raises:
        ValueError: with what is wrong. InputError: when laspy is not installed.
    """
    laspy = require_laspy(path)
    count = _check_header(path, check_count)
    parts = []
    try:
        with laspy.open(path, laz_backend=laspy.LazBackend.Lazrs) as reader:
            for chunk in reader.chunk_iterator(CHUNK):
                parts.append(np.column_stack([chunk.x, chunk.y, chunk.z]))
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic in the decompressor is no Exception
        raise ValueError(str(error) or type(error).__name__) from None
    points = np.concatenate(parts) if parts else np.empty((0, 3))
    if len(points) < count:
        raise ValueError(f"it is cut short: it has {len(points)} points of {count}")
    return points


def _check_header(path, check_count):
    """The number of points, when the sizes in the header fit the file's."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        header = stream.read(375)
    if len(header) < 227 or header[:4] != b"LASF":
        raise ValueError("it has no header of a .las file")
    minor = header[25]
    length, start, records = struct.unpack_from("<HII", header, 94)
    kind, width, count = struct.unpack_from("<BHI", header, 104)
    if minor >= 4:
        if len(header) < 375:
            raise ValueError("it has no header of a .las file")
        extra_start, extra, count = struct.unpack_from("<QIQ", header, 235)
        if extra and not extra_start + 60 * extra <= size:
            raise ValueError(f"its header tells of {extra} extended records that are not there")
    check_count(count)
    if not 227 <= length <= start <= size or records * 54 > start - length:
        raise ValueError(f"its header tells of {records} records before the points, which begin at {start}")
    if not kind & 0x80 and count * width > size - start:
        raise ValueError(
            f"it is cut short: {count} points need {count * width} bytes, {size - start} are left"
        )
    if kind & 0x80:
        _check_chunks(path, start, size)
    return count


def _check_chunks(path, start, size):
    """Whether the table of a .laz file's chunks lies in the file and is no longer than it."""
    with path.open("rb") as stream:
        stream.seek(start)
        (table,) = struct.unpack("<q", stream.read(8).ljust(8, b"\0"))
        if not start + 8 <= table <= size - 8:
            raise ValueError("it is cut short: its table of chunks is not there")
        stream.seek(table)
        _, chunks = struct.unpack("<II", stream.read(8))
    if chunks > table - start:
        raise ValueError(f"its table tells of {chunks} chunks, more than it has bytes")
