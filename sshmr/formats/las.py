"""Read the points of a .las or .laz file through laspy, an optional dependency.

Source of the header's layout: ASPRS, "LAS Specification 1.4 – R15".
"""

import struct
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np

from sshmr.formats.extras import require
from sshmr.formats.laz import check_laz

SUFFIXES = (".las", ".laz")
CHUNK = 200_000


class Header(NamedTuple):
    """The header: sizes and positions in bytes."""

    size: int
    start: int
    records: int
    width: int
    number: int
    compressed: bool


def require_laspy(path: Path) -> tuple[ModuleType, ModuleType]:
    """The ``laspy`` module and that of its decompressor.

    Raises:
        InputError: with what to install, where one of them is missing.
    """
    return require("laspy", path, "las"), require("lazrs", path, "las")


def read_las(path: Path, check_count: Callable[[int], None]) -> np.ndarray:
    """x, y, z of its points, (K, 3) float64, scaled and shifted as the header says.

    Args:
        check_count: function of a number of points that refuses too many.

    Raises:
        ValueError: with what is wrong. InputError: when laspy is not installed.
    """
    laspy, lazrs = require_laspy(path)
    header = _read_header(path, check_count)
    parts = []
    try:
        if header.compressed:
            with path.open("rb") as stream:
                check_laz(
                    stream, lazrs, header.size, header.records, header.start, header.width, header.number
                )
        with laspy.open(path, laz_backend=laspy.LazBackend.Lazrs) as reader, np.errstate(over="ignore"):
            for chunk in reader.chunk_iterator(CHUNK):
                parts.append(np.column_stack([chunk.x, chunk.y, chunk.z]))
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # A panic in the decompressor is not an Exception.
        raise ValueError(str(error) or type(error).__name__) from None
    points = np.concatenate(parts) if parts else np.empty((0, 3))
    if len(points) < header.number:
        raise ValueError(f"it is cut short: it has {len(points)} points of {header.number}")
    return points


def _read_header(path: Path, check_count: Callable[[int], None]) -> Header:
    """The ``Header``, when the sizes in it fit the file's."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        content = stream.read(375)
    if len(content) < 227 or content[:4] != b"LASF":
        raise ValueError("it has no header of a .las file")
    length, start, records = struct.unpack_from("<HII", content, 94)
    kind, width, count = struct.unpack_from("<BHI", content, 104)
    if content[25] >= 4:  # the minor version
        if len(content) < 375:
            raise ValueError("it has no header of a .las file")
        extra_start, extra, count = struct.unpack_from("<QIQ", content, 235)
        if extra and extra_start + 60 * extra > size:
            raise ValueError(f"its header counts {extra} extended records, which are missing")
    check_count(count)
    if not 227 <= length <= start <= size or records * 54 > start - length:
        raise ValueError(
            f"its header counts {records} records before the points, too many before byte {start}"
        )
    compressed = bool(kind & 0x80)
    if not compressed and count * width > size - start:
        raise ValueError(
            f"it is cut short: {count} points need {count * width} bytes, {size - start} are left"
        )
    return Header(length, start, records, width, count, compressed)
