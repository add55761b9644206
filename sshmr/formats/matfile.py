"""Read numeric arrays from MATLAB 5 files that may be damaged or malicious.

Plain Python parses the bytes, every size is checked before memory is allocated, and an array is unpacked
on request. SciPy's reader trusts the sizes in a file and unpacks all of it, so a
small file can fill the memory.

Source: MathWorks, "MAT-File Format", version 5.
"""

import contextlib
import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sshmr.errors import InputError

LARGEST_FILE, LARGEST_ARRAY = 2**28, 2**26
"""Bytes of a file and of one array; a hundred depth images of SURREAL weigh some 30 MB unpacked."""
HEADER = 128
LONGEST_NAME_PART = 1024
"""Bytes of an array's flags, dimensions and name: with the 63 letters of MATLAB's longest name, some 200."""
MATRIX, COMPRESSED = 14, 15
COMPLEX = 0x08
STORED = {
    1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8",
}  # fmt: skip
CLASSES = {
    6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8",
}  # fmt: skip


class _Element(NamedTuple):
    """A top-level element: its bytes in the file, and whether they are packed."""

    data: memoryview
    packed: bool


class MatFile:
    """The arrays of one MATLAB 5 file, by name."""

    def __init__(self, path: str | Path) -> None:
        """Read the names of the arrays.

        Raises:
            InputError: when the file is missing, too large, cut short, damaged, of another format, or holds
                two arrays of one name.
        """
        self.path = path
        data = memoryview(_bytes_of(path))
        self._order = _byte_order(path, data)
        self._elements: dict[str, _Element] = {}
        with self._reported():
            for element in self._walk(data):
                name = self._describe(self._unpack(element, LONGEST_NAME_PART))[2]
                if name in self._elements:
                    raise InputError(path, f'array "{name}"', "there twice", "each array once")
                self._elements[name] = element

    def __contains__(self, name: object) -> bool:
        return name in self._elements

    @property
    def names(self) -> list[str]:
        """Names of all variables, including those that are not numbers, in the file's order."""
        return list(self._elements)

    def read(self, name: str) -> np.ndarray:
        """One numeric array, in its MATLAB type.

        Raises:
            InputError: when it is missing, damaged, too large, or has no real numbers.
        """
        if name not in self._elements:
            raise InputError(self.path, f'array "{name}"', "missing", _some_of(self.names))
        with self._reported(name):
            element = self._elements[name]
            kind, shape, _, start = self._describe(self._unpack(element, LONGEST_NAME_PART))
            if kind not in CLASSES:
                raise ValueError("it holds no real numbers")
            size = math.prod(shape)
            if size * int(CLASSES[kind][1]) > LARGEST_ARRAY:
                raise ValueError(f"it claims {size} numbers")
            # Numbers may be stored in a narrower type than their own, but never with more than 8 bytes.
            content = self._unpack(element, start + 16 + 8 * size, whole=True)
            stored, begin, end, _ = self._tag(content, start)
            if stored not in STORED or end - begin != size * int(STORED[stored][1]):
                raise ValueError(f"it has {end - begin} bytes of type {stored} for {size} numbers")
            numbers = np.frombuffer(content[begin:end], self._order + STORED[stored])
            return numbers.astype(CLASSES[kind]).reshape(shape, order="F")

    @contextlib.contextmanager
    def _reported(self, name: str | None = None) -> Iterator[None]:
        """Replace any exception of damaged bytes by an error that names the file and the array."""
        try:
            yield
        except (ValueError, struct.error, zlib.error) as error:
            if isinstance(error, InputError):
                raise
            field = f'array "{name}"' if name else ""
            found = f"damaged ({error})" if name else f"it is cut short or damaged ({error})"
            raise InputError(self.path, field, found, fix="Get the file again from its source") from error

    def _walk(self, data: memoryview) -> Iterator[_Element]:
        """The top-level elements, each whole."""
        at = HEADER
        while at < len(data):
            kind, begin, end, after = self._tag(data, at)
            if kind not in (MATRIX, COMPRESSED):
                raise ValueError(f"an element of type {kind} at byte {at}")
            yield _Element(data[begin:end] if kind == COMPRESSED else data[at:end], kind == COMPRESSED)
            at = end if kind == COMPRESSED else after

    def _unpack(self, element: _Element, most: int, whole: bool = False) -> memoryview:
        """At most this many bytes of an element's content, from its tag on."""
        if not element.packed:
            return element.data[:most]
        packer = zlib.decompressobj()
        content = memoryview(packer.decompress(element.data, most))
        if whole and not packer.eof:  # only at the end is its checksum compared
            raise ValueError("its compressed data end at another byte than stated")
        return content

    def _tag(self, data: memoryview, at: int) -> tuple[int, int, int, int]:
        """An element's type, where its content begins and ends, and where the next one begins."""
        if at + 8 > len(data):
            raise ValueError(f"{len(data) - at} bytes are left at byte {at}")
        kind, size = struct.unpack_from(f"{self._order}II", data, at)
        if kind >> 16:  # up to four bytes, held in the tag itself
            kind, size, begin, after = kind & 0xFFFF, kind >> 16, at + 4, at + 8
            if size > 4:
                raise ValueError(f"a short element of {size} bytes at byte {at}")
        else:
            begin = at + 8
            after = begin + size + (-size % 8)
        if begin + size > len(data):
            raise ValueError(f"{size} bytes are claimed at byte {at} and {len(data) - begin} are there")
        return kind, begin, begin + size, after

    def _describe(self, content: memoryview) -> tuple[int, tuple[int, ...], str, int]:
        """An array's class, shape and name, and where its numbers begin."""
        (kind,) = struct.unpack_from(f"{self._order}I", content, 0)
        if kind != MATRIX:
            raise ValueError(f"an element of type {kind} where an array is expected")
        _, begin, end, at = self._tag(content, 8)
        if end - begin != 8:
            raise ValueError("an array without flags")
        (flags,) = struct.unpack_from(f"{self._order}I", content, begin)
        _, begin, end, at = self._tag(content, at)
        if (end - begin) % 4 or not 8 <= end - begin <= 128:
            raise ValueError("an array without dimensions")
        shape = struct.unpack_from(f"{self._order}{(end - begin) // 4}i", content, begin)
        if min(shape) < 0:
            raise ValueError(f"an array of shape {shape}")
        _, begin, end, at = self._tag(content, at)
        name = bytes(content[begin:end]).decode("latin1")
        kind = 0 if flags >> 8 & COMPLEX else flags & 0xFF
        return kind, shape, name, at


def _bytes_of(path: str | Path) -> bytes:
    path = Path(path)
    try:
        if path.stat().st_size > LARGEST_FILE:
            found = f"it has {path.stat().st_size / 2**20:.0f} MiB"
            raise InputError(path, found=found, expected=f"at most {LARGEST_FILE / 2**20:.0f} MiB")
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(path, found="no such file", expected="a MATLAB 5 file") from None
    except OSError as error:
        raise InputError(
            path, found=f"it cannot be read ({error.strerror})", expected="a MATLAB 5 file"
        ) from None


def _byte_order(path: str | Path, data: memoryview) -> str:
    orders = {b"IM": "<", b"MI": ">"}
    mark = bytes(data[HEADER - 2 : HEADER])
    if mark not in orders:
        found = "it is empty" if not len(data) else "it is not a MATLAB 5 file"
        raise InputError(path, found=found, fix="Get the file again from its source")
    return orders[mark]


def _some_of(names: Sequence[str]) -> str:
    return "it among " + (", ".join(names[:12]) or "no arrays at all")
