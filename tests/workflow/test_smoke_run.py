"""The whole workflow on very little data: it runs, and afterwards a change reruns what it affects."""

import contextlib
import io
import re
import shutil

import pyarrow.parquet as pq
import pytest

from tests.workflow.conftest import ROOT, SMOKE

pytestmark = pytest.mark.slow

AFTER_TRAINING = {"infer_shard": 2, "fit_shard": 2, "relabel_shard": 1, "evaluate_part": 2}
END = {"merge_measures": 1, "report_page": 1, "all": 1}


def test_leaves_a_file_per_arrow_of_the_loop(smoke_run):
    made = {path.relative_to(smoke_run.results).as_posix() for path in smoke_run.results.rglob("*.parquet")}
    train, test = "train/seq001_simulated_001", "test/seq002_simulated_002"
    assert made == {
        "measures.parquet",
        *(f"points/{shard}{kind}.parquet" for shard in (train, test) for kind in ("", ".skipped")),
        *(f"round_{number}/fit/{shard}.parquet" for number in (0, 1) for shard in (train, test)),
        *(f"round_1/infer/{shard}.parquet" for shard in (train, test)),
        *(f"round_{number}/pseudo_labels/{train}.parquet" for number in (0, 1)),
        *(f"round_{number}/measures/part_000{part}.parquet" for number in (0, 1) for part in (0, 1)),
        "round_1/train/history.parquet",
    }
    assert (smoke_run.results / "round_1" / "train" / "checkpoint.pt").stat().st_size > 0
    assert "<html" in (smoke_run.results / "report.html").read_text()[:200].lower()
    fits = pq.read_table(smoke_run.results / "round_1" / "fit" / f"{test}.parquet")
    points = pq.read_table(smoke_run.results / "points" / f"{test}.parquet")
    assert fits["frame_id"] == points["frame_id"]


def test_prints_progress_and_keeps_it_in_a_log(smoke_run):
    log = (smoke_run.results / "logs" / "measures.log").read_text()
    assert "network" in log
    assert log in smoke_run.output


def test_the_readme_opens_the_measures(smoke_run, monkeypatch):
    readme = (ROOT / "README.md").read_text()
    block = re.search(r"```python\n(.*?)```", readme, re.S)[1].replace("results/demo", "results/smoke")
    monkeypatch.chdir(smoke_run.folder)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(block)
    assert "mpjpe" in printed.getvalue()


def test_snakemakes_own_report_carries_page_and_picture(smoke_run):
    done = smoke_run.run(*SMOKE, "--report", "report.html")
    assert done.returncode == 0, done.stdout[-4000:]
    text = (smoke_run.folder / "report.html").read_text()
    for word in ("all of the run on one page", "people are\nsimulated", "The median frame of the test split"):
        assert word in text or word.replace("\n", "\\n") in text


def test_every_job_has_a_timing(smoke_run):
    jobs = {path.relative_to(smoke_run.results / "logs") for path in smoke_run.results.glob("logs/**/*.log")}
    timed = {
        path.relative_to(smoke_run.results / "timings") for path in smoke_run.results.glob("timings/**/*.tsv")
    }
    assert {path.with_suffix("") for path in jobs} == {path.with_suffix("") for path in timed}


def test_more_rounds_add_only_the_new_round(smoke_run):
    assert smoke_run.plan(*SMOKE, "--config", "rounds=2") == {"train_round": 1, **AFTER_TRAINING, **END}


def test_a_second_run_with_other_threads_device_and_batch_has_nothing_to_do(smoke_run):
    again = smoke_run.run(*SMOKE, "--config", "threads={train: 1}", "device=cpu", "evaluate={batch: 3}")
    assert again.returncode == 0
    assert "Nothing to be done" in again.stdout


def test_a_key_reruns_the_stages_that_use_it(smoke_run):
    jobs = smoke_run.plan(*SMOKE, "--config", "train={epochs: 3}")
    assert jobs == {"train_round": 1, **AFTER_TRAINING, **END}


def test_a_new_simulation_is_noticed(smoke_run, tmp_path):
    listing = smoke_run.results / "capture" / "seq002_simulated_002.json"
    kept = shutil.copy2(listing, tmp_path)
    try:
        listing.write_text(listing.read_text().replace("true", "true "))
        assert smoke_run.plan("extract", *SMOKE) == {"extract": 1, "extract_shard": 1}
    finally:
        shutil.copy2(kept, listing)


@pytest.mark.parametrize(
    ("stage", "jobs"),
    [
        ("evaluate", {"evaluate": 1, "evaluate_part": 4, **END}),
        (
            "fit",
            {
                "fit": 1, "bootstrap_shard": 2, "train_round": 1,
                **AFTER_TRAINING, "relabel_shard": 2, "evaluate_part": 4, **END,
            },
        ),
    ],
)  # fmt: skip
def test_a_stage_can_be_forced_by_its_name(smoke_run, stage, jobs):
    assert smoke_run.plan(*SMOKE, "--forcerun", stage) == jobs


def test_edited_code_reruns_what_imports_it_and_comments_do_not(smoke_run):
    module = smoke_run.folder / "sshmr" / "evaluation" / "measures.py"
    text = module.read_text()
    try:
        module.write_text(f"# A remark.\n{text}")
        assert smoke_run.plan(*SMOKE) == {}
        module.write_text(
            text.replace("joint_errors(predicted, true).mean(", "joint_errors(predicted, true).max(")
        )
        jobs = smoke_run.plan(*SMOKE)
    finally:
        module.write_text(text)
    assert jobs["evaluate_part"] == 4
    assert not {"simulate_shard", "extract_shard", "bootstrap_shard", "train_round"} & set(jobs)
