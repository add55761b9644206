"""One process at a time in a run's folder."""

import contextlib
import fcntl
from pathlib import Path

from sshmr.errors import InputError


@contextlib.contextmanager
def alone_in(folder):
    """Hold the folder; the system lets go of it however the process ends. What a killed one left is removed.

    Raises:
        InputError: when another process holds it.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                folder,
                found="another process is at work in it",
                fix="Wait until it ends, stop it, or name another folder",
            ) from None
        for half_written in folder.rglob(".*.tmp*"):
            half_written.unlink(missing_ok=True)
        yield
