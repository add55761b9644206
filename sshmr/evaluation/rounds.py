"""Measure a round: every frame of some shards, and the means over all of them."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sshmr.body.template import Template
from sshmr.config.evaluate import EvaluateConfig
from sshmr.errors import InputError
from sshmr.evaluation.frames import Bodies, evaluate_shard, has_truth
from sshmr.evaluation.parts import Evaluation, FrameMeasures, Gaps
from sshmr.evaluation.tables import STAGES, in_order, tidy
from sshmr.progress import track
from sshmr.tables.run_folder import RunFolder, Shard
from sshmr.tables.schemas import read_params, read_points, read_pseudo_labels


def measure_frames(
    run: RunFolder, round_: int, stages: Sequence[str], shards: Iterable[Shard], settings: EvaluateConfig
) -> FrameMeasures:
    """Measure every frame of some shards.

    Args:
        run: the run's folder. round_: 0 is the bootstrap.
        stages: which of the round's stages: ``fit``, ``network``.
        settings: see ``EvaluateConfig``.

    Raises:
        InputError: when a shard lacks a table of one of the stages, or a table lacks frames.
    """
    bodies, gaps = Bodies(run.bodies), Gaps()
    template_ids = Template.load(run.template).vertex_ids.numpy()
    parts: dict[str, list[pd.DataFrame]] = {stage: [] for stage in stages}
    for shard in track(shards, f"Evaluate round {round_}"):
        points = read_points(run.points_of(*shard), truth=True)
        params = {stage: read_params(run.params_of(round_, stage, *shard)) for stage in stages}
        pseudo_labels = run.pseudo_labels_of(round_, *shard)
        measured = evaluate_shard(
            points,
            params,
            read_pseudo_labels(pseudo_labels) if pseudo_labels.exists() else None,
            bodies,
            template_ids,
            settings,
        )
        gaps.add(_gaps(points, params))
        for stage, frames in measured.items():
            parts[stage].append(frames)
    gaps.missing_bodies = sorted(bodies.missing)
    return FrameMeasures({stage: pd.concat(frames) for stage, frames in parts.items()}, gaps)


def evaluate_rounds(run: RunFolder, settings: EvaluateConfig) -> Evaluation:
    """Measure all rounds of a run, as far as they have results for every points table.

    Raises:
        InputError: when no stage has results for every points table.
    """
    rows, notes = [], []
    shards = [shard for shard in run.shards() if run.points_of(*shard).is_file()]
    for round_ in run.rounds():
        stages = [stage for number, stage in run.stages() if number == round_]
        whole = [stage for stage in STAGES if stage in stages and run.complete(round_, stage)]
        notes += [
            f"Round {round_}, {stage}: left out, because some sequences lack it."
            for stage in stages
            if stage not in whole
        ]
        if whole:
            measured = measure_frames(run, round_, whole, shards, settings)
            rows.append(tidy(measured.frames, round_))
            notes += [note for note in measured.gaps.notes(run.bodies) if note not in notes]
    if not rows:
        raise InputError(
            run.root, found="no stage has results for every sequence", fix="Wait until the run has finished"
        )
    return Evaluation(in_order(pd.concat(rows, ignore_index=True)), notes)


def _gaps(points: dict[str, Any], params: dict[str, dict[str, Any]]) -> Gaps:
    without = np.flatnonzero(~has_truth(points))
    unusable = {}
    for stage, table in params.items():
        finite = [np.isfinite(table[name]).all(axis=1) for name in ("pose", "betas", "transl")]
        unusable[stage] = int((~np.logical_and.reduce(finite)).sum())
    sequences = sorted({points["sequence"][row] for row in without})
    return Gaps(len(points["frame_id"]), len(without), sequences[:6], [], unusable)
