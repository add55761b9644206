"""The report: everything about a run on one page that opens without a network."""

import time
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

import sshmr
from sshmr.config.report import ReportConfig
from sshmr.files import atomic_path
from sshmr.report import page_plots, page_tables, run_summary
from sshmr.report.frame_errors import GOOD, SEEN_DISTANCE, SEEN_SHARE, FrameErrors, frame_errors
from sshmr.report.pictures import base64_of, choose, shown_rounds, strip
from sshmr.tables.run_folder import RunFolder
from sshmr.viewing.film import Panel, pictures, write_picture
from sshmr.viewing.frames import Run
from sshmr.viewing.payload import pack
from sshmr.viewing.render import FAR_DISTANCE

RANKED_BY = {"mpjpe": "the MPJPE", "residual": "the residual (median distance of points to mesh)"}


def write_report(
    folder: RunFolder, settings: ReportConfig, output: Path, picture: Path | None = None
) -> None:
    """Read a run's folder and write the page.

    Args:
        folder: the run's folder. settings: see ``ReportConfig``. output: the page.
        picture: a .png of a typical frame: its cloud, the bootstrap and the last round's fit.
    """
    start = time.process_time()
    run, rounds = Run(folder), run_summary.last_round(folder)
    stages = [(round_, "fit") for round_ in shown_rounds(rounds, settings.rounds)]
    errors = frame_errors(run, [*stages, (rounds, "network")])
    if picture is not None:
        panels = [Panel("cloud"), *(Panel("fit", round_) for round_ in dict.fromkeys((0, rounds)))]
        chosen, _ = choose(run, errors, settings.split, rounds, 3)
        typical = chosen[len(chosen) // 2]
        write_picture(picture, next(pictures(run, typical.sequence, [typical.row], panels)))
    write_page("report.html.j2", context(run, rounds, settings, errors, start), output)


def write_page(template: str, values: dict[str, Any], output: Path) -> None:
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


def context(
    run: Run, rounds: int, settings: ReportConfig, errors: FrameErrors, start: float
) -> dict[str, Any]:
    """The variables of the template. ``start``: seconds that this process took to load its packages."""
    rows = run_summary.read_rounds(run.folder, rounds)
    config = run.folder.manifest.get("settings", {})
    spread = page_tables.with_spread(rows)
    split = settings.split if (spread["split"] == settings.split).any() else str(spread["split"].iloc[0])
    last = errors.of(round=rounds)
    of_split = last.of(split=split)
    chosen, ranked_by = choose(run, errors, settings.split, rounds, settings.frames)
    strips = [strip(run, frame, rounds, settings) for frame in chosen]
    kind = config.get("source", {}).get("kind", "")
    return {
        "dataset": config.get("dataset", run.results.resolve().name),
        "simulated": kind == "simulated" or run.simulated,
        "has_truth": bool((spread["measure"] == "mpjpe").any()),
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
        "training": page_plots.training_plots(run_summary.read_history(run.folder, rounds)),
        "data": page_tables.data_table(errors),
        "skipped": page_tables.skipped_table(run_summary.read_skipped(run.folder)),
        "timings": page_tables.timings_table(
            run_summary.read_timings(run.folder, rounds), run_summary.read_overhead(run.folder, start)
        ),
        "config": page_tables.config_sections(config or run_summary.read_settings(run, rounds)),
        "versions": run_summary.versions(),
    }


def _faces(run: Run) -> str:
    kind = np.uint16 if run.faces.max() < 2**16 else np.uint32
    return base64_of(pack({}, {"faces": run.faces.astype(kind)}))


def _asset(name: str) -> str:
    return (resources.files("sshmr.viewing") / "assets" / name).read_text(encoding="utf-8")
