"""Make the next item while the current one is in use, so that a GPU does not wait for the CPU."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


def ahead(make: Callable[[Item], Made], items: Iterable[Item]) -> Iterator[Made]:
    """``map(make, items)``, each made while the previous one is in use. Errors are raised when the item is
    needed."""
    with ThreadPoolExecutor(1) as pool:
        waiting: Future[Made] | None = None
        for item in items:
            following = pool.submit(make, item)
            if waiting is not None:
                yield waiting.result()
            waiting = following
        if waiting is not None:
            yield waiting.result()
