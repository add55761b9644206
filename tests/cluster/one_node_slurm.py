"""Slurm on this machine alone, without systemd: munge, controller and one node, in a folder of their own."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "sinfo", "scancel", "srun")

GPUS = ("/dev/null", "/dev/zero")
"""Device files that stand for GPUs: Slurm hands them out by number, and no driver serves them."""

CONF = """\
ClusterName=test
SlurmctldHost={host}
SlurmctldPort={port}
SlurmdPort={node_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CryptoType=crypto/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=2,batch_sched_delay=0
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
ReturnToService=2
KillWait=2
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName={host} CPUs={cpus} RealMemory={memory} Gres=gpu:{gpus} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def missing_programs() -> list[str]:
    """The programs of Slurm and munge that are not installed here."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


class OneNodeSlurm:
    """Context in which this machine is a cluster of one node, without an accounting database.

    Its two GPUs are handed out by Slurm, but no driver serves them. On leaving, all jobs are cancelled and
    the three daemons have ended.
    """

    def __init__(self, folder: Path, cpus: int = 2, memory: int = 20000) -> None:
        self.folder, self.cpus, self.memory = folder, cpus, memory
        self.daemons: list[subprocess.Popen[bytes]] = []
        self.before = {name: os.environ.get(name) for name in ("SLURM_CONF", "PATH")}

    def __enter__(self) -> "OneNodeSlurm":
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def jobs(self, states: str = "all") -> list[dict[str, str]]:
        """The jobs that the controller knows: id, state, rule and wildcards, reason."""
        lines = ask("squeue", "--noheader", "--states", states, "--format=%i|%T|%k|%r").splitlines()
        return [
            dict(zip(("id", "state", "comment", "reason"), line.split("|"), strict=True)) for line in lines
        ]

    def wait_for(self, comment: str, run: subprocess.Popen[bytes], seconds: float = 1800.0) -> str:
        """The id of the first running job whose comment, ``rule_NAME_…``, begins with this.

        Raises:
            RuntimeError: when the run that should submit it has ended.
            TimeoutError: when none runs in time.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for job in self.jobs("RUNNING"):
                if job["comment"].startswith(comment):
                    return job["id"]
            if run.poll() is not None:
                raise RuntimeError(f"Snakemake ended before a job {comment}… ran")
            time.sleep(0.1)
        raise TimeoutError(f"No job {comment}… ran within {seconds:.0f} s: {self.jobs()}")

    def _start(self) -> None:
        for name in ("state", "spool", "munge"):
            (self.folder / name).mkdir()
        self._start_munge()
        host = socket.gethostname().split(".")[0]
        port, node_port = _free_ports(2)
        conf = self.folder / "slurm.conf"
        conf.write_text(
            CONF.format(folder=self.folder, host=host, port=port, node_port=node_port,
                        cpus=self.cpus, memory=self.memory, gpus=len(GPUS))
        )  # fmt: skip
        (self.folder / "gres.conf").write_text(
            "".join(f"NodeName={host} Name=gpu File={path} Flags=nvidia_gpu_env\n" for path in GPUS)
        )
        os.environ["SLURM_CONF"] = str(conf)
        self._wrap_srun(conf)
        self._daemon("slurmctld", "-D", "-i")
        self._daemon("slurmd", "-D", "-N", host)
        end = time.monotonic() + 30
        while "idle" not in ask("sinfo", "--noheader", "--format=%t", check=False):
            if time.monotonic() > end:
                raise TimeoutError(f"The node is not idle after 30 s.\n{self.logs()}")
            time.sleep(0.2)

    def _start_munge(self) -> None:
        folder = self.folder / "munge"
        key = folder / "key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        user = pwd.getpwnam("munge")
        for path in (key, folder):
            os.chown(path, user.pw_uid, user.pw_gid)
        folder.chmod(0o711)
        options = [f"--{name}-file={folder / name}" for name in ("key", "pid", "seed", "log")]
        self._daemon("munged", "--foreground", f"--socket={folder / 'socket'}", *options, user="munge")
        end = time.monotonic() + 10
        while not (folder / "socket").exists():
            if time.monotonic() > end:
                raise TimeoutError(f"munged has not started after 10 s.\n{self.logs()}")
            time.sleep(0.05)

    def _wrap_srun(self, conf: Path) -> None:
        """Put an ``srun`` that knows this cluster first on PATH: Snakemake takes SLURM_CONF from its jobs."""
        wrapper = self.folder / "bin" / "srun"
        wrapper.parent.mkdir()
        wrapper.write_text(f'#!/bin/sh\nSLURM_CONF={conf} exec {shutil.which("srun")} "$@"\n')
        wrapper.chmod(0o755)
        os.environ["PATH"] = f"{wrapper.parent}:{os.environ['PATH']}"

    def logs(self) -> str:
        """What the daemons have written."""
        return "\n".join(f"{path}:\n{path.read_text()}" for path in sorted(self.folder.glob("*.log")))

    def _daemon(self, *command: str, user: str | None = None) -> None:
        with (self.folder / f"{command[0]}.out.log").open("wb") as log:
            self.daemons.append(
                subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                    start_new_session=True, user=user, group=user,
                )
            )  # fmt: skip

    def _stop(self) -> None:
        if len(self.daemons) == 3:
            ask("scancel", "--user=root", check=False)
            end = time.monotonic() + 15
            while ask("squeue", "--noheader", check=False) and time.monotonic() < end:
                time.sleep(0.2)
        for daemon in reversed(self.daemons):
            daemon.send_signal(signal.SIGTERM)
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        for name, value in self.before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def ask(*command: str, check: bool = True) -> str:
    """The text that a command prints, without its last line break."""
    done = subprocess.run(command, check=check, capture_output=True, text=True, timeout=60)
    return done.stdout.rstrip("\n")


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for item in sockets:
            item.bind(("", 0))
        return [item.getsockname()[1] for item in sockets]
    finally:
        for item in sockets:
            item.close()
