"""What ``fit`` and ``predict`` have in common: from clouds to a run's folder."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sshmr.cli.options import Format, cores
from sshmr.cli.remarks import remarks
from sshmr.cli.result import FINE, INCOMPLETE, Result, as_options
from sshmr.cli.verdicts import Verdicts
from sshmr.progress import Progress

if TYPE_CHECKING:
    from sshmr.export.axes import Axes
    from sshmr.local.runner import Outcome
    from sshmr.local.workers import Plan
    from sshmr.tables.run_folder import RunFolder

SHOWN = 5


def work(
    arguments: list[str],
    out: Path,
    plan: "Plan",
    jobs: int | None,
    formats: Sequence[Format] | None,
    frames_per_second: float | None,
    notes: Sequence[str] = (),
    strict: bool = False,
) -> Result:
    """Compute the bodies of clouds and write the requested files; returns the ``Result``.

    Args:
        arguments: of the command: files, folders, patterns, ``-``. notes: what else the user should know.
        strict: end with exit code 3 unless every body is sure.
    """
    from sshmr.local.inputs import find_inputs
    from sshmr.local.runner import prepare, process
    from sshmr.local.tracks import process_tracks
    from sshmr.locks import alone_in

    lines = sys.stdin.read().splitlines() if "-" in arguments else []
    clouds = find_inputs(arguments, lines, plan.config.extract.clouds, without=out)
    jobs = jobs or (cores() if plan.device == "cpu" else 1)
    with alone_in(out):
        run = prepare(out, plan)
        verb = "Track" if plan.follow else "Fit" if plan.fit else "Predict"
        with Progress(verb, "frames", rate=plan.follow) as progress:
            if plan.follow:
                assert frames_per_second is not None
                outcome = process_tracks(run, clouds, plan, jobs, progress, frames_per_second)
            else:
                outcome = process(run, clouds, plan, jobs, progress)
        tables = [(points, run.params(points, *outcome.stage)) for points in run.points()]
        written, more = write(run, tables, run.root / "meshes", formats, None, frames_per_second)
    notes = [*remarks(run, tables, outcome.notes), *notes, *more]
    return _result(outcome, tables, written, notes, strict)


def write(
    run: "RunFolder",
    tables: list[tuple[Path, Path]],
    folder: Path,
    formats: Sequence[Format] | None,
    axes: "Axes | None",
    frames_per_second: float | None,
) -> tuple[list[Path], list[str]]:
    """Export tables of a run; returns the paths and notes of ``export``."""
    from sshmr.body.model import BodyModel
    from sshmr.export.write import ExportConfig, export
    from sshmr.tables.schemas import row_count

    config = ExportConfig(tuple(dict.fromkeys(str(name) for name in formats or ())), axes, frames_per_second)
    with Progress("Export", "frames") as progress:
        progress.total(sum(row_count(points) for points, _ in tables))
        return export(tables, BodyModel.load(run.neutral), folder, config, progress.advance)


def _result(
    outcome: "Outcome", tables: list[tuple[Path, Path]], written: list[Path], notes: list[str], strict: bool
) -> Result:
    found = Verdicts.of(tables)
    residual, confidence = found.residual_mm, found.confidence
    done = outcome.given - len(outcome.skipped)
    data = {
        "clouds": outcome.given,
        "done": done,
        "done_before": outcome.before,
        "skipped": [{"source": source, "reason": reason} for _, source, reason in outcome.skipped],
        "frames_in_folder": len(residual),
        "confidence_median": _median(confidence),
        "residual_mm_median": _median(residual),
        "far_share_median": _median(found.far_share),
        **found.counts,
        "worst": found.worst,
        "stage": list(outcome.stage),
        "tables": [str(params) for _, params in tables],
        "written": [str(path) for path in written],
        "notes": notes,
    }
    before = f" ({outcome.before} before)" if outcome.before else ""
    lines = [f"{done} of {outcome.given} clouds done{before}: {found.in_words}; median"]
    if data["residual_mm_median"] is not None:
        lines[0] += f" distance to the mesh {data['residual_mm_median']:.1f} mm,"
    lines[0] += f" confidence {data['confidence_median']:.2f}"
    lines += found.lines
    lines += [f"skipped: {_named(source, reason)}" for _, source, reason in outcome.skipped[:SHOWN]]
    if len(outcome.skipped) > SHOWN:
        lines.append(f"… and {len(outcome.skipped) - SHOWN} more; --json lists all")
    lines += map(as_options, notes[:SHOWN])
    films = [path for path in written if path.suffix == ".glb"]
    folders = dict.fromkeys([tables[0][1].parent, *(path.parent for path in written)])
    lines += [f"→ {path}" for path in [*films[:SHOWN], *list(folders)[:SHOWN]]]
    incomplete = outcome.skipped or (strict and not found.all_sure)
    return Result(data, lines, INCOMPLETE if incomplete else FINE)


def _median(values: np.ndarray) -> float | None:
    known = values[np.isfinite(values)]
    return round(float(np.median(known)), 3) if len(known) else None


def _named(source: object, reason: str) -> str:
    """A reason, with the file that most of them name already."""
    return reason if reason.startswith(str(source)) else f"{source}: {reason}"
