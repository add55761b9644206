"""Progress: a bar where somebody watches, plain lines where nobody does."""

import contextlib
import sys
import time
from pathlib import Path

from tqdm import tqdm

SECONDS_BETWEEN_LINES = 10.0
SECONDS_BETWEEN_BARS = 0.5


def track(iterable, description, total=None):
    """Yield the items of ``iterable`` and show how far it is.

    The bar goes to the terminal even where standard error is kept in a log, as in a workflow's jobs;
    without a terminal, plain lines go to standard error.
    """
    total = len(iterable) if total is None and hasattr(iterable, "__len__") else total
    with contextlib.ExitStack() as stack:
        terminal = _terminal(stack)
        if terminal is None:
            yield from _lines(iterable, description, total)
        else:
            options = {"file": terminal, "leave": False, "mininterval": SECONDS_BETWEEN_BARS}
            yield from tqdm(iterable, desc=description, total=total, **options)


def _terminal(stack):
    """Standard error if it is a terminal, else the terminal that the process was started from, else None."""
    if sys.stderr.isatty():
        return sys.stderr
    try:
        return stack.enter_context(Path("/dev/tty").open("w"))
    except OSError:
        return None


def _lines(iterable, description, total):
    last = time.monotonic()
    for done, item in enumerate(iterable, start=1):
        yield item
        if time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            share = f" of {total} ({100 * done // total} %)" if total else ""
            print(f"{description}: {done}{share}", file=sys.stderr, flush=True)
