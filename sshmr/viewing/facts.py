"""What a finished run left on disk, read for the report. Whatever is absent is left out of the page."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd

from sshmr.data.tables import provenance, read_points
from sshmr.evaluation.frames import has_labels
from sshmr.evaluation.rounds import SKIPPED
from sshmr.evaluation.tables import read_measures

NO_ROUND = -1


@dataclasses.dataclass(frozen=True)
class Shard:
    """One points table of the run, and what the page says of it."""

    path: Path
    split: str
    name: str
    frames: int
    labelled: int
    median_points: float
    simulated: bool

    def table(self, results: Path, round_: int, stage: str) -> Path:
        """Where the params of this shard lie; ``stage`` as in the measures."""
        folder = {"fit": "fit", "network": "infer"}[stage]
        return results / f"round_{round_}" / folder / self.split / self.path.name


def read_shards(points: list[Path]) -> list[Shard]:
    """The shards of the given points tables, training shards first."""
    shards = []
    for path in points:
        table = read_points(path, labels=True)
        counts = table["n_points"]
        split = str(table["split"][0]) if len(counts) else path.parent.name
        median = float(np.median(counts)) if len(counts) else float("nan")
        labelled, simulated = int(has_labels(table).sum()), bool(provenance(path).get("simulated"))
        shards.append(Shard(path, split, path.stem, len(counts), labelled, median, simulated))
    return sorted(shards, key=lambda shard: (shard.split != "train", shard.split, shard.name))


def read_skipped(shards: list[Shard]) -> pd.DataFrame:
    """Skipped frames of the shards: split, shard, frame_id, source, reason."""
    parts = []
    for shard in shards:
        path = shard.path.with_name(shard.path.stem + SKIPPED)
        if path.exists():
            parts.append(pd.read_parquet(path).assign(split=shard.split, shard=shard.name))
    columns = ["split", "shard", "frame_id", "source", "reason"]
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


def read_rounds(results: Path, rounds: int) -> pd.DataFrame:
    """The run's measures up to the last round."""
    rows = read_measures(results / "measures.parquet")
    return rows[rows["round"] <= rounds]
