"""How memory is kept between computations."""

import ctypes

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Parameters of glibc's ``mallopt`` (its manual page)."""

KEPT = 2**31 - 1


def keep_freed_memory():
    """Let this process hold on to memory that it frees, for the next tensor of that size.

    Fits and training make and drop tensors of megabytes thousands of times. By default each goes back to the
    system and comes again page by page, a fifth of all time. Without glibc this does nothing.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, KEPT)
