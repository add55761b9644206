"""Read pickles of numpy arrays without running what they say.

A pickle is a program: it may name any function on the machine and call it. Only the handful of names that
numpy's own arrays and numbers need are answered here; every other name is refused.
"""

import pickle
from pathlib import Path

import numpy as np
from numpy._core import multiarray, numeric

from sshmr.errors import InputError


def _bytes_of_text(text, encoding="latin1"):
    """Stand-in for ``_codecs.encode``, which protocols 0 to 2 call to write the bytes of an array."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"it asks for text to be encoded as {encoding!r}")
    return text.encode("latin1")


def _no_bytes():
    """Stand-in for ``bytes``, which protocols 0 to 2 call without arguments for an empty array."""
    return b""


ALLOWED = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _bytes_of_text,
    ("builtins", "bytes"): _no_bytes,
    ("__builtin__", "bytes"): _no_bytes,
    # NumPy 2 renamed numpy.core; files of either age name their own.
    **{
        (f"numpy.{core}.{module}", name): function
        for core in ("core", "_core")
        for module, name, function in (
            ("multiarray", "_reconstruct", multiarray._reconstruct),
            ("multiarray", "scalar", multiarray.scalar),
            ("numeric", "_frombuffer", numeric._frombuffer),
        )
    },
}


class NumpyUnpickler(pickle.Unpickler):
    """Unpickles containers, numbers, text and numpy arrays, and refuses everything else by name."""

    def find_class(self, module, name):
        """The few functions that numpy's pickles call."""
        try:
            return ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is not allowed") from None


def load_numpy_pickle(path, unpickler=NumpyUnpickler):
    """Read a pickle of plain containers and numpy arrays, of Python 2 or 3.

    Raises:
        InputError: when the file is missing, no pickle, cut short, or names anything but numpy's arrays.
    """
    try:
        with Path(path).open("rb") as handle:
            return unpickler(handle, encoding="latin1").load()
    except FileNotFoundError:
        raise InputError(path, found="no such file", expected="a pickle of numpy arrays") from None
    except IsADirectoryError:
        raise InputError(path, found="a folder", expected="a pickle of numpy arrays") from None
    except Exception as error:  # a broken pickle can raise almost any exception
        raise InputError(
            path,
            found=f"it cannot be read as a pickle of numpy arrays: {error or type(error).__name__}",
            fix="It is damaged, of another kind or not to be trusted; get it again from its source",
        ) from error
