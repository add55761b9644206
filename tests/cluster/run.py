"""The whole loop as Slurm jobs on this machine, with faults, compared with an unbroken run without Slurm.

    python tests/cluster/run.py

Needs Slurm, munge and root, and leaves nothing behind. It installs nothing: where Slurm is missing it says so
and ends well.
"""

import importlib.util
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(1, str(Path(__file__).resolve().parents[2] / "rules"))

import torch

from tests.cluster.one_node_slurm import OneNodeSlurm, missing_programs
from tests.workflow.conftest import Clone
from tests.workflow.test_kill import tables

CPUS = 2
PLUGIN = "snakemake_executor_plugin_slurm"
SETTINGS = ("--configfile", "config/smoke.yaml", "--config", "capture={sequences: 2, test_sequences: 0}",
            "extract={shard_frames: 4}", "train={processes: 2}",
            "report={frames: 0, split: train}")  # fmt: skip
"""Two shards to train on, two processes that share them, none to test on, and no pictures."""

SLURM = (
    "--workflow-profile", "profiles/slurm", "--latency-wait", 10,
    "--slurm-init-seconds-before-status-checks", 1, "--seconds-between-status-checks", 1,
)  # fmt: skip
SECONDS = 1800
"""After which a part of the test has failed, even on a busy machine."""


def main() -> None:
    missing = missing_programs()
    if missing:
        names = ", ".join(missing)
        skip(f"slurm is not installed (missing: {names}). On Debian: apt-get install slurm-wlm munge")
    if os.geteuid() != 0:
        skip("only root can start slurmctld, slurmd and munged")
    if importlib.util.find_spec(PLUGIN) is None:
        skip("the executor is not installed: pip install -c constraints.txt -e '.[cluster]'")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # So that the daemons end too.
    os.environ["OMP_NUM_THREADS"] = "1"
    top = Path(tempfile.mkdtemp(prefix="sshmr-cluster-"))
    top.chmod(0o755)  # munged runs as another user.
    started = []
    try:
        folders = {name: top / name for name in ("slurm", "local", "loop", "never")}
        for folder in folders.values():
            folder.mkdir()
        local, loop, never = (Clone(folders[name]) for name in ("local", "loop", "never"))
        with OneNodeSlurm(folders["slurm"], cpus=CPUS) as cluster:
            started.append(start(local, *SETTINGS, "device=cpu", "--cores", CPUS))
            started.append(start(never, *impossible_job()))
            steps = (
                (
                    "a job cancelled, Snakemake killed and started again",
                    break_and_resume,
                    (cluster, loop, started),
                ),
                ("a job that can never start is reported", expect_report, (never, started[1])),
                ("the run without Slurm ends", expect_end, (local, started[0])),
                ("all tables are equal", compare, (local, loop)),
                (
                    "training as on two nodes gives the same network",
                    train_under_srun,
                    (loop, folders["slurm"]),
                ),
                ("a job with a GPU does not fall back to the CPU", expect_no_fallback, (loop,)),
            )
            for name, check, arguments in steps:
                begin = time.monotonic()
                check(*arguments)
                print(f"{name}: {time.monotonic() - begin:.0f} s", flush=True)
    finally:
        for process in started:
            kill(process)
        shutil.rmtree(top, ignore_errors=True)
    print("passed")


def skip(why: str) -> None:
    """End well without a test."""
    print(f"skipped: {why}")
    raise SystemExit(0)


def start(clone: Clone, *arguments: object) -> subprocess.Popen[bytes]:
    """Start Snakemake; its output goes to ``output.txt`` in the clone."""
    with (clone.folder / "output.txt").open("ab") as output:
        return subprocess.Popen(
            clone.command(*arguments), cwd=clone.folder, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill Snakemake and its children on this machine; Slurm's jobs run on."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def expect_end(clone: Clone, process: subprocess.Popen[bytes]) -> None:
    if process.wait(SECONDS) != 0:
        fail(clone, "Snakemake ended with an error")


def break_and_resume(cluster: OneNodeSlurm, clone: Clone, started: list[subprocess.Popen[bytes]]) -> None:
    """Cancel a fit, kill Snakemake during training, start it again, and wait for its end."""
    command = (*SETTINGS, "device=cpu", *SLURM)
    broken = start(clone, *command)
    started.append(broken)
    try:
        subprocess.run(["scancel", cluster.wait_for("rule_bootstrap_shard", broken)], check=True)
        cluster.wait_for("rule_train_round", broken)
    except (TimeoutError, RuntimeError) as error:
        fail(clone, str(error))
    kill(broken)
    resumed = start(clone, *command)
    started.append(resumed)
    expect_end(clone, resumed)
    text = (clone.folder / "output.txt").read_text()
    if "SLURM status is: 'CANCELLED'" not in text:
        fail(clone, "the cancelled job was not noticed")
    if not re.search(r"^Cancelled Slurm jobs that an earlier run", text, re.M):
        fail(clone, "the killed run's job was left in the queue")


def impossible_job() -> tuple[object, ...]:
    """One job with more threads than the node has CPUs."""
    threads = 16 * CPUS
    more = ("--max-threads", threads, "--set-threads", f"body_model={threads}", "--retries", 0)
    return ("results/smoke/body/male.npz", *SETTINGS, "device=cpu", *SLURM, *more)


def expect_report(clone: Clone, process: subprocess.Popen[bytes]) -> None:
    if process.wait(SECONDS) == 0:
        fail(clone, "a job with more threads than CPUs ran")
    text = (clone.folder / "output.txt").read_text()
    if not re.search(r"can never start in partition main: PartitionConfig.*have 2 CPUs", text):
        fail(clone, "the job that can never start was not reported")


def compare(local: Clone, loop: Clone) -> None:
    expected, found = tables(local.results), tables(loop.results)
    if list(expected) != list(found):
        fail(loop, f"other tables: {sorted(set(expected) ^ set(found))}")
    different = [name for name in expected if not expected[name].equals(found[name])]
    if different or len(expected) < 10:
        fail(loop, f"{len(expected)} tables, of which differ: {different}")


def train_under_srun(clone: Clone, folder: Path) -> None:
    """Train once more with two torchrun, one process each, that meet as on two nodes."""
    plan = clone.run("train", *SETTINGS, "device=cpu", "--dry-run", "--printshellcmds", "--forcerun", "train")
    found = re.search(r"torchrun --standalone --nproc-per-node 2 (\S*train\.py .*?) 2>&1", plan.stdout)
    if found is None:
        fail(clone, f"the plan has no torchrun:\n{plan.stdout}")
    run = folder / "run"
    shutil.copytree(clone.results, run)
    for made in ("train", "resume"):
        shutil.rmtree(run / "round_1" / made, ignore_errors=True)
    arguments = shlex.split(found[1])
    arguments[arguments.index("--results") + 1] = str(run)
    torchrun = str(Path(sys.executable).with_name("torchrun"))
    meet = "--nnodes 2 --nproc-per-node 1 --rdzv-backend c10d --rdzv-id 1 --rdzv-endpoint localhost:29531"
    command = ["srun", "--ntasks", "2", "--cpus-per-task", "1", torchrun, *shlex.split(meet), *arguments]
    done = subprocess.run(command, cwd=clone.folder, capture_output=True, text=True, timeout=SECONDS)
    if done.returncode:
        fail(clone, f"srun torchrun: {done.stdout}\n{done.stderr}")
    before, after = (weights(path / "round_1" / "train" / "checkpoint.pt") for path in (clone.results, run))
    if before.keys() != after.keys() or not all(torch.equal(before[name], after[name]) for name in before):
        fail(clone, "the network differs from the one that the workflow trained")


def weights(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a checkpoint by name."""
    found: dict[str, torch.Tensor] = {}

    def collect(name: str, value: object) -> None:
        if isinstance(value, torch.Tensor):
            found[name] = value
        elif isinstance(value, dict):
            for key, item in value.items():
                collect(f"{name}.{key}", item)

    collect("", torch.load(path, weights_only=False))
    return found


def expect_no_fallback(clone: Clone) -> None:
    """Slurm hands out a GPU that torch cannot use: the job says so in its log and fails."""
    table = min(clone.results.glob("round_1/infer/train/*.parquet"))
    log = clone.results / "logs" / table.relative_to(clone.results).with_suffix(".log")
    target = table.relative_to(clone.folder)
    status = start(clone, target, *SETTINGS, "device=cuda", *SLURM, "--retries", 0, "--force").wait(SECONDS)
    logs = log.read_text()
    said = re.search(r"it is cuda, but torch .* sees no CUDA device .*CUDA_VISIBLE_DEVICES=\d", logs)
    if status == 0 or said is None:
        fail(clone, f"a job without its GPU went on: {logs}")


def fail(clone: Clone, why: str) -> None:
    """End with what Snakemake and Slurm's jobs wrote."""
    parts = [clone.folder / "output.txt", *sorted(clone.folder.glob(".snakemake/slurm_logs/**/*.log"))]
    for path in parts:
        if path.exists():
            print(f"== {path}\n{path.read_text()[-6000:]}")
    raise SystemExit(f"failed: {why}")


if __name__ == "__main__":
    main()
