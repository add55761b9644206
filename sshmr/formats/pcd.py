"""Read the points of a .pcd file: text, binary or compressed.

Open3D's reader ends the process if the header of a compressed file does not match its content.

Sources: the Point Cloud Library's page "The PCD (Point Cloud Data) file format", version 0.7; for the
compression, the format that Lehmann's LibLZF describes.
"""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from sshmr.formats.numpy_files import LARGEST
from sshmr.formats.ply import read_records, read_rows

LONGEST_HEADER = 100
"""Lines, of at most 4000 bytes each."""


def read_pcd(path: Path, check_count: Callable[[int], None]) -> np.ndarray:
    """x, y, z of its points, (K, 3) float64.

    Args:
        check_count: function of a number of points that refuses too many.

    Raises:
        ValueError: with what is wrong.
    """
    with path.open("rb") as stream:
        header = _read_header(stream)
        record, count = _record(header), _number(header, "POINTS")
        check_count(count)
        kind = header["DATA"][0]
        if kind == "ascii":
            names = list(record.names or ())
            widths = np.cumsum([0, *(record[name].shape[0] if record[name].shape else 1 for name in names)])
            return read_rows(stream, count, [int(widths[names.index(axis)]) for axis in "xyz"])
        if kind == "binary":
            records = read_records(stream, count, record)
            points = {axis: records[axis] for axis in "xyz"}
        elif kind == "binary_compressed":
            points = _read_compressed(stream, count, record)
        else:
            raise ValueError(f"its data are {kind[:40]!r}")
    return np.stack([points[axis] for axis in "xyz"], axis=1).astype(np.float64)


def _read_header(stream: BinaryIO) -> dict[str, list[str]]:
    header = {}
    for _ in range(LONGEST_HEADER):
        line = stream.readline(4000).decode("latin1").split()
        if not line or line[0].startswith("#"):
            continue
        key = line[0].upper()
        header[key] = line[1:]
        if key == "DATA" and header["DATA"]:
            return header
    raise ValueError("it has no header of a .pcd file")


def _number(header: dict[str, list[str]], key: str) -> int:
    text = header.get(key, [""])[0] if header.get(key) else ""
    if not text.isdecimal():
        raise ValueError(f"its header has no number of {key}")
    return int(text)


def _record(header: dict[str, list[str]]) -> np.dtype:
    fields, sizes, kinds = (header.get(key, []) for key in ("FIELDS", "SIZE", "TYPE"))
    counts = header.get("COUNT", ["1"] * len(fields))
    if not len(fields) == len(sizes) == len(kinds) == len(counts):
        raise ValueError("its header does not say what each field is")
    # Fields that pad a point all have the same name.
    names = [name if fields.count(name) == 1 else f"{name}{number}" for number, name in enumerate(fields)]
    columns: list[tuple[Any, ...]] = []
    for name, size, kind, count in zip(names, sizes, kinds, counts, strict=True):
        code = f"<{kind.lower()}{size}"
        wide = count.isdecimal() and int(count) <= 100_000
        if wide and int(count) == 0:
            continue  # the Point Cloud Library names padding of no length
        if code[1:] not in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8") or not wide:
            raise ValueError(f"its field {name} has the type {kind}, the size {size} and the count {count}")
        if name in ("x", "y", "z") and count != "1":
            raise ValueError(f"its field {name} has {count} numbers a point")
        columns.append((name, code) if count == "1" else (name, code, (int(count),)))
    if any(axis not in [column[0] for column in columns] for axis in "xyz"):
        raise ValueError(f"it has the fields {', '.join(fields)[:200]}; x, y and z are needed")
    return np.dtype(columns)


def _read_compressed(stream: BinaryIO, count: int, record: np.dtype) -> dict[str, np.ndarray]:
    """Columns one after the other, as a mapping of field name to numbers."""
    sizes = stream.read(8)
    packed, unpacked = struct.unpack("<II", sizes) if len(sizes) == 8 else (0, -1)
    if unpacked != count * record.itemsize or unpacked > LARGEST:
        raise ValueError(f"it holds {unpacked} bytes of points; {count} need {count * record.itemsize}")
    content = decompress(stream.read(packed), unpacked)
    columns, start = {}, 0
    for name in record.names or ():
        kind = record[name]
        columns[name] = np.frombuffer(
            content, kind.base, count * (kind.itemsize // kind.base.itemsize), start
        )
        start += count * kind.itemsize
    return columns


def decompress(packed: bytes, size: int) -> bytes:
    """Undo LibLZF's compression: runs of new bytes, and references to earlier ones.

    Raises:
        ValueError: when the result does not have exactly ``size`` bytes.
    """
    out, place = bytearray(), 0
    try:
        while place < len(packed) and len(out) <= size:
            control = packed[place]
            place += 1
            if control < 32:
                out += packed[place : place + control + 1]
                place += control + 1
                continue
            length = control >> 5
            if length == 7:
                length += packed[place]
                place += 1
            start = len(out) - ((control & 31) << 8) - packed[place] - 1
            place += 1
            if start < 0:
                raise ValueError("its compression is damaged")
            part = out[start : start + length + 2]
            # A reference may overlap with the bytes that it writes.
            out += (part * (length // len(part) + 2))[: length + 2]
    except IndexError:
        raise ValueError("its compression is damaged") from None
    if len(out) != size:
        raise ValueError(f"its compression gives {len(out)} bytes instead of {size}")
    return bytes(out)
