"""Progress: a bar where somebody watches, plain lines where nobody does."""

import sys
import time

from tqdm import tqdm

SECONDS_BETWEEN_LINES = 10.0


def track(iterable, description, total=None):
    """Yield the items of ``iterable`` and show how far it is, on standard error."""
    total = len(iterable) if total is None and hasattr(iterable, "__len__") else total
    if sys.stderr.isatty():
        yield from tqdm(iterable, desc=description, total=total, leave=False)
        return
    last = time.monotonic()
    for done, item in enumerate(iterable, start=1):
        yield item
        if time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            share = f" of {total} ({100 * done // total} %)" if total else ""
            print(f"{description}: {done}{share}", file=sys.stderr, flush=True)
