"""The report: everything about a run on one page that opens without a network."""

import json
from pathlib import Path

import jinja2
import numpy as np
import pandas as pd

import sshmr
from sshmr.body.model import JOINT_NAMES
from sshmr.evaluation.frames import ALL_JOINTS, Bodies
from sshmr.evaluation.tables import ALL_SEQUENCES, LABEL_FREE, UNITS
from sshmr.files import atomic_path
from sshmr.viewing import facts
from sshmr.viewing.config import ReportConfig
from sshmr.viewing.pictures import strips
from sshmr.viewing.plots import Line, line_plot, shown
from sshmr.viewing.render import FAR_DISTANCE

TITLES = {
    "mpjpe": "MPJPE",
    "flip_tolerant_mpjpe": "Flip-tolerant MPJPE",
    "pa_mpjpe": "PA-MPJPE",
    "mpvpe": "MPVPE",
    "correspondence_error": "Correspondence error",
    "flipped": "Flipped by 180°",
    "chamfer": "Cloud to mesh",
    "residual": "Residual (median)",
    "penetration": "Self-penetration",
    "label_error": "Pseudo label error",
    "label_agreement": "Pseudo label agreement",
    "label_coverage": "Pseudo label coverage",
}

MEANINGS = {
    "mpjpe": "mean distance of the 24 joints to the truth",
    "flip_tolerant_mpjpe": "the better of left and right swapped",
    "pa_mpjpe": "after the best similarity alignment",
    "mpvpe": "mean distance of all vertices to the truth",
    "correspondence_error": "on the true mesh, predicted to true vertex of each point",
    "flipped": "share of bodies that face the wrong way",
    "chamfer": "mean distance of the points to the mesh",
    "residual": "median distance of the points to the mesh",
    "penetration": "share of the skin inside another part of the body",
    "label_error": "on the true mesh, pseudo label to true vertex",
    "label_agreement": "share of labels that name the true nearest vertex",
    "label_coverage": "share of points that carry a label",
}

NOT_LOSSES = ("epoch", "round", "seconds", "learning_rate", "step")


def write_report(
    results: Path, points: list[Path], rounds: int, config: dict, settings: ReportConfig, output: Path
) -> None:
    """Gather what a run left under ``results`` and write the page.

    Args:
        results: the run's folder.
        points: its points tables.
        rounds: the last round.
        config: the run's whole configuration, shown on the page; may be empty.
        settings: see ``ReportConfig``.
        output: the page.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("sshmr.viewing", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    page = environment.get_template("report.html.j2").render(
        context(results, points, rounds, config, settings)
    )
    with atomic_path(output) as temporary:
        temporary.write_text(page, encoding="utf-8")


def context(results: Path, points: list[Path], rounds: int, config: dict, settings: ReportConfig) -> dict:
    """What the template shows."""
    shards = facts.read_shards(points)
    rows = facts.read_rounds(results, rounds)
    whole = rows[(rows["sequence"] == ALL_SEQUENCES) & (rows["joint"] == ALL_JOINTS)]
    split = settings.split if (whole["split"] == settings.split).any() else str(whole["split"].iloc[0])
    pictures, ranked_by = (
        strips(results, shards, rounds, Bodies(results / "body"), settings)
        if settings.frames
        else ([], "mpjpe")
    )
    kind = config.get("source", {}).get("kind", "")
    return {
        "dataset": config.get("dataset", results.name),
        "version": sshmr.__version__,
        "simulated": kind == "simulated" or any(shard.simulated for shard in shards),
        "labelled": bool((whole["measure"] == "mpjpe").any()),
        "rounds": rounds,
        "split": split,
        "figures": _figures(whole[whole["split"] == split], rounds),
        "plots": _plots(whole),
        "splits": [name for name in ("train", "test") if (whole["split"] == name).any()],
        "measures": _measures_table(whole),
        "strips": pictures,
        "ranked_by": TITLES[ranked_by],
        "far_mm": round(1000 * FAR_DISTANCE),
        "joints": _joints_table(rows[rows["split"] == split], rounds),
        "sequences": _sequences_table(rows, rounds),
        "training": _training_plots(facts.read_history(results, rounds)),
        "data": _data_table(shards),
        "skipped": _skipped_table(facts.read_skipped(shards)),
        "timings": _timings(facts.read_timings(results, rounds)),
        "config": _config_sections(config),
    }


def _figures(whole, rounds):
    """The few numbers at the top: the last round's, and what they were after the bootstrap."""
    measures = [
        name for name in ("mpjpe", "pa_mpjpe", "mpvpe", "flipped") if (whole["measure"] == name).any()
    ]
    figures = []
    for measure in measures or LABEL_FREE:
        value, before = _value(whole, rounds, "fit", measure), _value(whole, 0, "fit", measure)
        network = _value(whole, rounds, "network", measure)
        figures.append(
            {
                "title": TITLES[measure],
                "meaning": MEANINGS[measure],
                "unit": UNITS[measure],
                "value": shown(value),
                "before": shown(before) if rounds else None,
                "network": shown(network) if np.isfinite(network) else None,
            }
        )
    return figures


def _cell(value):
    """One decimal, so that the numbers of a column compare at a glance."""
    return f"{value:.1f}" if np.isfinite(value) else "–"


def _value(rows, round_, stage, measure):
    found = rows[(rows["round"] == round_) & (rows["stage"] == stage) & (rows["measure"] == measure)]["value"]
    return float(found.iloc[0]) if len(found) else float("nan")


def _plots(whole):
    """A plot per measure: a line per stage and split over the rounds; only the test lines carry numbers."""
    plots = []
    main = "test" if (whole["split"] == "test").any() else "train"
    for measure in UNITS:
        of_measure = whole[whole["measure"] == measure]
        lines = []
        for (split, stage), group in of_measure.groupby(["split", "stage"]):
            group = group.sort_values("round")
            prominent = split == main or not (of_measure["split"] == main).any()
            lines.append(
                Line(
                    f"{stage}, {split}, round",
                    stage if prominent else f"{stage} faint",
                    group["round"].to_numpy(),
                    group["value"].to_numpy(),
                    labelled=prominent,
                )
            )
        if lines:
            lines.sort(key=lambda line: line.labelled)
            title = f"{TITLES[measure]} over the rounds, {UNITS[measure]}"
            plots.append(
                {
                    "title": TITLES[measure],
                    "unit": UNITS[measure],
                    "meaning": MEANINGS[measure],
                    "svg": line_plot(title, UNITS[measure], lines),
                }
            )
    return plots


def _measures_table(whole):
    measures = [measure for measure in UNITS if (whole["measure"] == measure).any()]
    lines = []
    for split in ("test", "train"):
        of_split = whole[whole["split"] == split]
        for (round_, stage), group in of_split.groupby(["round", "stage"]):
            values = group.set_index("measure")["value"]
            lines.append(
                {
                    "split": split,
                    "round": round_,
                    "stage": stage,
                    "frames": int(group["frames"].max()),
                    "values": [_cell(values.get(measure, float("nan"))) for measure in measures],
                }
            )
    heads = [{"title": TITLES[measure], "unit": UNITS[measure]} for measure in measures]
    return {"heads": heads, "lines": lines}


def _joints_table(rows, rounds):
    """MPJPE of each joint: bootstrap, last network, last fit; None without labels."""
    rows = rows[
        (rows["sequence"] == ALL_SEQUENCES) & (rows["measure"] == "mpjpe") & (rows["joint"] != ALL_JOINTS)
    ]
    if rows.empty:
        return None
    columns = [(0, "fit")] + ([(rounds, "network"), (rounds, "fit")] if rounds else [])
    table = rows.pivot_table(index="joint", columns=["round", "stage"], values="value")
    columns = [column for column in columns if column in table.columns]
    most = float(table[columns].max().max())
    return {
        "heads": [{"round": round_, "stage": stage} for round_, stage in columns],
        "lines": [
            {
                "joint": joint.replace("_", " "),
                "values": [_cell(table.loc[joint, column]) for column in columns],
                "share": 100 * float(table.loc[joint, columns[-1]]) / most,
                "before": 100 * float(table.loc[joint, columns[0]]) / most,
            }
            for joint in JOINT_NAMES
            if joint in table.index
        ],
    }


def _sequences_table(rows, rounds):
    """The last round's fit, sequence by sequence."""
    rows = rows[(rows["round"] == rounds) & (rows["stage"] == "fit") & (rows["joint"] == ALL_JOINTS)]
    rows = rows[rows["sequence"] != ALL_SEQUENCES]
    preferred = ("mpjpe", "pa_mpjpe", "mpvpe", "correspondence_error", "flipped", "chamfer", "penetration")
    measures = [measure for measure in preferred if (rows["measure"] == measure).any()]
    lines = []
    for (split, sequence), group in rows.groupby(["split", "sequence"]):
        values = group.set_index("measure")["value"]
        lines.append(
            {
                "split": split,
                "sequence": sequence,
                "frames": int(group["frames"].max()),
                "values": [_cell(values.get(measure, float("nan"))) for measure in measures],
            }
        )
    return {"heads": [{"title": TITLES[m], "unit": UNITS[m]} for m in measures], "lines": lines}


def _training_plots(history):
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


def _data_table(shards):
    return [
        {
            "split": shard.split,
            "shard": shard.name,
            "frames": shard.frames,
            "labelled": shard.labelled,
            "points": shown(shard.median_points) if np.isfinite(shard.median_points) else "–",
        }
        for shard in shards
    ]


def _skipped_table(skipped):
    counts = skipped.groupby(["reason", "split"]).size().reset_index(name="frames")
    return counts.sort_values("frames", ascending=False).to_dict("records")


def _timings(timings):
    longest = max(float(timings["seconds"].max()), 1e-9) if len(timings) else 1.0
    lines = [
        {
            "round": None if line.round == facts.NO_ROUND else line.round,
            "stage": line.stage,
            "jobs": line.jobs,
            "seconds": _duration(line.seconds),
            "memory": "–" if not np.isfinite(line.memory) else f"{line.memory / 1024:.1f}",
            "share": 100 * line.seconds / longest,
        }
        for line in timings.itertuples()
    ]
    return {"lines": lines, "total": _duration(float(timings["seconds"].sum()))}


def _duration(seconds):
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def _config_sections(config):
    """[(section, [(key, value)])]: plain values first, under the section "run"."""
    plain = [(key, _as_text(value)) for key, value in config.items() if not isinstance(value, dict)]
    sections = [
        (name, [(key, _as_text(inner)) for key, inner in value.items()])
        for name, value in config.items()
        if isinstance(value, dict)
    ]
    return ([("run", plain)] if plain else []) + [section for section in sections if section[1]]


def _as_text(value):
    return value if isinstance(value, str) else json.dumps(value)
