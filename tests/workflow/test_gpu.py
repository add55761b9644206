"""Jobs that take the GPU run one at a time; without a GPU, shards run side by side."""

import itertools
import re

import pytest
import torch
from gpu import driver_lists_gpu, gpu_in_sight

STUB = """
import sys, time
from pathlib import Path
begin = time.time()
if Path(sys.argv[0]).stem == "fit":
    time.sleep(1)
for flag in ("--output", "--skipped"):
    if flag in sys.argv:
        Path(sys.argv[sys.argv.index(flag) + 1]).touch()
with open("spans.txt", "a") as file:
    print(Path(sys.argv[0]).stem, begin, time.time(), file=file)
"""
CAPTURE = "capture={sequences: 4, test_sequences: 1, subjects: 1, test_subjects: 1, frames: 80}"


@pytest.fixture
def overlapping_fits(clone):
    """A function of a device and more options: how many of four fits began while another was at work."""
    for script in (clone.folder / "workflow_scripts").glob("[!_]*.py"):
        script.write_text(STUB)

    def run(device, *options):
        shards = [f"train/seq{n:03d}_simulated_001" for n in (1, 2, 3)] + ["test/seq004_simulated_002"]
        targets = [f"results/demo/round_0/fit/{shard}.parquet" for shard in shards]
        done = clone.run(*targets, "--cores", 4, "--config", f"device={device}", CAPTURE, *options)
        assert done.returncode == 0, done.stdout[-4000:]
        lines = (clone.folder / "spans.txt").read_text()
        spans = sorted((float(a), float(b)) for a, b in re.findall(r"^fit (\S+) (\S+)$", lines, re.M))
        assert len(spans) == 4
        return sum(later[0] < earlier[1] for earlier, later in itertools.pairwise(spans))

    return run


def test_one_job_at_a_time_on_the_gpu(overlapping_fits):
    """Even where no GPU is counted, which would mean no limit to Snakemake."""
    assert overlapping_fits("cuda", "--resources", "mem_mb=90000", "gpu=0") == 0


def test_shards_side_by_side_on_the_cpu(overlapping_fits):
    assert overlapping_fits("cpu") > 0


@pytest.mark.parametrize("answer", ["exit 9", "echo No devices were found", "echo 'GPU 0: stand-in'"])
def test_a_tool_or_a_driver_alone_does_not_count_as_a_gpu(tmp_path, monkeypatch, answer):
    """This machine's torch has no GPU, whatever a stand-in for the driver's tool says."""
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n{answer}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    driver_lists_gpu.cache_clear()
    assert driver_lists_gpu() == ("GPU 0" in answer)
    assert not gpu_in_sight({})
    driver_lists_gpu.cache_clear()


def test_no_gpu_where_it_is_hidden():
    assert not gpu_in_sight({"CUDA_VISIBLE_DEVICES": ""})
