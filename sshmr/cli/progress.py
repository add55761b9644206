"""How far a command is, and how long it will still take, on standard error."""

import sys
import time

SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """A bar on a terminal, now and then a line elsewhere; a context manager.

    Args:
        what: one word for what is done, such as "Fit".
    """

    def __init__(self, what):
        self._what, self._total, self._done = what, 0, 0
        self._started = self._last = time.monotonic()
        self._bar = _bar() if sys.stderr.isatty() else None

    def __enter__(self):
        if self._bar:
            self._bar.start()
            self._task = self._bar.add_task(self._what, total=None)
        return self

    def __exit__(self, *_):
        if self._bar:
            self._bar.stop()

    def total(self, frames):
        """Say how many frames there are to do."""
        self._total = frames
        if self._bar:
            self._bar.update(self._task, total=frames)

    def advance(self, frames):
        """Say that so many more are done."""
        self._done += frames
        now = time.monotonic()
        if self._bar:
            self._bar.advance(self._task, frames)
        elif now - self._last >= SECONDS_BETWEEN_LINES and self._done:
            self._last = now
            left = (self._total - self._done) * (now - self._started) / self._done
            share = f"{self._done} of {self._total} frames, {_clock(left)} left"
            print(f"{self._what}: {share}", file=sys.stderr, flush=True)


def _clock(seconds):
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"


def _bar():
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bar

    return Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("frames ·"),
        TimeElapsedColumn(),
        TextColumn("·"),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=Console(stderr=True),
    )
