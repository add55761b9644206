import signal
import subprocess
import sys

import pytest
from run_lock import HELD, take_lock

from sshmr.errors import InputError

HOLD = """
import sys
sys.path[:0] = {path!r}
from run_lock import take_lock
take_lock(".")
print("held", flush=True)
input()
"""


@pytest.fixture(autouse=True)
def release():
    yield
    while HELD:
        HELD.pop().close()


def test_a_second_run_in_the_folder_is_refused_until_the_first_is_gone(tmp_path):
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD.format(path=sys.path)],
        cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    other.stdout.readline()
    with pytest.raises(InputError, match="another run is at work"):
        take_lock(tmp_path)
    other.send_signal(signal.SIGKILL)
    other.wait()
    take_lock(tmp_path)
