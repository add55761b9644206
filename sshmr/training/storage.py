"""Arrays that may be larger than the memory."""

import mmap
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

IN_MEMORY = 2**28
"""Bytes. A larger array is kept in a file."""


def new_array(shape: tuple[int, ...], kind: type, folder: str | Path | None = None) -> np.ndarray:
    """An array of zeros; a large one is mapped to a file in ``folder``, which disappears when the process
    ends.

    Without a folder, every array is in memory.
    """
    if folder is None or np.prod(shape, dtype=np.int64) * np.dtype(kind).itemsize <= IN_MEMORY:
        return np.zeros(shape, kind)
    Path(folder).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        os.truncate(file.fileno(), int(np.prod(shape, dtype=np.int64)) * np.dtype(kind).itemsize)
        return np.memmap(file, kind, "r+", shape=shape)


def release(arrays: Iterable[np.ndarray]) -> None:
    """Free the memory of mapped files. They are read again when needed."""
    for array in arrays:
        if isinstance(array, np.memmap) and hasattr(mmap, "MADV_DONTNEED"):
            array._mmap.madvise(mmap.MADV_DONTNEED)  # type: ignore[attr-defined]
