"""Measure a whole round, shard by shard."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd

from sshmr.config.evaluate import EvaluateConfig
from sshmr.errors import InputError
from sshmr.evaluation.frames import Bodies, evaluate_shard, has_labels
from sshmr.evaluation.tables import LABEL_FREE, in_order, tidy
from sshmr.progress import track
from sshmr.tables.run_folder import SKIPPED
from sshmr.tables.schemas import read_labels, read_params, read_points


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Tidy rows of one round, and what a reader of them has to know."""

    rows: pd.DataFrame
    notes: list[str]


def evaluate_round(
    points: list[Path],
    fits: list[Path],
    predictions: list[Path],
    labels: list[Path],
    bodies: Path,
    template_ids: np.ndarray,
    round_: int,
    settings: EvaluateConfig,
) -> Evaluation:
    """Measure the fits and the predictions of one round, whichever there are.

    Args:
        points, fits, predictions, labels: table paths; those of one shard share split folder and file name.
            ``predictions`` may be empty (round 0), and so may ``fits``; ``labels`` may lack shards (only
            training shards have them).
        bodies: folder with ``{gender}.npz``.
        template_ids: (M,) int64, the template's vertices.
        round_: 0 is the bootstrap.
    """
    fit_of, network_of, labels_of = _by_shard(fits), _by_shard(predictions), _by_shard(labels)
    models, notes = Bodies(bodies), _Notes()
    tables_of = {"fit": fit_of, "network": network_of}
    parts: dict[str, list] = {stage: [] for stage, tables in tables_of.items() if tables}
    for path in track(points_tables(points), f"Evaluate round {round_}"):
        table = read_points(path, labels=True)
        notes.labels(table)
        stages = {stage: read_params(_partner(path, tables_of[stage], stage)) for stage in parts}
        notes.unusable(stages)
        pseudo = labels_of.get(_shard(path))
        measured = evaluate_shard(
            table, stages, read_labels(pseudo) if pseudo else None, models, template_ids, settings
        )
        for stage, frames in measured.items():
            parts[stage].append(frames)
    rows = tidy({stage: pd.concat(frames) for stage, frames in parts.items()}, round_)
    return Evaluation(rows, notes.lines(models))


def evaluate_rounds(run, template_ids, settings):
    """Measure all rounds of a run.

    Args:
        run: a ``RunFolder``. The others as for ``evaluate_round``.

    Raises:
        InputError: when no stage has results for every points table.
    """
    rows, notes, points = [], [], run.points()
    for round_ in run.rounds():
        stages = [stage for number, stage in run.stages() if number == round_]
        whole = [stage for stage in stages if run.complete(round_, stage)]
        notes += [
            f"Round {round_}, {stage}: left out, as some sequences lack it."
            for stage in stages
            if stage not in whole
        ]
        if not whole:
            continue
        fits, predictions = (
            [run.params(path, round_, stage) for path in points] if stage in whole else []
            for stage in ("fit", "network")
        )
        labels = sorted(run.root.glob(f"round_{round_}/labels/*/[!.]*.parquet"))
        evaluation = evaluate_round(
            points, fits, predictions, labels, run.bodies, template_ids, round_, settings
        )
        rows.append(evaluation.rows)
        notes += [note for note in evaluation.notes if note not in notes]
    if not rows:
        raise InputError(
            run.root, found="no stage has results for every sequence", fix="Let the run come to an end"
        )
    return Evaluation(in_order(pd.concat(rows, ignore_index=True)), notes)


class _Notes:
    """Counts what the measures could not cover."""

    def __init__(self):
        self._frames, self._unlabelled, self._sequences, self._broken = 0, 0, set(), {}

    def labels(self, points: dict):
        without = np.flatnonzero(~has_labels(points))
        self._frames += len(points["frame_id"])
        self._unlabelled += len(without)
        self._sequences |= {points["sequence"][row] for row in without}

    def unusable(self, stages: dict[str, dict]):
        for stage, table in stages.items():
            finite = [np.isfinite(table[name]).all(axis=1) for name in ("pose", "betas", "transl")]
            self._broken[stage] = self._broken.get(stage, 0) + int((~np.logical_and.reduce(finite)).sum())

    def lines(self, bodies: Bodies) -> list[str]:
        lines = []
        if self._unlabelled:
            sequences = ", ".join(sorted(self._sequences)[:5]) + (" …" if len(self._sequences) > 5 else "")
            lines.append(
                f"{self._unlabelled} of {self._frames} frames have no ground truth (sequences {sequences}): "
                f"for them only {', '.join(LABEL_FREE)} are measured."
            )
        for gender in sorted(bodies.missing):
            lines.append(
                f"{bodies.folder / gender}.npz is missing: the neutral body stands in for the {gender} one, "
                "so mpvpe and correspondence_error are not those of the true shape."
            )
        for stage, count in self._broken.items():
            if count:
                lines.append(f"{count} frames of stage {stage} have no finite parameters and are left out.")
        return lines


def points_tables(points: list[Path]) -> list[Path]:
    """The points tables among paths that a shell pattern found: lists of skipped frames lie beside them."""
    return sorted(Path(path) for path in points if not str(path).endswith(SKIPPED))


def _shard(path: Path) -> tuple[str, str]:
    return path.parent.name, path.name


def _by_shard(paths: list[Path]) -> dict[tuple[str, str], Path]:
    return {_shard(Path(path)): Path(path) for path in paths}


def _partner(points: Path, tables: dict, what: str) -> Path:
    """The table of the same shard: same split folder, same file name."""
    if _shard(points) not in tables:
        raise InputError(
            points,
            f"its {what} table",
            "missing",
            f"a {what} table {'/'.join(_shard(points))}",
            f"Name the {what} table of every points table.",
        )
    return tables[_shard(points)]
