"""One process at a time in a folder."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from sshmr.errors import InputError


def lock_folder(folder: str | Path, name: str = ".lock") -> FileLock:
    """Lock a folder until the result is released or the process ends, however it ends.

    Args:
        name: path of the lock file below the folder.

    Raises:
        InputError: when another process holds the lock.
    """
    path = Path(folder) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise InputError(
            Path(folder).resolve(),
            found="another process is working in this folder",
            fix="Wait until it ends, stop it, or use another folder",
        ) from None
    return lock


@contextlib.contextmanager
def alone_in(folder: str | Path) -> Iterator[None]:
    """Hold the folder's lock, and first remove half-written files that a killed process left.

    Raises:
        InputError: when another process holds the lock.
    """
    with lock_folder(folder):
        for half_written in Path(folder).rglob(".*.tmp*"):
            half_written.unlink(missing_ok=True)
        yield
