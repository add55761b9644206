"""The process: how its threads wait, and how it keeps memory."""

import ctypes
import os

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Parameters of glibc's ``mallopt`` (its manual page)."""

KEPT = 2**31 - 1


def wait_briefly() -> None:
    """Let waiting OpenMP threads of this process and its children sleep soon; call it before torch loads.

    By default, GNU's OpenMP threads spin for milliseconds while they wait. When another program uses a core,
    a spinning thread takes that core from the thread it waits for: a training step took ten times as long.
    Spinning for microseconds only costs next to nothing on an idle machine. An ``OMP_WAIT_POLICY`` in the
    environment wins.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")


def keep_freed_memory() -> None:
    """Let this process keep the memory it frees, for the next tensor of that size.

    Fits and training allocate and free tensors of megabytes thousands of times. By default, glibc returns
    each to the system and gets it back page by page, which takes a fifth of the time. Without glibc this
    does nothing.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, KEPT)
