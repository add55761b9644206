"""How torch's threads wait for one another."""

import os


def wait_asleep():
    """Let threads of this process and its children sleep while they wait; call it before torch is imported.

    By default GNU's OpenMP has them spin. Where another program takes a core, a spinning thread takes the
    core from the one that it waits for, and a step of training lasts ten times as long. ``OMP_WAIT_POLICY``
    in the environment has its way.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
