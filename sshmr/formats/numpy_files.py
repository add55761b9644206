"""Read numpy's files without trusting the sizes in their headers."""

import functools
import io
import math
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, TypeVar

import numpy as np
from numpy.lib import format as npy

from sshmr.errors import InputError

LARGEST = 512 * 2**20
"""Bytes of one array at most: 20 million points, or several times SMPL-H's largest array."""
LONGEST_HEADER = 8192
WIDEST_RECORD = 4096
"""Largest size of a structured element in bytes. A LiDAR point has some tens."""
Result = TypeVar("Result")


def read_npy(path: Path | str, expected: str, structured: bool = False) -> np.ndarray:
    """The array of an .npy file.

    Args:
        path: the file; expected: what it should hold, for the error.
        structured: whether its elements may have named fields of numbers.

    Raises:
        InputError: when it cannot be read, contains Python objects, or has more than 512 MB.
    """
    return _read(
        path, expected, lambda: _read_stream(path, "array", lambda: Path(path).open("rb"), structured)
    )


def read_npz(
    path: Path | str, names: Iterable[str], expected: str, structured: bool = False
) -> dict[str, np.ndarray]:
    """The named arrays of an .npz file, as far as it has them. Others are not read.

    Raises:
        InputError: as ``read_npy`` does.
    """

    def read() -> dict[str, np.ndarray]:
        with zipfile.ZipFile(path) as archive:
            present = [name for name in names if f"{name}.npy" in archive.namelist()]
            found = {}
            for name in present:
                member = functools.partial(archive.open, f"{name}.npy")
                found[name] = _read_stream(path, f'array "{name}"', member, structured)
            return found

    return _read(path, expected, read)


def npz_shapes(path: Path | str, expected: str) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
    """Shape and dtype of each array of an .npz file, from the headers alone.

    Raises:
        InputError: when it cannot be read.
    """

    def read() -> dict[str, tuple[tuple[int, ...], np.dtype]]:
        with zipfile.ZipFile(path) as archive:
            found = {}
            for item in archive.namelist():
                if item.endswith(".npy"):
                    with archive.open(item) as stream:
                        found[item.removesuffix(".npy")] = _read_header(stream)
            return found

    return _read(path, expected, read)


def _read(path: Path | str, expected: str, read: Callable[[], Result]) -> Result:
    try:
        return read()
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(path, found="no such file", expected=expected) from None
    except Exception as error:  # a broken archive can raise almost any exception
        raise InputError(
            path, found=f"it cannot be read ({str(error).strip() or type(error).__name__})", expected=expected
        ) from error


def _read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    start = io.BytesIO(stream.read(LONGEST_HEADER))
    version = npy.read_magic(start)
    read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read_header(start)
    return shape, dtype


def _read_stream(
    path: Path | str, field: str, open_stream: Callable[[], IO[bytes]], structured: bool
) -> np.ndarray:
    with open_stream() as stream:
        shape, dtype = _read_header(stream)
    records = structured and dtype.names is not None and dtype.itemsize <= WIDEST_RECORD
    if dtype.hasobject or (dtype.kind not in "biufSU" and not records):
        raise InputError(path, field, f"of dtype {str(dtype)[:200]}", "numbers")
    if math.prod(shape) * dtype.itemsize > LARGEST:
        raise InputError(path, field, f"of shape {shape}", f"no more than {LARGEST >> 20} MB")
    with open_stream() as stream:
        return np.asarray(npy.read_array(stream, allow_pickle=False))
