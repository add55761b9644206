"""The report's plots."""

from typing import Any

import numpy as np
import pandas as pd

from sshmr.evaluation.catalogue import GROUPS, MEASURES
from sshmr.report.frame_errors import FrameErrors, binned, calibration
from sshmr.report.plots import Line, band, line_plot, shown

NOT_LOSSES = ("epoch", "round", "seconds", "learning_rate", "step")

CAUSES = {
    "visible": ("By visible share of the body", "%", 100.0),
    "distance": ("By distance from the source's origin", "m", 1.0),
    "n_points": ("By points in the cloud", "", 1.0),
}
"""The horizontal axes of the plots of errors: title, unit, factor."""


def measure_plots(spread: pd.DataFrame) -> list[dict[str, Any]]:
    """Per group a plot a measure, a line per stage and split; only the main split's has numbers and bands."""
    main = "test" if (spread["split"] == "test").any() else "train"
    groups = []
    for title, measures in GROUPS.items():
        plots = [_measure_plot(spread[spread["measure"] == measure], measure, main) for measure in measures]
        if any(plots):
            groups.append({"title": title, "plots": [plot for plot in plots if plot]})
    return groups


def _measure_plot(rows: pd.DataFrame, measure: str, main: str) -> dict[str, str] | None:
    lines, about = [], MEASURES[measure]
    unit = about.unit
    for (split, stage), group in rows.groupby(["split", "stage"]):
        group = group.sort_values("round")
        value, spread = group["value"].to_numpy(), group["spread"].to_numpy()
        prominent = split == main or not (rows["split"] == main).any()
        banded = prominent and np.isfinite(spread).any()
        low, high = band(value, spread, unit)
        lines.append(
            Line(
                f"{stage}, {split}, round",
                stage if prominent else f"{stage} faint",
                group["round"].to_numpy(),
                value,
                low=low if banded else None,
                high=high if banded else None,
                labelled=prominent,
            )
        )
    if not lines:
        return None
    lines.sort(key=lambda line: line.labelled)
    svg = line_plot(f"{about.title} over the rounds, {unit}", unit, lines)
    return {"title": about.title, "unit": unit, "meaning": about.meaning, "svg": svg}


def cause_plots(errors: FrameErrors) -> list[dict[str, Any]]:
    """MPJPE of each stage's frames against each of ``CAUSES``: median and band of the middle four fifths."""
    plots = []
    for column, (title, unit, factor) in CAUSES.items():
        lines = []
        for stage, rows in errors.table.groupby("stage"):
            bins = binned(factor * rows[column].to_numpy(float), 1000 * rows["error"].to_numpy(float))
            if bins.empty:
                continue
            notes = [
                f"{shown(line.x)} {unit}: median {shown(line.median)} mm, {line.frames} frames"
                for line in bins.itertuples()
            ]
            x, y, low, high = (bins[name].to_numpy() for name in ("x", "median", "low", "high"))
            lines.append(Line(str(stage), str(stage), x, y, low=low, high=high, notes=notes))
        if lines:
            lines.sort(key=lambda line: line.style)
            svg = line_plot(f"MPJPE {title.lower()}", "mm", lines, whole_x=False)
            plots.append({"title": title, "unit": unit, "svg": svg})
    return plots


def reliability_plot(fits: FrameErrors) -> str | None:
    """Share of good frames over confidence, percent. A dot's area is its share of the frames.

    Args:
        fits: of one round; a network's confidence is not a probability.
    """
    confidence, error = (fits.table[name].to_numpy(float) for name in ("confidence", "visible_error"))
    bins, _ = calibration(confidence, error)
    if bins.empty:
        return None
    notes = [
        f"{100 * line.confidence:.0f} % confidence: {100 * line.good:.0f} % good, {line.frames} frames"
        for line in bins.itertuples()
    ]
    x, y = 100 * bins["confidence"].to_numpy(), 100 * bins["good"].to_numpy()
    sizes = (2.5 + 6 * np.sqrt(bins["frames"] / bins["frames"].sum())).to_numpy()
    ends = np.array([0.0, 100.0])
    ideal = Line("calibrated", "faint", ends, ends, labelled=False, dots=False)
    fit = Line("fit", "fit", x, y, notes=notes, sizes=sizes, labelled=False)
    title = "Share of frames with an MPJPE over the visible joints below 100 mm against confidence, percent"
    return line_plot(title, "%", [ideal, fit], whole_x=False)


def training_plots(history: pd.DataFrame) -> list[dict[str, Any]]:
    """A plot per loss over all epochs of all rounds, with a mark where each round begins."""
    if history.empty:
        return []
    losses = [
        name
        for name in history.columns
        if name not in NOT_LOSSES
        and pd.api.types.is_numeric_dtype(history[name])
        and history[name].notna().any()
    ]
    x = np.arange(1, len(history) + 1)
    starts = np.flatnonzero(history["round"].diff().fillna(0).to_numpy() > 0) + 0.5
    marks, plots = tuple(starts.tolist()), []
    for name in losses:
        line = Line(f"{name}, epoch", "network", x, history[name].to_numpy(dtype=float), dots=False)
        svg = line_plot(f"{name} over the epochs of all rounds", "", [line], whole_x=False, marks=marks)
        plots.append({"title": name.replace("_", " "), "svg": svg})
    return plots
