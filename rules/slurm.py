"""Slurm: which partitions have GPUs, which jobs can never start, which ones a killed run left in the queue.

``sinfo``, ``squeue`` and ``scancel`` answer that without an accounting database.
"""

import itertools
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from sshmr.errors import InputError

NEVER = re.compile(
    r"Partition(Config|NodeLimit|TimeLimit)|BadConstraints|DependencyNeverSatisfied"
    r"|Invalid(Account|QOS)|(Account|QOS)NotAllowed|MaxMemPerLimit"
    r"|(Assoc|QOS)(Max|Min)\w*(PerJob|PerNode|WallDuration)\w*|QOSMin\w+"
)
"""Reasons that last until someone changes the job or the cluster (squeue's manual, "Job reason codes")."""

SECONDS_BETWEEN_CHECKS = 10.0


class Node(NamedTuple):
    """One node in one partition; memory in MB."""

    partition: str
    default: bool
    cpus: int
    memory: int
    gpus: int


class Job(NamedTuple):
    """A job of this user as ``squeue`` shows it; memory as Slurm writes it, "4000M"."""

    id: str
    partition: str
    cpus: str
    memory: str
    reason: str
    comment: str
    log: str


def read_nodes(text: str) -> list[Node]:
    """The nodes in the output of ``sinfo --format=%P|%c|%m|%G``."""
    nodes = []
    for line in text.splitlines():
        partition, cpus, memory, gres = line.split("|")
        counts = re.findall(r"(?:^|,)gpu(?::[^:,(]+)?:(\d+)", gres)
        nodes.append(
            Node(
                partition.rstrip("*"), partition.endswith("*"),
                int(cpus.rstrip("+")), int(memory.rstrip("+")), sum(map(int, counts)),
            )
        )  # fmt: skip
    return nodes


COLUMNS = {
    "JobID": 20,
    "Partition": 100,
    "NumCPUs": 20,
    "MinMemory": 20,
    "Reason": 200,
    "Comment": 500,
    "STDOUT": 4096,
}
"""The fields of a job for ``squeue --Format``, with their widths."""


def read_jobs(text: str) -> list[Job]:
    """The jobs in the output of ``squeue --Format`` with ``COLUMNS``."""
    ends = list(itertools.accumulate(COLUMNS.values()))
    cuts = [slice(end - width, end) for end, width in zip(ends, COLUMNS.values(), strict=True)]
    return [Job(*(line[cut].strip() for cut in cuts)) for line in text.splitlines()]


def nodes_in_reach() -> list[Node]:
    """All nodes that ``sinfo`` shows; none where Slurm is not installed.

    Raises:
        InputError: when the controller does not answer.
    """
    if shutil.which("sinfo") is None:
        return []
    return read_nodes(_ask("sinfo", "--noheader", "--Node", "--format=%P|%c|%m|%G"))


def gpus_in_reach(nodes: Iterable[Node], partitions: Iterable[str] = ()) -> bool:
    """Whether these partitions, or by default the cluster's default partition, have a node with a GPU."""
    wanted = set(partitions)
    return any(node.gpus for node in nodes if (node.partition in wanted if wanted else node.default))


def own_jobs(folder: Path, states: str) -> list[Job]:
    """This user's jobs in these states that a run in this folder submitted: their logs are there."""
    columns = ",".join(f"{name}:{width}" for name, width in COLUMNS.items())
    logs = folder.resolve() / ".snakemake" / "slurm_logs"
    jobs = read_jobs(_ask("squeue", "--me", "--noheader", f"--states={states}", f"--Format={columns}"))
    return [job for job in jobs if Path(job.log).is_relative_to(logs)]


def cancel_jobs_left_behind(folder: Path, say: Callable[[str], object], seconds: float = 60.0) -> None:
    """Cancel jobs that a killed run of this folder left in the queue: their outputs are made again.

    Call it with the folder's lock held, so that no run is at work whose jobs these could be.
    """
    jobs = own_jobs(folder, "PENDING,RUNNING,SUSPENDED,CONFIGURING")
    if not jobs:
        return
    _ask("scancel", *(job.id for job in jobs))
    ids = ", ".join(job.id for job in jobs)
    say(f"Cancelled Slurm jobs that an earlier run in this folder left in the queue: {ids}.")
    end = time.monotonic() + seconds
    while own_jobs(folder, "RUNNING,SUSPENDED,COMPLETING") and time.monotonic() < end:
        time.sleep(0.5)


def explain(job: Job, nodes: Iterable[Node]) -> str:
    """Why a job can never start, what it requests, what there is, and what to change."""
    there = [node for node in nodes if node.partition == job.partition]
    most = (
        f"The largest nodes of this partition have {max(n.cpus for n in there)} CPUs,"
        f" {max(n.memory for n in there)} MB and {max(n.gpus for n in there)} GPUs."
        if there
        else "sinfo shows no node of this partition."
    )
    return (
        f"Slurm job {job.id} ({job.comment}) can never start in partition {job.partition}: {job.reason}."
        f" It requests {job.cpus} CPUs and {job.memory} of memory. {most}"
        " Change the job's resources, max-threads or slurm_partition in profiles/slurm/profile.yaml."
        " The job was cancelled."
    )


def watch(folder: Path, say: Callable[[str], object], pause: float = SECONDS_BETWEEN_CHECKS) -> None:
    """Report and cancel pending jobs that can never start, for as long as the process lives.

    A job is judged when two checks in a row find it waiting for the same reason.
    """
    before: set[tuple[str, str]] = set()
    while True:
        time.sleep(pause)
        try:
            waiting = [job for job in own_jobs(folder, "PENDING") if NEVER.search(job.reason)]
            for job in waiting:
                if (job.id, job.reason) in before:
                    say(explain(job, nodes_in_reach()))
                    _ask("scancel", job.id)
        except InputError:
            continue  # The controller does not answer at the moment; the executor reports that if it lasts.
        before = {(job.id, job.reason) for job in waiting}


def start_watch(folder: Path, say: Callable[[str], object]) -> None:
    """Start ``watch`` beside what this process does."""
    threading.Thread(target=watch, args=(folder, say), name="slurm-watch", daemon=True).start()


def _ask(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        raise InputError(command[0], found="Slurm does not answer within 60 s") from None
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"it ended with status {done.returncode}"]
        raise InputError(" ".join(command), found=said[-1], fix="Run this where Slurm's commands work")
    return done.stdout
