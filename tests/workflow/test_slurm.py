"""What Slurm answers is read right; tests/cluster/run.py asks a real one."""

import pytest
from gpu import plan_device
from slurm import COLUMNS, NEVER, Node, explain, gpus_in_reach, read_jobs, read_nodes

SINFO = """\
main*|2|20000|(null)
gpu|64|515000|gpu:a100:4(S:0,1),gpu:1g.5gb:7(S:0),shard:8
gpu|32|257000|gpu:2
big|128+|2000000+|mps:100
"""


def test_nodes_of_partitions():
    assert read_nodes(SINFO) == [
        Node("main", True, 2, 20000, 0),
        Node("gpu", False, 64, 515000, 11),
        Node("gpu", False, 32, 257000, 2),
        Node("big", False, 128, 2000000, 0),
    ]


@pytest.mark.parametrize(
    ("partitions", "found"), [((), False), (("main",), False), (("gpu",), True), (("big", "gpu"), True)]
)
def test_gpus_of_the_partition_that_jobs_are_submitted_to(partitions, found):
    assert gpus_in_reach(read_nodes(SINFO), partitions) is found


def test_the_reason_why_a_job_can_never_start():
    log = "/home/me/a b/.snakemake/slurm_logs/rule_train_round/1/%j.log"
    fields = ("12", "gpu", "96", "4000M", "PartitionConfig", "rule_train_round_wildcards_1", log)
    text = "".join(text.ljust(width) for text, width in zip(fields, COLUMNS.values(), strict=True))
    (job,) = read_jobs(f"{text}\n")
    assert job == fields
    message = explain(job, read_nodes(SINFO))
    assert (
        "job 12 (rule_train_round_wildcards_1) can never start in partition gpu: PartitionConfig" in message
    )
    assert "requests 96 CPUs and 4000M of memory" in message
    assert "64 CPUs, 515000 MB and 11 GPUs" in message


@pytest.mark.parametrize(
    ("reason", "never"),
    [
        ("PartitionConfig", True),
        ("PartitionTimeLimit", True),
        ("QOSMaxCpuPerJobLimit", True),
        ("AssocMaxWallDurationPerJobLimit", True),
        ("InvalidAccount", True),
        ("Resources", False),
        ("Priority", False),
        ("QOSMaxJobsPerUserLimit", False),
        ("AssocGrpCpuLimit", False),
        ("ReqNodeNotAvail, UnavailableNodes:node7", False),
        ("JobHeldUser", False),
    ],
)
def test_only_reasons_that_last_are_reported(reason, never):
    assert bool(NEVER.search(reason)) is never


@pytest.mark.parametrize("asked", ["cpu", "cuda"])
@pytest.mark.parametrize("on_cluster", [True, False])
def test_a_device_that_is_requested_stays(asked, on_cluster):
    assert plan_device(asked, (), {"CUDA_VISIBLE_DEVICES": ""}, on_cluster) == asked


def test_no_gpu_is_planned_where_it_is_hidden():
    assert plan_device("auto", (), {"CUDA_VISIBLE_DEVICES": ""}, on_cluster=False) == "cpu"
