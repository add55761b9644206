"""Progress: a bar on a terminal, now and then a line elsewhere."""

import contextlib
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from pathlib import Path
from typing import Any, Self, TextIO, TypeVar

Item = TypeVar("Item")

SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """Progress of one task, on standard error; a context manager.

    Args:
        what: one word for the task, such as "Fit".
        unit: what is counted, such as "frames"; may be empty.
        follow_terminal: show the bar on the terminal that the process was started from, even where standard
            error is a file, as in a workflow's jobs.
        rate: show how many a second are done.
    """

    def __init__(self, what: str, unit: str = "", follow_terminal: bool = False, rate: bool = False) -> None:
        self._what, self._unit, self._rate = what, unit, rate
        self._follow = follow_terminal
        self._total: int | None = None
        self._done = 0
        self._bar: Any = None
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._started = self._last = time.monotonic()
        terminal = self._terminal()
        if terminal is not None:
            self._bar = self._stack.enter_context(_bar(terminal, self._unit))
            self._task = self._bar.add_task(self._what, total=None, rate="")
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def total(self, count: int) -> None:
        """Set how many there are."""
        self._total = count
        if self._bar:
            self._bar.update(self._task, total=count)

    def advance(self, count: int = 1) -> None:
        """Count some as done."""
        self._done += count
        if self._bar:
            rate = f" {self._speed():.1f} a second ·" if self._rate else ""
            self._bar.update(self._task, advance=count, rate=rate)
        elif time.monotonic() - self._last >= SECONDS_BETWEEN_LINES:
            self._last = time.monotonic()
            print(f"{self._what}: {self._line()}", file=sys.stderr, flush=True)

    def _line(self) -> str:
        unit = f" {self._unit}" if self._unit else ""
        if not self._total:
            return f"{self._done}{unit}"
        left = (self._total - self._done) * (self._last - self._started) / max(1, self._done)
        minutes, seconds = divmod(round(left), 60)
        rate = f", {self._speed():.1f} a second" if self._rate else ""
        clock = f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"
        return f"{self._done} of {self._total}{unit}{rate}, {clock} left"

    def _speed(self) -> float:
        return self._done / max(time.monotonic() - self._started, 1e-6)

    def _terminal(self) -> TextIO | None:
        if sys.stderr.isatty():
            return sys.stderr
        if self._follow:
            with contextlib.suppress(OSError):
                return self._stack.enter_context(Path("/dev/tty").open("w"))
        return None


def track(iterable: Iterable[Item], description: str, total: int | None = None) -> Iterator[Item]:
    """Yield the items of ``iterable`` and show the progress."""
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    with Progress(description, follow_terminal=True) as progress:
        if total:
            progress.total(total)
        for item in iterable:
            yield item
            progress.advance()


def _bar(terminal: TextIO, unit: str) -> Any:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(f"{unit} ·" if unit else "·"),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("·"),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=Console(file=terminal, force_terminal=True),
        transient=True,
        refresh_per_second=2,
    )
