"""Read numpy's files without believing what their headers claim."""

import io
import math
import zipfile
from pathlib import Path

from numpy.lib import format as npy

from sshmr.errors import InputError

LARGEST = 512 * 2**20
"""Bytes of one array at most: 20 million points, or several times SMPL-H's largest array."""
LONGEST_HEADER = 8192


def read_npy(path, expected):
    """The array of an .npy file.

    Args:
        path: the file; expected: what it should hold, for the error.

    Raises:
        InputError: when it cannot be read, holds Python objects, or claims more than 512 MB.
    """
    return _read(path, expected, lambda: _read_stream(path, "array", lambda: Path(path).open("rb")))


def read_npz(path, names, expected):
    """Those of the named arrays that an .npz file has, as a dictionary; others are left unread.

    Raises:
        InputError: as ``read_npy`` does.
    """

    def read():
        with zipfile.ZipFile(path) as archive:
            present = [name for name in names if f"{name}.npy" in archive.namelist()]
            return {
                name: _read_stream(path, f'array "{name}"', lambda name=name: archive.open(f"{name}.npy"))
                for name in present
            }

    return _read(path, expected, read)


def _read(path, expected, read):
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


def _read_stream(path, field, open_stream):
    with open_stream() as stream:
        start = io.BytesIO(stream.read(LONGEST_HEADER))
    version = npy.read_magic(start)
    read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read_header(start)
    if dtype.kind not in "biufSU":
        raise InputError(path, field, f"of dtype {dtype}", "numbers")
    if math.prod(shape) * dtype.itemsize > LARGEST:
        raise InputError(path, field, f"of shape {shape}", f"no more than {LARGEST >> 20} MB")
    with open_stream() as stream:
        return npy.read_array(stream, allow_pickle=False)
