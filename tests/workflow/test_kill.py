"""Jobs of each kind, killed and started again, end with the tables of an unbroken run."""

import os
import shutil
import signal
import subprocess
import time

import pyarrow.parquet as pq
import pytest

from tests.workflow.conftest import SMOKE, Clone

pytestmark = pytest.mark.slow


def kill_at(clone, target, path, seconds):
    """Start, wait until ``path`` is there and some seconds more, then kill Snakemake and all its children."""
    process = subprocess.Popen(
        clone.command(target, *SMOKE), cwd=clone.folder, start_new_session=True,
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


@pytest.mark.parametrize(
    ("missing", "target", "moments"),
    [
        (
            ("capture/seq001_simulated_001*", "points/train"),
            "extract",
            {
                "logs/capture/seq001_simulated_001.log": 1.0,
                "logs/points/train/seq001_simulated_001.log": 0.3,
            },
        ),
        (
            ("round_1/train", "round_1/resume", "round_1/infer", "round_1/fit"),
            "fit",
            {"round_1/resume": 1.0, "logs/round_1/fit/test/seq002_simulated_002.log": 1.5},
        ),
    ],
    ids=["points", "loop"],
)
def test_killed_and_started_again_makes_the_same_tables(smoke_run, tmp_path, missing, target, moments):
    """A run that lacks some of its files makes them again.

    Args:
        moments: the file that a job begins with, and seconds from then until the kill.
    """
    clone = Clone(tmp_path, of=smoke_run)
    for path in [path for name in (*missing, "logs") for path in clone.results.glob(name)]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    unbroken = tables(smoke_run.results)
    assert len(tables(clone.results)) < len(unbroken)
    for path, seconds in moments.items():
        kill_at(clone, target, path, seconds)
    done = clone.run(target, *SMOKE)
    assert done.returncode == 0, done.stdout[-4000:]
    broken = tables(clone.results)
    assert list(broken) == list(unbroken)
    assert [name for name in unbroken if not broken[name].equals(unbroken[name])] == []
