"""The report: everything about a run on one page that opens without a network."""

from importlib import resources
from pathlib import Path

import jinja2
import numpy as np

import sshmr
from sshmr.config.report import ReportConfig
from sshmr.files import atomic_path
from sshmr.report import page_plots, page_tables, run_summary
from sshmr.report.frame_errors import GOOD, SEEN_DISTANCE, SEEN_SHARE, frame_errors
from sshmr.report.pictures import base64_of, choose, shown_rounds, strip
from sshmr.viewing.film import Panel, pictures, write_picture
from sshmr.viewing.frames import Run
from sshmr.viewing.payload import pack
from sshmr.viewing.render import FAR_DISTANCE

RANKED_BY = {"mpjpe": "the MPJPE", "residual": "the residual (median distance of points to mesh)"}


def write_report(
    results: Path,
    points: list[Path] | None,
    rounds: int | None,
    config: dict,
    settings: ReportConfig,
    output: Path,
) -> None:
    """Gather what a run left under ``results`` and write the page.

    Args:
        results: the run's folder.
        points: its points tables; those that lie there if None.
        rounds: the last round; the last one measured if None.
        config: the run's whole configuration, shown on the page; if empty, what its tables say of it.
        settings: see ``ReportConfig``.
        output: the page.
    """
    rounds = run_summary.last_round(results) if rounds is None else rounds
    write_page("report.html.j2", context(Run(results, points), rounds, config, settings), output)


def write_strip(results: Path, points: list[Path] | None, rounds: int, split: str, output: Path) -> None:
    """Write the picture of a typical frame: its cloud, the bootstrap and the last round's fit.

    Args:
        results, points, rounds: as for ``write_report``. split: whose frames. output: a .png.
    """
    run = Run(results, points)
    panels = [Panel("cloud"), *(Panel("fit", round_) for round_ in dict.fromkeys((0, rounds)))]
    chosen, _ = choose(run, frame_errors(run, [(rounds, "fit")]), split, rounds, 3)
    typical = chosen[len(chosen) // 2]
    write_picture(output, next(pictures(run, typical.sequence, [typical.row], panels)))


def write_page(template: str, values: dict, output: Path) -> None:
    """Fill one of the templates, whole or not at all."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("sshmr.report", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    page = environment.get_template(template).render(version=sshmr.__version__, **values)
    with atomic_path(output) as temporary:
        temporary.write_text(page, encoding="utf-8")


def context(run: Run, rounds: int, config: dict, settings: ReportConfig) -> dict:
    """What the template shows."""
    rows = run_summary.read_rounds(run.results, rounds)
    spread = page_tables.with_spread(rows)
    split = settings.split if (spread["split"] == settings.split).any() else str(spread["split"].iloc[0])
    stages = [(round_, "fit") for round_ in shown_rounds(rounds, settings.rounds)]
    errors = frame_errors(run, [*stages, (rounds, "network")])
    last = errors.of(round=rounds)
    of_split = last.of(split=split)
    chosen, ranked_by = choose(run, errors, settings.split, rounds, settings.frames)
    strips = [strip(run, frame, rounds, settings) for frame in chosen]
    kind = config.get("source", {}).get("kind", "")
    return {
        "dataset": config.get("dataset", run.results.resolve().name),
        "simulated": kind == "simulated" or run.simulated,
        "labelled": bool((spread["measure"] == "mpjpe").any()),
        "rounds": rounds,
        "split": split,
        "figures": page_tables.key_figures(spread[spread["split"] == split], rounds),
        "plots": page_plots.measure_plots(spread),
        "splits": [name for name in ("train", "test") if (spread["split"] == name).any()],
        "measures": page_tables.measures_tables(spread),
        "strips": strips,
        "faces": _faces(run) if strips else "",
        "script": _asset("figure.js"),
        "ranked_by": RANKED_BY[ranked_by],
        "far_mm": round(1000 * FAR_DISTANCE),
        "causes": page_plots.cause_plots(of_split),
        "seen": {"mm": round(1000 * SEEN_DISTANCE), "share": round(100 * SEEN_SHARE)},
        "joints": page_tables.joints_table(rows[rows["split"] == split], rounds, of_split.of(stage="fit")),
        "reliability": page_plots.reliability_plot(last.of(stage="fit")),
        "confidence": page_tables.confidence_table(errors.of(stage="fit")),
        "good_mm": round(1000 * GOOD),
        "sequences": page_tables.sequences_table(rows, rounds, last.of(stage="fit")),
        "training": page_plots.training_plots(run_summary.read_history(run.results, rounds)),
        "data": page_tables.data_table(errors),
        "skipped": page_tables.skipped_table(run_summary.read_skipped(run.tables)),
        "timings": page_tables.timings_table(run_summary.read_timings(run.results, rounds)),
        "config": page_tables.config_sections(config or run_summary.read_settings(run, rounds)),
        "versions": run_summary.versions(),
    }


def _faces(run):
    kind = np.uint16 if run.faces.max() < 2**16 else np.uint32
    return base64_of(pack({}, {"faces": run.faces.astype(kind)}))


def _asset(name):
    return (resources.files("sshmr.viewing") / "assets" / name).read_text(encoding="utf-8")
