"""A run killed at any moment and started again ends with the tables of an unbroken one."""

import os
import signal
import subprocess
import time

import pyarrow.parquet as pq
import pytest

from tests.workflow.conftest import SMOKE

pytestmark = pytest.mark.slow

MOMENTS = {
    "logs/capture/seq001_simulated_001.log": 1.0,
    "logs/points/train/seq001_simulated_001.log": 0.3,
    "logs/round_0/fit/train/seq001_simulated_001.log": 2.0,
    "round_1/resume": 1.0,
    "logs/round_1/fit/test/seq002_simulated_002.log": 1.5,
    "logs/report.log": 0.5,
}
"""What a job begins with, and seconds from then until the kill."""


def kill_at(clone, path, seconds):
    """Run until ``path`` is there and some seconds more, then kill Snakemake and all its children."""
    process = subprocess.Popen(
        clone.command(*SMOKE), cwd=clone.folder, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while process.poll() is None and not (clone.results / path).exists():
            time.sleep(0.02)
        time.sleep(seconds)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def tables(results):
    """Every table of a run, less what clocks say."""
    found = {}
    for path in sorted(results.rglob("*.parquet")):
        table = pq.read_table(path)
        found[path.relative_to(results).as_posix()] = table.drop_columns(
            [name for name in ("seconds",) if name in table.column_names]
        ).replace_schema_metadata()
    return found


def test_killed_and_started_again_makes_the_same_tables(clone, smoke_run):
    for path, seconds in MOMENTS.items():
        kill_at(clone, path, seconds)
    done = clone.run(*SMOKE)
    assert done.returncode == 0, done.stdout[-4000:]
    unbroken, broken = tables(smoke_run.results), tables(clone.results)
    assert list(broken) == list(unbroken)
    different = [name for name in unbroken if not broken[name].equals(unbroken[name])]
    assert not different
