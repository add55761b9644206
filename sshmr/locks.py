"""One process at a time in a folder, and as few as possible on a GPU."""

import contextlib
import getpass
import itertools
import tempfile
from collections.abc import Iterator, Sequence
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


def claim_gpu(names: Sequence[str], folder: str | Path | None = None) -> int:
    """The place of the GPU, among those named, that the fewest other processes have claimed.

    The claim ends with the process.

    Args:
        names: of the GPUs that this process may use.
        folder: where the claims are kept; by default one for all runs of this user on this machine.
    """
    folder = Path(folder or Path(tempfile.gettempdir()) / f"sshmr-gpus-{getpass.getuser()}")
    folder.mkdir(parents=True, exist_ok=True)
    for turn in itertools.count():
        for number, name in enumerate(names):
            lock = FileLock(folder / f"{name}.{turn}.lock")
            with contextlib.suppress(Timeout):
                lock.acquire(blocking=False)
                _CLAIMS.append(lock)
                return number
    raise AssertionError("unreachable")


_CLAIMS: list[FileLock] = []


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
