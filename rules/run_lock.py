"""One run at a time in a folder, without a lock that outlives the run.

Snakemake's own lock is a file that stays when Snakemake is killed, and the next run then wants `--unlock`.
This one is held by the process: the system lets go of it however the process ends.
"""

import fcntl
from pathlib import Path

from sshmr.errors import InputError

HELD = []
"""Open lock files; a lock lasts until its file is closed, here when the process ends."""


def take_lock(folder):
    """Lock the folder for as long as this process lives.

    Raises:
        InputError: when another run holds it.
    """
    path = Path(folder) / ".snakemake" / "sshmr.lock"
    path.parent.mkdir(exist_ok=True)
    handle = path.open("w")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        raise InputError(
            path.parent.parent.resolve(),
            found="another run is at work here",
            fix="Wait until it ends, stop it, or run this one in a clone of its own",
        ) from None
    HELD.append(handle)
