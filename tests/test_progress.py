import os
import pty
import subprocess
import sys

PROGRAM = """
import time
import sshmr.progress as progress
progress.SECONDS_BETWEEN_LINES = 0.0
for _ in progress.track(range(4), "fit"):
    time.sleep(0.01)
"""


def test_plain_lines_where_nobody_watches():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, start_new_session=True, check=True
    )
    assert done.stderr.splitlines() == [f"fit: {i} of 4, 0:00:00 left" for i in range(1, 5)]


def test_a_bar_on_the_terminal_though_standard_error_goes_to_a_log(tmp_path):
    """As a workflow's job: started from a terminal, its output in a file."""
    log = tmp_path / "log"
    pid, terminal = pty.fork()
    if pid == 0:
        with log.open("w") as handle:
            os.dup2(handle.fileno(), 2)
            os.execv(sys.executable, [sys.executable, "-c", PROGRAM])
    shown = b""
    while True:
        try:
            part = os.read(terminal, 4096)
        except OSError:
            break
        if not part:
            break
        shown += part
    assert os.waitpid(pid, 0)[1] == 0, log.read_text()
    assert "fit " in shown.decode()
    assert "4/4" in shown.decode()
    assert log.read_text() == ""
