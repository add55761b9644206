"""Read a finished run for the report. Missing parts are left out of the page."""

import contextlib
import importlib.metadata
import json
import os
import platform
import time
from typing import Any, NamedTuple

import pandas as pd

import sshmr
from sshmr.errors import InputError
from sshmr.evaluation.tables import read_measures
from sshmr.tables.run_folder import RunFolder
from sshmr.tables.schemas import provenance
from sshmr.viewing.frames import Run

NO_ROUND = -1


class Overhead(NamedTuple):
    """Seconds that a run took, on how many cores, and shares of their time.

    Attributes:
        idle: the share without a job. starting: the share in which jobs started Python.
    """

    seconds: float
    cores: int
    idle: float
    starting: float


PACKAGES = ("torch", "numpy", "scipy", "open3d", "pandas", "pyarrow", "snakemake")
"""Packages whose version a page states."""


def read_skipped(folder: RunFolder) -> pd.DataFrame:
    """Skipped frames of the run's shards: split, frame_id, source, reason."""
    parts = []
    for shard in folder.shards():
        path = folder.skipped_of(*shard)
        if path.exists():
            parts.append(pd.read_parquet(path).assign(split=shard.split))
    columns = ["split", "frame_id", "source", "reason"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def read_history(folder: RunFolder, rounds: int) -> pd.DataFrame:
    """Training losses of all rounds, with a column ``round``; empty where nothing was trained."""
    paths = [(round_, folder.history(round_)) for round_ in range(1, rounds + 1)]
    parts = [pd.read_parquet(path).assign(round=round_) for round_, path in paths if path.exists()]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def read_timings(folder: RunFolder, rounds: int) -> pd.DataFrame:
    """Snakemake's benchmark files, summed per round and stage.

    Returns:
        Columns round (``NO_ROUND`` for what runs once), stage, jobs, seconds (sum over jobs), memory (MB,
        the most that any job held).
    """
    rows = []
    for path in sorted(folder.timings.rglob("*.tsv")):
        parts = path.relative_to(folder.timings).with_suffix("").parts
        round_ = NO_ROUND
        if parts[0].startswith("round_") and len(parts) > 1:
            round_, parts = int(parts[0].removeprefix("round_")), parts[1:]
        if round_ > rounds:
            continue
        table = pd.read_csv(path, sep="\t").apply(pd.to_numeric, errors="coerce")
        rows.append((round_, parts[0], table["s"].mean(), table["max_rss"].max()))
    timings = pd.DataFrame(rows, columns=["round", "stage", "seconds", "memory"])
    grouped = timings.groupby(["round", "stage"])
    return grouped.agg(
        jobs=("seconds", "size"), seconds=("seconds", "sum"), memory=("memory", "max")
    ).reset_index()


def read_overhead(folder: RunFolder, start: float) -> Overhead | None:
    """How much of the cores' time the latest start of the workflow spent outside its jobs' own work.

    Args:
        start: seconds that a job takes to start Python and load its packages.

    Returns:
        None if the run was not made by the workflow on this machine.
    """
    begun_file = folder.timings / "start.json"
    if not begun_file.exists():
        return None
    begun = json.loads(begun_file.read_text())
    settings = folder.manifest.get("settings", {})
    cores, threads = begun["cores"], dict(settings.get("threads", {}))
    threads["train"] = max(threads.get("train", 1), settings.get("train", {}).get("processes", 1))
    busy, starting = time.process_time(), start  # Of this job.
    for path in folder.timings.rglob("*.tsv"):
        if path.stat().st_mtime >= begun["started"]:
            stage = next(
                part
                for part in path.relative_to(folder.timings).with_suffix("").parts
                if not part.startswith("round_")
            )
            used = min(threads.get("extract" if stage == "points" else stage, 1), cores)
            seconds = float(pd.to_numeric(pd.read_csv(path, sep="\t")["s"], errors="coerce").mean())
            busy += seconds * used
            starting += min(seconds, start) * used
    wall = time.time() - begun["started"]
    return Overhead(wall, cores, max(0.0, 1 - busy / (wall * cores)), starting / (wall * cores))


def last_round(folder: RunFolder) -> int:
    """The last round that was measured and belongs to the run."""
    measured = int(all_measures(folder)["round"].max())
    stated = folder.manifest.get("rounds")
    return measured if stated is None else min(measured, stated)


def all_measures(folder: RunFolder) -> pd.DataFrame:
    """The run's measures.

    Raises:
        InputError: when it has none.
    """
    path = folder.measures
    if not path.exists():
        fix = "Evaluate the run first: snakemake evaluate, or sshmr evaluate"
        raise InputError(path, found="no such file", expected="the run's measures", fix=fix)
    return read_measures(path)


def read_rounds(folder: RunFolder, rounds: int) -> pd.DataFrame:
    """The run's measures up to the last round."""
    rows = all_measures(folder)
    return rows[rows["round"] <= rounds]


def read_settings(run: Run, rounds: int) -> dict[str, Any]:
    """Settings of each stage as its tables state them, with the last round's where rounds could differ."""
    found: dict[str, Any] = {}
    points, folder = run.tables[0], run.folder
    tables = {
        "extract": points,
        "fit": folder.params(points, rounds, "fit"),
        "relabel": folder.pseudo_labels(points, rounds),
    }
    for stage, path in tables.items():
        settings = provenance(path).get("settings") if path.exists() else None
        if settings:
            found[stage] = json.loads(settings) if isinstance(settings, str) else settings
    kind = provenance(points).get("source")
    # Tables have the settings of every kind of source. Keep only those of this run's source.
    if "extract" in found:
        stated = found["extract"].items()
        found["extract"] = {
            name: value for name, value in stated if name == kind or not isinstance(value, dict)
        }
    training = folder.training_settings(rounds)
    if training.exists():
        stated = json.loads(training.read_text())
        found |= {name: stated[name] for name in ("network", "train") if name in stated}
    return found


def versions() -> dict[str, str]:
    """The versions of packages and Python, and the machine."""
    found = {}
    for name in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return {
        "sshmr": sshmr.__version__,
        **found,
        "Python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs",
    }
