"""How torch's threads wait for one another."""

import os


def wait_briefly():
    """Let threads of this process and its children soon sleep while they wait; called before torch loads.

    By default GNU's OpenMP has them spin for milliseconds. Where another program takes a core, a spinning
    thread takes it from the one that it waits for: a step of training lasted ten times as long. Microseconds
    cost next to nothing where nobody else is. What the environment says already has its way.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
