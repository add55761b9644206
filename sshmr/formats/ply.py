"""Read the points of a .ply file.

Open3D's own reader takes a damaged file for an empty or a different one; here header and size must agree.

Source: Turk, "The PLY Polygon File Format", 1994.
"""

import os

import numpy as np

TYPES = {
    **dict.fromkeys(("char", "int8"), "i1"),
    **dict.fromkeys(("uchar", "uint8"), "u1"),
    **dict.fromkeys(("short", "int16"), "i2"),
    **dict.fromkeys(("ushort", "uint16"), "u2"),
    **dict.fromkeys(("int", "int32"), "i4"),
    **dict.fromkeys(("uint", "uint32"), "u4"),
    **dict.fromkeys(("float", "float32"), "f4"),
    **dict.fromkeys(("double", "float64"), "f8"),
}
FORMATS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
LONGEST_HEADER = 1000
"""Lines, of at most 1000 bytes each."""


def read_ply(path, check_count):
    """The vertices' x, y, z, (K, 3) float64.

    Args:
        check_count: function of a number of points that refuses too many.

    Raises:
        ValueError: with what is wrong.
    """
    with path.open("rb") as stream:
        order, elements = _read_header(stream)
        for name, count, properties in elements:
            if name == "vertex":
                check_count(count)
                return _read_vertices(stream, order, count, properties)
            _skip(stream, order, count, properties)
    raise ValueError("its header names no vertices")


def _read_header(stream):
    if stream.readline(1000).strip() != b"ply":
        raise ValueError('it does not begin with "ply"')
    order, elements = None, []
    for _ in range(LONGEST_HEADER):
        match stream.readline(1000).decode("latin1").split():
            case ["format", kind, *_] if kind in FORMATS:
                order = FORMATS[kind]
            case ["element", name, count]:
                elements.append((name, _count(count), []))
            case ["property", "list", _, _, name] if elements:
                elements[-1][2].append((name, None))
            case ["property", kind, name] if elements and kind in TYPES:
                elements[-1][2].append((name, TYPES[kind]))
            case ["end_header"] if order is not None:
                return order, elements
            case [] | ["comment" | "obj_info", *_]:
                pass
            case words:
                raise ValueError(f"its header has the line {' '.join(words)[:80]!r}")
    raise ValueError("its header does not end")


def _count(text):
    if not text.isdecimal():
        raise ValueError(f"its header counts {text[:20]!r} elements")
    return int(text)


def _read_vertices(stream, order, count, properties):
    names = [name for name, _ in properties]
    missing = [axis for axis in "xyz" if axis not in names]
    if missing or len(set(names)) < len(names):
        raise ValueError(f"its vertices have the properties {', '.join(names)[:200]}; x, y and z are needed")
    if order == "":
        columns = [names.index(axis) for axis in "xyz"]
        return read_rows(stream, count, columns)
    points = read_records(stream, count, _record(order, properties))
    return np.stack([points[axis] for axis in "xyz"], axis=1).astype(np.float64)


def _skip(stream, order, count, properties):
    """Pass over an element that lies before the vertices."""
    if order == "":
        for _ in range(count):
            if not stream.readline():
                raise ValueError("it is cut short")
    else:
        stream.seek(count * _record(order, properties).itemsize, os.SEEK_CUR)


def _record(order, properties):
    if any(kind is None for _, kind in properties):
        raise ValueError("it has lists before or among the vertices; write the vertices first")
    return np.dtype([(name, order + kind) for name, kind in properties])


def read_records(stream, count, record):
    """``count`` records of a structured dtype, when the stream still holds as many."""
    left = os.fstat(stream.fileno()).st_size - stream.tell()
    if left < count * record.itemsize:
        raise ValueError(
            f"it is cut short: {count} points need {count * record.itemsize} bytes, {left} are left"
        )
    return np.fromfile(stream, record, count)


def read_rows(stream, count, columns):
    """(count, 3) float64 of lines of numbers."""
    if count == 0:
        return np.empty((0, 3))
    rows = np.loadtxt(stream, usecols=columns, max_rows=count, ndmin=2, encoding="latin1", comments=None)
    if len(rows) < count:
        raise ValueError(f"it is cut short: it has {len(rows)} points of {count}")
    return rows
