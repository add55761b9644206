"""Two runs on one page: the measures per round, and whether the difference is significant."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sshmr.errors import InputError
from sshmr.evaluation.catalogue import MEASURES, PSEUDO_LABELS
from sshmr.evaluation.tables import ALL_JOINTS, ALL_SEQUENCES
from sshmr.report import run_summary
from sshmr.report.page import write_page
from sshmr.report.page_tables import cell, duration, grouped_tables, overall, with_spread
from sshmr.report.plots import Line, band, line_plot
from sshmr.viewing.frames import Run

RESAMPLES = 2000
STYLES = ("fit", "network")
"""Colours of the first and the second run."""


def write_comparison(first: Path, second: Path, output: Path) -> None:
    """Write the page that compares two runs.

    Args:
        first, second: the runs' folders; differences are second minus first.
        output: the page.

    Raises:
        InputError: when the runs have no measure of the same split, stage and round in common.
    """
    runs = [Run(folder) for folder in (first, second)]
    rows = [run_summary.all_measures(run.folder) for run in runs]
    write_page("compare.html.j2", _context(runs, rows), output)


def _context(runs: list[Run], rows: list[pd.DataFrame]) -> dict[str, Any]:
    names = _names(runs)
    both = _side_by_side(*map(overall, rows))
    if both.empty:
        raise InputError(
            runs[1].results,
            found="no measure of a round, stage and split that both runs have",
            expected="two evaluated runs",
        )
    common = int(both["round"].max())
    sequences = [_of_sequences(part, common) for part in rows]
    return {
        "names": names,
        "simulated": any(run.simulated for run in runs),
        "common": common,
        "paired": paired(*sequences),
        "tables": grouped_tables(both, _line),
        "plots": _plots([with_spread(part) for part in rows], names),
        "settings": _settings(runs),
        "timings": _timings(runs),
    }


def _names(runs: list[Run]) -> list[str]:
    """The folders' names, with as much of the path as makes them different."""
    parts = [run.results.resolve().parts for run in runs]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(path[-length:]) for path in parts]
        if names[0] != names[1]:
            return names
    return ["first", "second"]


def _side_by_side(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    keys = ["split", "round", "stage", "measure"]
    return first.merge(second, on=keys, suffixes=("_first", "_second"))


def _of_sequences(rows: pd.DataFrame, round_: int) -> pd.DataFrame:
    """The round's fits, a row per split and sequence, a column per measure."""
    kept = rows[
        (rows["round"] == round_)
        & (rows["stage"] == "fit")
        & (rows["joint"] == ALL_JOINTS)
        & (rows["sequence"] != ALL_SEQUENCES)
    ]
    return kept.pivot_table(index=["split", "sequence"], columns="measure", values="value")


def paired(first: pd.DataFrame, second: pd.DataFrame) -> list[dict[str, Any]]:
    """The mean difference over the sequences that both have, with its 95 % interval.

    Args:
        first, second: a row per (split, sequence), a column per measure.

    Returns:
        A line per split and measure: sequences, mean, low, high (texts), wins (sequences where the second
        is better), verdict ("second", "first", or "" if the interval contains zero).

    Source: percentile bootstrap over sequences, Efron & Tibshirani, "An Introduction to the Bootstrap", 1993.
    """
    rng, lines = np.random.default_rng(0), []
    joint = first.index.intersection(second.index)
    for split in ("test", "train"):
        index = [key for key in joint if key[0] == split]
        for measure, about in MEASURES.items():
            if measure not in first.columns or measure not in second.columns or len(index) < 2:
                continue
            difference = (second.loc[index, measure] - first.loc[index, measure]).dropna().to_numpy()
            if len(difference) < 2:
                continue
            drawn = rng.integers(0, len(difference), (RESAMPLES, len(difference)))
            low, high = np.percentile(difference[drawn].mean(axis=1), [2.5, 97.5])
            better = difference if about.higher_is_better else -difference
            sign = 0 if low <= 0 <= high else np.sign(better.mean())
            lines.append(
                {
                    "split": split,
                    "title": about.title,
                    "unit": about.unit,
                    "sequences": len(difference),
                    "mean": f"{difference.mean():+.1f}",
                    "low": f"{low:+.1f}",
                    "high": f"{high:+.1f}",
                    "wins": int((better > 0).sum()),
                    "verdict": {1: "second", -1: "first", 0: ""}[int(sign)],
                }
            )
    return lines


def _line(found: pd.DataFrame) -> dict[str, Any]:
    cells = [
        {"first": cell(a), "second": cell(b), "change": f"{b - a:+.1f}" if np.isfinite(b - a) else "–"}
        for a, b in zip(found["value_first"], found["value_second"], strict=True)
    ]
    return {"cells": cells}


def _plots(spreads: list[pd.DataFrame], names: list[str]) -> list[dict[str, Any]]:
    """A plot per measure and stage, a line per run, on the split for testing where both have it."""
    split = "test" if all((spread["split"] == "test").any() for spread in spreads) else "train"
    plots = []
    for stage in ("fit", "network"):
        for measure, about in MEASURES.items():
            lines, of_split = [], "train" if about.group == PSEUDO_LABELS else split
            for spread, name, style in zip(spreads, names, STYLES, strict=True):
                rows = spread[
                    (spread["split"] == of_split)
                    & (spread["stage"] == stage)
                    & (spread["measure"] == measure)
                ].sort_values("round")
                if len(rows):
                    x, y, deviation = (rows[column].to_numpy() for column in ("round", "value", "spread"))
                    low, high = band(y, deviation, about.unit)
                    lines.append(Line(f"{name}, round", style, x, y, low=low, high=high))
            if len(lines) == 2:
                svg = line_plot(f"{about.title} of the {stage}, {of_split}", about.unit, lines)
                meaning = f"{about.meaning}; {of_split}"
                plots.append(
                    {"title": f"{about.title}, {stage}", "unit": about.unit, "meaning": meaning, "svg": svg}
                )
    return plots


def _settings(runs: list[Run]) -> list[tuple[str, str, str]]:
    """Settings that differ: [(section.key, first, second)]."""
    flat = [_flat(run_summary.read_settings(run, run_summary.last_round(run.folder))) for run in runs]
    keys = sorted(set(flat[0]) | set(flat[1]))
    return [
        (key, flat[0].get(key, "–"), flat[1].get(key, "–"))
        for key in keys
        if flat[0].get(key) != flat[1].get(key)
    ]


def _flat(mapping: dict[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in mapping.items():
        name = f"{prefix}{key}"
        flat |= _flat(value, f"{name}.") if isinstance(value, dict) else {name: str(value)}
    return flat


def _timings(runs: list[Run]) -> list[tuple[str, ...]]:
    """Time of each stage over all rounds: [(stage, first, second)]."""
    tables = [run_summary.read_timings(run.folder, run_summary.last_round(run.folder)) for run in runs]
    sums = [table.groupby("stage")["seconds"].sum() for table in tables]
    stages = dict.fromkeys(stage for one in sums for stage in one.index)
    return [
        (stage, *(duration(one[stage]) if stage in one.index else "–" for one in sums)) for stage in stages
    ]
