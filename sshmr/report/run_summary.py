"""What a finished run left on disk, read for the report. Whatever is absent is left out of the page."""

import contextlib
import importlib.metadata
import json
import os
import platform
from pathlib import Path

import pandas as pd

import sshmr
from sshmr.errors import InputError
from sshmr.evaluation.rounds import SKIPPED
from sshmr.evaluation.tables import read_measures
from sshmr.tables.schemas import provenance
from sshmr.viewing.frames import Run

NO_ROUND = -1

PACKAGES = ("torch", "numpy", "scipy", "open3d", "pandas", "pyarrow", "snakemake")
"""Packages whose version a page states."""


def read_skipped(tables: list[Path]) -> pd.DataFrame:
    """Skipped frames beside the points tables: split, frame_id, source, reason."""
    parts = []
    for table in tables:
        path = table.with_name(table.stem + SKIPPED)
        if path.exists():
            parts.append(pd.read_parquet(path).assign(split=table.parent.name))
    columns = ["split", "frame_id", "source", "reason"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def read_history(results: Path, rounds: int) -> pd.DataFrame:
    """Training losses of all rounds, with a column ``round``; empty where nothing was trained."""
    parts = []
    for round_ in range(1, rounds + 1):
        path = results / f"round_{round_}" / "train" / "history.parquet"
        if path.exists():
            parts.append(pd.read_parquet(path).assign(round=round_))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def read_timings(results: Path, rounds: int) -> pd.DataFrame:
    """Snakemake's benchmark files, summed per round and stage.

    Returns:
        Columns round (``NO_ROUND`` for what runs once), stage, jobs, seconds (sum over jobs), memory (MB,
        the most that any job held).
    """
    folder, rows = results / "timings", []
    for path in sorted(folder.rglob("*.tsv")):
        parts = path.relative_to(folder).with_suffix("").parts
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


def last_round(results: Path) -> int:
    """The last round that was measured."""
    return int(all_measures(results)["round"].max())


def all_measures(results: Path) -> pd.DataFrame:
    """The run's measures.

    Raises:
        InputError: when it has none.
    """
    path = results / "measures.parquet"
    if not path.exists():
        fix = "Evaluate the run first: snakemake evaluate, or sshmr evaluate"
        raise InputError(path, found="no such file", expected="the run's measures", fix=fix)
    return read_measures(path)


def read_rounds(results: Path, rounds: int) -> pd.DataFrame:
    """The run's measures up to the last round."""
    rows = all_measures(results)
    return rows[rows["round"] <= rounds]


def read_settings(run: Run, rounds: int) -> dict:
    """Settings of each stage as its tables state them, with the last round's where rounds could differ."""
    found, points, of_round = {}, run.tables[0], run.results / f"round_{rounds}"
    tables = {"extract": points} | {
        stage: of_round / folder / points.parent.name / points.name
        for stage, folder in (("fit", "fit"), ("relabel", "labels"))
    }
    for stage, path in tables.items():
        settings = provenance(path).get("settings") if path.exists() else None
        if settings:
            found[stage] = json.loads(settings) if isinstance(settings, str) else settings
    kind = provenance(points).get("source")
    # Tables state the settings of every kind of source; those of the others say nothing of this run.
    if "extract" in found:
        stated = found["extract"].items()
        found["extract"] = {
            name: value for name, value in stated if name == kind or not isinstance(value, dict)
        }
    training = run.results / f"round_{rounds}" / "train" / "settings.json"
    if training.exists():
        stated = json.loads(training.read_text())
        found |= {name: stated[name] for name in ("network", "train") if name in stated}
    return found


def versions() -> dict[str, str]:
    """What the page is made with, by the name a reader knows: packages, Python, the machine."""
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
