import signal
import subprocess
import sys

import pytest

from sshmr.errors import InputError
from sshmr.locks import alone_in, lock_folder

HOLD = """
from sshmr.locks import lock_folder
lock = lock_folder(".")
print("held", flush=True)
input()
"""


def test_a_second_process_in_the_folder_is_refused_until_the_first_is_gone(tmp_path):
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    other.stdout.readline()
    with pytest.raises(InputError, match="another process is working in this folder"):
        lock_folder(tmp_path)
    other.send_signal(signal.SIGKILL)
    other.wait()
    lock_folder(tmp_path).release()


def test_half_written_files_are_removed_by_the_next_process_alone(tmp_path):
    (tmp_path / "fit").mkdir()
    half, whole = tmp_path / "fit" / ".a.parquet.1.tmp", tmp_path / "fit" / "a.parquet"
    half.touch()
    whole.touch()
    with alone_in(tmp_path):
        assert not half.exists()
        half.touch()
        with pytest.raises(InputError, match="another process"), alone_in(tmp_path):
            pass
        assert half.exists()
    assert whole.exists()
