"""What the report reads of a run beside its tables."""

import json
import os
import time

import pytest

from sshmr.report.run_summary import read_overhead
from sshmr.tables.run_folder import RunFolder


@pytest.mark.parametrize(
    "settings",
    [{"threads": {"train": 8, "extract": 1}}, {"threads": {"train": 1}, "train": {"processes": 2}}],
    ids=["threads", "processes"],
)
def test_overhead_is_what_the_jobs_of_the_last_start_did_not_use(tmp_path, monkeypatch, settings):
    folder = RunFolder(tmp_path)
    assert read_overhead(folder, 0.0) is None
    folder.describe(settings=settings)
    for path in ("points/train/walk.tsv", "round_1/train.tsv", "round_1/fit/train/walk.tsv"):
        (folder.timings / path).parent.mkdir(parents=True, exist_ok=True)
        (folder.timings / path).write_text("s\tmax_rss\n22.0\t10\n")
    (folder.timings / "start.json").write_text(json.dumps({"started": time.time() - 100, "cores": 2}))
    # One core for 20 s, two for 20 s, one for 20 s; each job began with 2 s of starting Python.
    monkeypatch.setattr(time, "process_time", lambda: 12.0)
    found = read_overhead(folder, 2.0)
    assert found.idle == pytest.approx(1 - (22 + 2 * 22 + 22 + 12) / 200, abs=0.02)
    assert found.starting == pytest.approx((2 + 2 * 2 + 2 + 2) / 200, abs=0.002)
    os.utime(folder.timings / "points/train/walk.tsv", (1, 1))
    assert read_overhead(folder, 2.0).idle == pytest.approx(1 - (2 * 22 + 22 + 12) / 200, abs=0.02)
