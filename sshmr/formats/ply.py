"""Read the points of a .ply file.

Open3D's reader reads a damaged file as an empty or a different one. Here, header and size must agree.

Source: Turk, "The PLY Polygon File Format", 1994.
"""

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple

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
LETTERS = {"i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "f4": "f", "f8": "d"}
FORMATS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
LONGEST_HEADER = 1000
"""Lines, of at most 1000 bytes each."""


class Property(NamedTuple):
    """One property of an element: numpy types of its values and, for a list, of its length."""

    name: str
    kind: str
    length: str = ""


class Element(NamedTuple):
    """A kind of element: how many there are and what each consists of."""

    name: str
    number: int
    properties: list[Property]


def read_ply(path: Path, check_count: Callable[[int], None]) -> np.ndarray:
    """The vertices' x, y, z, (K, 3) float64.

    Args:
        check_count: function of a number of points that refuses too many.

    Raises:
        ValueError: with what is wrong.
    """
    with path.open("rb") as stream:
        order, elements = _read_header(stream)
        for element in elements:
            if element.name == "vertex":
                check_count(element.number)
                return _read_vertices(stream, order, element)
            _skip(stream, order, element)
    raise ValueError("its header names no vertices")


def _read_header(stream: BinaryIO) -> tuple[str, list[Element]]:
    if stream.readline(1000).strip() != b"ply":
        raise ValueError('it does not begin with "ply"')
    order, elements = None, []
    for _ in range(LONGEST_HEADER):
        match stream.readline(1000).decode("latin1").split():
            case ["format", kind, *_] if kind in FORMATS:
                order = FORMATS[kind]
            case ["element", name, count]:
                elements.append(Element(name, _count(count), []))
            case ["property", "list", length, kind, name] if elements and kind in TYPES and length in TYPES:
                elements[-1].properties.append(Property(name, TYPES[kind], TYPES[length]))
            case ["property", kind, name] if elements and kind in TYPES:
                elements[-1].properties.append(Property(name, TYPES[kind]))
            case ["end_header"] if order is not None:
                return order, elements
            case [] | ["comment" | "obj_info", *_]:
                pass
            case words:
                raise ValueError(f"its header has the line {' '.join(words)[:80]!r}")
    raise ValueError("its header does not end")


def _count(text: str) -> int:
    if not text.isdecimal():
        raise ValueError(f"its header counts {text[:20]!r} elements")
    return int(text)


def _read_vertices(stream: BinaryIO, order: str, element: Element) -> np.ndarray:
    # Some programs write the coordinates' names in capitals.
    names = [item.name.lower() if item.name in ("X", "Y", "Z") else item.name for item in element.properties]
    plain = [name for name, item in zip(names, element.properties, strict=True) if not item.length]
    if any(axis not in plain for axis in "xyz") or len(set(names)) < len(names):
        raise ValueError(f"its vertices have the properties {', '.join(names)[:200]}; x, y and z are needed")
    columns = [names.index(axis) for axis in "xyz"]
    has_lists = any(item.length for item in element.properties)
    if order == "":
        if has_lists:
            return _read_uneven_rows(stream, element, columns)
        return read_rows(stream, element.number, columns)
    if has_lists:
        return _walk_lists(stream, order, element, columns)
    record = np.dtype([(str(i), order + item.kind) for i, item in enumerate(element.properties)])
    points = read_records(stream, element.number, record)
    return np.stack([points[str(column)] for column in columns], axis=1).astype(np.float64)


def _skip(stream: BinaryIO, order: str, element: Element) -> None:
    """Skip an element before the vertices."""
    if order == "":
        for _ in range(element.number):
            if not stream.readline():
                raise ValueError("it is cut short")
    elif any(item.length for item in element.properties):
        _walk_lists(stream, order, element, [])
    else:
        size = sum(int(item.kind[1]) for item in element.properties)
        stream.seek(element.number * size, os.SEEK_CUR)


def _walk_lists(stream: BinaryIO, order: str, element: Element, columns: list[int]) -> np.ndarray:
    """Some columns of a binary element with lists, (count, len(columns)) float64.

    The stream is then after the element. Every length is checked against the file's end.
    """
    start, content = stream.tell(), stream.read()
    if element.number > len(content):
        raise ValueError(f"it is cut short: {element.number} elements in {len(content)} bytes")
    values, at = np.empty((element.number, len(columns))), 0
    steps = [
        (struct.Struct(order + LETTERS[item.length or item.kind]), bool(item.length), int(item.kind[1]))
        for item in element.properties
    ]
    wanted = {property_: place for place, property_ in enumerate(columns)}
    try:
        for row in range(element.number):
            for number, (step, is_list, width) in enumerate(steps):
                (value,) = step.unpack_from(content, at)
                at += step.size
                if is_list:
                    if value < 0 or value != int(value):
                        raise ValueError(f"it has a list of {value} values")
                    at += int(value) * width
                elif number in wanted:
                    values[row, wanted[number]] = value
            if at > len(content):
                raise ValueError("it is cut short")
    except struct.error:
        raise ValueError("it is cut short") from None
    stream.seek(start + at)
    return values


def _read_uneven_rows(stream: BinaryIO, element: Element, columns: list[int]) -> np.ndarray:
    """The same of a text file: a list is its length and so many words."""
    rows: list[list[float]] = []
    for _ in range(element.number):
        words = stream.readline().split()
        if not words:
            raise ValueError(f"it is cut short: it has {len(rows)} points of {element.number}")
        at, places = 0, []
        for item in element.properties:
            places.append(at)
            at += 1 + (int(words[at]) if item.length else 0)
        rows.append([float(words[places[column]]) for column in columns])
    return np.array(rows, np.float64).reshape(-1, len(columns))


def read_records(stream: BinaryIO, count: int, record: np.dtype) -> np.ndarray:
    """``count`` records of a structured dtype, when the stream still holds as many."""
    left = os.fstat(stream.fileno()).st_size - stream.tell()
    if left < count * record.itemsize:
        raise ValueError(
            f"it is cut short: {count} points need {count * record.itemsize} bytes, {left} are left"
        )
    return np.fromfile(stream, record, count)


def read_rows(stream: BinaryIO, count: int, columns: list[int]) -> np.ndarray:
    """(count, 3) float64 of lines of numbers."""
    if count == 0:
        return np.empty((0, 3))
    rows = np.loadtxt(stream, usecols=columns, max_rows=count, ndmin=2, encoding="latin1", comments=None)
    if len(rows) < count:
        raise ValueError(f"it is cut short: it has {len(rows)} points of {count}")
    return rows
