"""Errors of single frames, with possible causes: the visible share of the body, and the distance."""

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.spatial import cKDTree

from sshmr.body.layout import JOINT_NAMES
from sshmr.body.template import Template
from sshmr.evaluation.frames import has_truth, pose_rows
from sshmr.evaluation.measures import joint_errors, visible_mpjpe
from sshmr.tables.schemas import valid_mask
from sshmr.viewing.frames import Run, Sequence

SEEN_DISTANCE = 0.05
"""Metres. A vertex of the true body counts as visible when a point of the cloud is within this distance."""

SEEN_SHARE = 0.25
"""A joint counts as visible when at least this share of the skin attached to it is. From one side, it is at
most half."""

GOOD = 0.1
"""Metres: confidence is the probability that a frame's MPJPE over the visible joints is below this."""


@dataclasses.dataclass(frozen=True)
class FrameErrors:
    """Every frame of some stages.

    Attributes:
        table: a row per frame and stage: round, stage, split, sequence, view, frame_id, row (of its
            sequence); error (MPJPE, metres, NaN without truth); visible_error (MPJPE over the joints that a
            fit marks as visible, NaN where none); residual (metres); confidence (0..1); n_points;
            distance (metres from the source's origin to the cloud); visible (0..1, share of the true body
            that is visible, NaN without truth).
        joints: (rows, 24) metres, each joint's error. seen: (rows, 24) bool, whether it was seen.
    """

    table: pd.DataFrame
    joints: np.ndarray
    seen: np.ndarray

    def of(self, **values: object) -> "FrameErrors":
        """The rows that have these values: ``of(round=1, stage="fit")``."""
        kept = np.logical_and.reduce([self.table[name] == value for name, value in values.items()])
        return FrameErrors(self.table[kept], self.joints[kept], self.seen[kept])


def frame_errors(run: Run, stages: list[tuple[int, str]]) -> FrameErrors:
    """Measure every frame of the run's sequences for the given (round, stage) pairs."""
    template = Template.load(run.folder.template, run.bodies.neutral).vertex_ids
    tables, joints, seen = [], [], []
    for sequence in run.sequences:
        points = run.points(sequence)
        true, visible, seen_joints = _truth(run, points, template)
        for round_, stage in stages:
            if not run.has(sequence, round_, stage):
                continue
            params = run.params(sequence, round_, stage)
            found = pose_rows(run.bodies.neutral.subset([0]), params, np.arange(sequence.frames))
            errors = joint_errors(found.joints.numpy(), true)
            about = _about(sequence, points)
            tables.append(
                about.assign(
                    round=round_,
                    stage=stage,
                    error=errors.mean(axis=1),
                    visible_error=visible_mpjpe(errors, params["visible"]),
                    residual=params["residual"],
                    confidence=params["confidence"],
                    visible=visible,
                )
            )
            joints.append(errors)
            seen.append(seen_joints)
    return FrameErrors(pd.concat(tables, ignore_index=True), np.concatenate(joints), np.concatenate(seen))


def _about(sequence: Sequence, points: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "split": sequence.split,
            "sequence": sequence.source_name,
            "view": sequence.view,
            "frame_id": points["frame_id"],
            "row": np.arange(sequence.frames),
            "n_points": points["n_points"],
            "distance": np.linalg.norm(points["offset"], axis=1),
        }
    )


def _truth(
    run: Run, points: dict[str, Any], template: torch.Tensor
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True joints (F, 24, 3), NaN without truth; share of the body seen (F,); joints seen (F, 24)."""
    known = np.flatnonzero(has_truth(points))
    joints = np.array(points["joints"])
    count = len(joints)
    joints[~np.isin(np.arange(count), known)] = np.nan
    visible, seen = np.full(count, np.nan), np.zeros((count, len(JOINT_NAMES)), bool)
    mask = valid_mask(points)
    genders = np.array([points["gender"][row] or "neutral" for row in known], dtype=object)
    for gender in np.unique(genders) if len(known) else ():
        body, rows = run.bodies.of(str(gender)), known[genders == gender]
        part = body.weights[template].argmax(dim=1).numpy()
        posed = pose_rows(body.subset(template), points, rows)
        joints[rows] = np.where(np.isnan(joints[rows]), posed.joints.numpy(), joints[rows])
        for row, skin in zip(rows, posed.vertices.numpy(), strict=True):
            cloud = points["points"][row][mask[row]]
            near = cKDTree(cloud).query(skin)[0] < SEEN_DISTANCE if len(cloud) else np.zeros(len(skin), bool)
            visible[row] = near.mean()
            skins = np.bincount(part, minlength=len(JOINT_NAMES))
            seen[row] = np.bincount(part, near, len(JOINT_NAMES)) >= SEEN_SHARE * np.maximum(skins, 1)
    return joints, visible, seen


def calibration(confidence: np.ndarray, error: np.ndarray, bins: int = 10) -> tuple[pd.DataFrame, float]:
    """The share of good fits in bins of confidence, and the expected calibration error.

    Args:
        confidence: (F,) 0..1. error: (F,) metres, over the visible joints. Frames where either is NaN do
            not count.

    Returns:
        A row per bin with frames: confidence (mean), good (share with an error below ``GOOD``),
        frames; and Σ frames/F · |good − confidence|, NaN without frames.

    Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, eq. 3.
    """
    usable = np.isfinite(confidence) & np.isfinite(error)
    confidence, good = confidence[usable], error[usable] < GOOD
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    frame = pd.DataFrame({"place": place, "confidence": confidence, "good": good})
    table = frame.groupby("place").agg(
        confidence=("confidence", "mean"), good=("good", "mean"), frames=("good", "size")
    )
    if table.empty:
        return table, float("nan")
    gap = (table["good"] - table["confidence"]).abs()
    return table, float((gap * table["frames"]).sum() / table["frames"].sum())


def binned(x: np.ndarray, y: np.ndarray, bins: int = 6) -> pd.DataFrame:
    """Median, tenth and ninetieth percentile of y in bins of x with equally many values. NaN is ignored.

    Returns:
        Columns x (the bin's median), median, low, high, frames; from the smallest x on.
    """
    usable = np.isfinite(x) & np.isfinite(y)
    order = np.argsort(x[usable], kind="stable")
    x, y = x[usable][order], y[usable][order]
    parts = np.array_split(np.arange(len(x)), min(bins, max(len(x) // 5, 1))) if len(x) else []
    rows = [(np.median(x[p]), *np.percentile(y[p], [50, 10, 90]), len(p)) for p in parts]
    return pd.DataFrame(rows, columns=["x", "median", "low", "high", "frames"])
