"""The report's tables, as the template shows them: texts, in order."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from sshmr.body.layout import JOINT_NAMES
from sshmr.evaluation.catalogue import GROUPS, MEASURES, TRUTH_FREE
from sshmr.evaluation.tables import ALL_JOINTS, ALL_SEQUENCES
from sshmr.report import run_summary
from sshmr.report.frame_errors import GOOD, FrameErrors, calibration
from sshmr.report.plots import shown

DOUBTFUL = 0.5
"""Fits with a lower confidence count as doubtful."""


def cell(value: float) -> str:
    """A number with one decimal."""
    return f"{value:.1f}" if np.isfinite(value) else "–"


def overall(rows: pd.DataFrame) -> pd.DataFrame:
    """The measures over all frames of a split and all joints."""
    return rows[(rows["sequence"] == ALL_SEQUENCES) & (rows["joint"] == ALL_JOINTS)]


def with_spread(rows: pd.DataFrame) -> pd.DataFrame:
    """``overall`` and its ``spread``: standard deviation of the sequences' means, NaN for one alone."""
    keys = ["round", "stage", "split", "measure"]
    single = rows[(rows["sequence"] != ALL_SEQUENCES) & (rows["joint"] == ALL_JOINTS)]
    spread = single.groupby(keys)["value"].std(ddof=1).rename("spread").reset_index()
    return overall(rows).merge(spread, on=keys, how="left")


def value_of(whole: pd.DataFrame, round_: int, stage: str, measure: str) -> float:
    """One value of ``overall``, of a single split; NaN where there is none."""
    found = whole[(whole["round"] == round_) & (whole["stage"] == stage) & (whole["measure"] == measure)]
    return float(found["value"].iloc[0]) if len(found) else float("nan")


def key_figures(whole: pd.DataFrame, rounds: int) -> list[dict[str, Any]]:
    """The numbers at the top of the page: those of the last round and of the bootstrap."""
    wanted = ("mpjpe", "pa_mpjpe", "mpvpe", "flipped")
    measures = [name for name in wanted if (whole["measure"] == name).any()]
    figures = []
    for measure in measures or TRUTH_FREE:
        network = value_of(whole, rounds, "network", measure)
        figures.append(
            {
                "title": MEASURES[measure].title,
                "meaning": MEASURES[measure].meaning,
                "unit": MEASURES[measure].unit,
                "value": shown(value_of(whole, rounds, "fit", measure)),
                "before": shown(value_of(whole, 0, "fit", measure)) if rounds else None,
                "network": shown(network) if np.isfinite(network) else None,
            }
        )
    return figures


def grouped_tables(
    rows: pd.DataFrame, line: Callable[[pd.DataFrame], dict[str, Any]]
) -> list[dict[str, Any]]:
    """A table per group of measures, a line per split, round and stage.

    Args:
        line: function of the rows of a line, indexed by measure, that returns what the line has.
    """
    tables = []
    for title, group in GROUPS.items():
        measures = [measure for measure in group if (rows["measure"] == measure).any()]
        own = rows[rows["measure"].isin(measures)]
        lines = [
            {"split": split, "round": round_, "stage": stage}
            | line(found.set_index("measure").reindex(measures))
            for split in ("test", "train")
            for (round_, stage), found in own[own["split"] == split].groupby(["round", "stage"])
        ]
        if lines:
            tables.append({"title": title, "heads": heads(measures), "lines": lines})
    return tables


def measures_tables(spread: pd.DataFrame) -> list[dict[str, Any]]:
    """The measures of each group; each cell is a value and its spread."""

    def line(found: pd.DataFrame) -> dict[str, Any]:
        cells = [
            {"value": cell(value), "spread": cell(deviation) if np.isfinite(deviation) else ""}
            for value, deviation in zip(found["value"], found["spread"], strict=True)
        ]
        return {"frames": int(found["frames"].max()), "cells": cells}

    return grouped_tables(spread, line)


def heads(measures: list[str]) -> list[dict[str, str]]:
    """Titles, long and short, and units of some measures."""
    return [MEASURES[measure].head for measure in measures]


def joints_table(rows: pd.DataFrame, rounds: int, last: FrameErrors) -> dict[str, Any] | None:
    """MPJPE of each joint: bootstrap, last network, last fit, and the last fit's where the joint is visible
    and hidden.

    Args:
        rows: measures of one split. last: errors of that split by the last fit.
    """
    rows = rows[
        (rows["sequence"] == ALL_SEQUENCES) & (rows["measure"] == "mpjpe") & (rows["joint"] != ALL_JOINTS)
    ]
    if rows.empty:
        return None
    table = rows.pivot_table(index="joint", columns=["round", "stage"], values="value")
    columns = [(0, "fit")] + ([(rounds, "network"), (rounds, "fit")] if rounds else [])
    columns = [column for column in columns if column in table.columns]
    most = float(table[[columns[0], columns[-1]]].max().max())
    known = np.isfinite(last.joints).all(axis=1)
    errors, seen = 1000 * last.joints[known], last.seen[known]
    lines = []
    for number, joint in enumerate(JOINT_NAMES):
        if joint not in table.index:
            continue
        split = [errors[chosen, number] for chosen in (seen[:, number], ~seen[:, number])]
        lines.append(
            {
                "joint": joint.replace("_", " "),
                "values": [cell(table.loc[joint, column]) for column in columns],
                "seen": [cell(part.mean()) if len(part) else "–" for part in split],
                "share_seen": f"{100 * seen[:, number].mean():.0f}" if len(seen) else "–",
                "share": 100 * float(table.loc[joint, columns[-1]]) / most,
                "before": 100 * float(table.loc[joint, columns[0]]) / most,
            }
        )
    return {"heads": [{"round": round_, "stage": stage} for round_, stage in columns], "lines": lines}


def sequences_table(rows: pd.DataFrame, rounds: int, fits: FrameErrors) -> dict[str, Any]:
    """The last round's fit, sequence by sequence; ``fits`` have the confidence."""
    rows = rows[(rows["round"] == rounds) & (rows["stage"] == "fit") & (rows["joint"] == ALL_JOINTS)]
    rows = rows[rows["sequence"] != ALL_SEQUENCES]
    chosen = [name for name, measure in MEASURES.items() if measure.of_sequences]
    measures = [measure for measure in chosen if (rows["measure"] == measure).any()]
    lines = []
    for (split, sequence), group in rows.groupby(["split", "sequence"]):
        values = group.set_index("measure")["value"].reindex(measures)
        # None if the measures are of an earlier state of the run.
        confidence = fits.of(split=split, sequence=sequence).table["confidence"]
        lines.append(
            {
                "split": split,
                "sequence": sequence,
                "frames": int(group["frames"].max()),
                "sure": f"{100 * confidence.mean():.0f}" if confidence.notna().any() else "–",
                "doubtful": int((confidence < DOUBTFUL).sum()),
                "values": [cell(v) for v in values],
            }
        )
    return {"heads": heads(measures), "lines": lines}


def confidence_table(fits: FrameErrors) -> list[dict[str, Any]]:
    """For each round's frames with truth: mean confidence, share of good fits, calibration error.

    And the MPJPE of the half with the higher and of the half with the lower confidence.
    """
    lines = []
    for round_, rows in fits.table[fits.table["visible_error"].notna()].groupby("round"):
        _, gap = calibration(rows["confidence"].to_numpy(), rows["visible_error"].to_numpy())
        lines.append(
            {
                "round": round_,
                "frames": int(rows["confidence"].notna().sum()),
                "confidence": f"{100 * rows['confidence'].mean():.1f}",
                "good": f"{100 * (rows['visible_error'] < GOOD).mean():.1f}",
                "gap": f"{100 * gap:.1f}",
                "halves": [cell(1000 * half.mean()) for half in _halves(rows)],
            }
        )
    return lines


def _halves(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    errors = rows[rows["confidence"].notna()].sort_values("confidence", kind="stable")["error"]
    middle = len(errors) // 2
    return errors.iloc[middle:], errors.iloc[:middle]


def data_table(errors: FrameErrors) -> list[dict[str, Any]]:
    """Frames, frames with truth and points of each sequence."""
    first = errors.of(round=0, stage="fit").table
    return [
        {
            "split": split,
            "sequence": sequence,
            "frames": len(rows),
            "with_truth": int(rows["error"].notna().sum()),
            "points": shown(float(rows["n_points"].median())),
        }
        for (split, sequence), rows in first.groupby(["split", "sequence"], sort=False)
    ]


def skipped_table(skipped: pd.DataFrame) -> list[dict[str, Any]]:
    """Number of skipped frames by reason."""
    counts = skipped.groupby(["reason", "split"]).size().reset_index(name="frames")
    return counts.sort_values("frames", ascending=False).to_dict("records")


def timings_table(timings: pd.DataFrame, overhead: run_summary.Overhead | None = None) -> dict[str, Any]:
    """Time and memory of each stage of each round, the sum, and the overhead."""
    longest = max(float(timings["seconds"].max()), 1e-9) if len(timings) else 1.0
    lines = [
        {
            "round": None if line.round == run_summary.NO_ROUND else line.round,
            "stage": line.stage,
            "jobs": line.jobs,
            "seconds": duration(line.seconds),
            "memory": "–" if not np.isfinite(line.memory) else f"{line.memory / 1024:.1f}",
            "share": 100 * line.seconds / longest,
        }
        for line in timings.itertuples()
    ]
    return {
        "lines": lines,
        "total": duration(float(timings["seconds"].sum())),
        "overhead": overhead
        and {
            "wall": duration(overhead.seconds),
            "cores": overhead.cores,
            "idle": f"{100 * overhead.idle:.0f}",
            "starting": f"{100 * overhead.starting:.0f}",
        },
    }


def duration(seconds: float) -> str:
    """Seconds as text."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def config_sections(config: dict[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """[(section, [(key, value)])]: plain values first, under the section "run"."""
    plain = [(key, _as_text(value)) for key, value in config.items() if not isinstance(value, dict)]
    sections = [
        (name, [(key, _as_text(inner)) for key, inner in value.items()])
        for name, value in config.items()
        if isinstance(value, dict)
    ]
    return ([("run", plain)] if plain else []) + [section for section in sections if section[1]]


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
