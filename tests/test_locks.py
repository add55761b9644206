import signal
import subprocess
import sys

import pytest

from sshmr.errors import InputError
from sshmr.locks import alone_in, claim_gpu, lock_folder

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


CLAIM = """
import sys
from sshmr.locks import claim_gpu
print(claim_gpu(["0", "1"], sys.argv[1]), flush=True)
input()
"""


def test_jobs_side_by_side_each_claim_the_gpu_with_the_fewest_others(tmp_path):
    """Two stand-ins for GPUs and three jobs; a job that ends gives its GPU back."""
    command = [sys.executable, "-c", CLAIM, tmp_path]
    jobs = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)]
    first = jobs[0].stdout.readline()
    assert int(first) == 0
    assert [claim_gpu(["0", "1"], tmp_path) for _ in range(2)] == [1, 0]
    jobs[0].communicate(b"\n", timeout=60)
    assert claim_gpu(["0", "1"], tmp_path) == 0
