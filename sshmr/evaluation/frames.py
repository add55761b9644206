"""Every measure of every frame of one shard."""

import dataclasses
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch

from sshmr.body.layout import JOINT_NAMES
from sshmr.body.model import BodyModel, Posed
from sshmr.config.evaluate import EvaluateConfig
from sshmr.errors import InputError
from sshmr.evaluation import measures
from sshmr.evaluation.motion import motion_measures
from sshmr.evaluation.tables import ALL_JOINTS
from sshmr.geometry.normals import vertex_normals
from sshmr.geometry.raycast import Surface


class Bodies:
    """The bodies of a folder, ``{gender}.npz``; the neutral one replaces a missing one."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.neutral = BodyModel.load(self.folder / "neutral.npz")
        self.missing: set[str] = set()
        self._loaded = {"neutral": self.neutral}

    def of(self, gender: str | None) -> BodyModel:
        """The body of that gender; every body of a folder has the neutral one's vertices and faces."""
        gender = gender or "neutral"
        if gender not in self._loaded:
            path = self.folder / f"{gender}.npz"
            if path.exists():
                self._loaded[gender] = self._checked(path)
            else:
                self.missing.add(gender)
                self._loaded[gender] = self.neutral
        return self._loaded[gender]

    def _checked(self, path: Path) -> BodyModel:
        body = BodyModel.load(path)
        if not torch.equal(body.faces, self.neutral.faces):
            raise InputError(
                path,
                "the mesh (faces)",
                f"not that of {self.folder / 'neutral.npz'}",
                "bodies of one family",
                "Take all genders from the same body model.",
            )
        return body


@dataclasses.dataclass(frozen=True)
class Truth:
    """The truth of some frames: joints (F, 24, 3), vertices (F, V, 3), metres; roots (F, 3, 3)."""

    joints: np.ndarray
    vertices: np.ndarray
    roots: np.ndarray


def has_truth(points: dict[str, Any]) -> np.ndarray:
    """The frames of a points table, read with the truth, that have a true body: (F,) bool."""
    return np.logical_and.reduce(
        [np.isfinite(points[name]).all(axis=1) for name in ("pose", "betas", "transl")]
    )


def true_bodies(points: dict[str, Any], rows: np.ndarray, bodies: Bodies) -> Truth:
    """Pose the true body of each row with truth. Each row uses the body of its gender.

    The joints are those of the source if the table has them, else those of the posed body.
    """
    vertices = np.zeros((len(rows), len(bodies.neutral.v_template), 3), dtype=np.float32)
    joints = np.array(points["joints"][rows])
    roots = np.zeros((len(rows), 3, 3), dtype=np.float32)
    genders = np.array([str(points["gender"][row] or "neutral") for row in rows])
    for gender in np.unique(genders):
        of_gender = np.flatnonzero(genders == gender)
        posed = pose_rows(bodies.of(str(gender)), points, rows[of_gender])
        vertices[of_gender] = posed.vertices.numpy()
        roots[of_gender] = posed.rotations[:, 0].numpy()
        joints[of_gender] = np.where(np.isnan(joints[of_gender]), posed.joints.numpy(), joints[of_gender])
    return Truth(joints, vertices, roots)


def evaluate_shard(
    points: dict[str, Any],
    stages: dict[str, dict[str, Any]],
    pseudo_labels: dict[str, Any] | None,
    bodies: Bodies,
    template_ids: np.ndarray,
    settings: EvaluateConfig,
) -> dict[str, pd.DataFrame]:
    """Measure every frame of one shard.

    Args:
        points: ``read_points(..., truth=True)``.
        stages: ``read_params`` of ``fit`` and, if there is one, ``network``.
        pseudo_labels: from ``read_pseudo_labels``, or None.
        bodies: true vertices come from the body of the row's gender, fitted ones from the neutral body.
        template_ids: (M,) int64, the template's vertices: what pseudo labels name, and the skin samples of
            the penetration test.
        settings: see ``EvaluateConfig``.

    Returns:
        A frame per row for each stage, indexed by (split, sequence, frame_id); a column per (measure,
        joint), metres and shares in 0..1, NaN if a frame lacks the data of the measure.
    """
    frame_ids = list(points["frame_id"])
    params = {stage: _in_order_of(table, frame_ids, stage) for stage, table in stages.items()}
    segments = None if pseudo_labels is None else _in_order_of(pseudo_labels, frame_ids, "pseudo labels")
    results: dict[str, list[dict[tuple[str, str], np.ndarray]]] = {stage: [] for stage in stages}
    unknown = np.full((len(frame_ids), len(JOINT_NAMES), 3), np.nan)
    joints = {stage: unknown.copy() for stage in ("truth", *stages)}
    for start in range(0, len(frame_ids), settings.batch):
        rows = np.arange(start, min(start + settings.batch, len(frame_ids)))
        batch = _read_batch(points, rows, bodies)
        if batch.truth is not None:
            joints["truth"][rows[batch.at]] = batch.truth.joints
        for stage, table in params.items():
            measured, joints[stage][rows] = _measure_batch(
                batch, table, bodies.neutral, template_ids, settings
            )
            results[stage].append(measured)
        if segments is not None and batch.truth is not None:
            results["fit"][-1] |= _measure_pseudo_labels(batch, batch.truth, segments, template_ids)
    index = pd.MultiIndex.from_arrays(
        [list(points["split"]), list(points["sequence"]), frame_ids], names=["split", "sequence", "frame_id"]
    )
    frames = {stage: _frame(batches, index) for stage, batches in results.items()}
    for stage, table in frames.items():
        for name, values in motion_measures(points, joints[stage], joints["truth"]).items():
            if np.isfinite(values).any():
                table[name, ALL_JOINTS] = values
    return frames


class _Batch(NamedTuple):
    """R frames of a points table.

    Attributes:
        rows: (R,) in the table. clouds: R clouds, the valid points alone.
        at: (T,) places in the batch of the frames with truth, which ``truth`` has; None if there are none.
        nearest: the true vertex nearest to each point, by place in the batch.
    """

    rows: np.ndarray
    clouds: list[np.ndarray]
    at: np.ndarray
    truth: Truth | None
    nearest: dict[int, np.ndarray]


def _read_batch(points: dict[str, Any], rows: np.ndarray, bodies: Bodies) -> _Batch:
    clouds = [points["points"][row][: points["n_points"][row]].astype(np.float32) for row in rows]
    at = np.flatnonzero(has_truth({name: points[name][rows] for name in ("pose", "betas", "transl")}))
    if not len(at):
        return _Batch(rows, clouds, at, None, {})
    truth = true_bodies(points, rows[at], bodies)
    pairs = zip(at.tolist(), truth.vertices, strict=True)
    nearest = {i: measures.nearest_vertices(clouds[i], skin) for i, skin in pairs if len(clouds[i])}
    return _Batch(rows, clouds, at, truth, nearest)


def _measure_batch(
    batch: _Batch, table: dict[str, Any], body: BodyModel, template_ids: np.ndarray, settings: EvaluateConfig
) -> tuple[dict[tuple[str, str], np.ndarray], np.ndarray]:
    """All measures of one stage for R frames: {(measure, joint): (R,)}; and their joints (R, 24, 3)."""
    rows, clouds, truth = batch.rows, batch.clouds, batch.truth
    usable = np.array(
        [all(np.isfinite(table[name][row]).all() for name in ("pose", "betas", "transl")) for row in rows]
    )
    values = {
        (name, ALL_JOINTS): np.full(len(rows), np.nan) for name in ("chamfer", "residual", "penetration")
    }
    names = [name for name in ("pose", "betas", "transl", "scale") if name in table]
    posed = pose_rows(body, {name: np.nan_to_num(table[name]) for name in names}, rows)
    vertices, faces = posed.vertices.numpy(), body.faces.numpy()
    joints = np.where(usable[:, None, None], posed.joints.numpy(), np.nan)
    for i in np.flatnonzero(usable):
        surface = Surface(vertices[i], faces)
        if len(clouds[i]):
            values["chamfer", ALL_JOINTS][i], values["residual", ALL_JOINTS][i] = measures.point_to_surface(
                clouds[i], surface
            )
        values["penetration", ALL_JOINTS][i] = measures.penetration(
            vertices[i][template_ids],
            vertex_normals(vertices[i], faces)[template_ids],
            surface,
            settings.penetration_depth,
        )
    if truth is None:
        return values, joints
    values |= _against_truth(posed, batch.at, truth, settings)
    values["correspondence_error", ALL_JOINTS] = np.full(len(rows), np.nan)
    for t, i in enumerate(batch.at):
        if usable[i] and len(clouds[i]):
            predicted = measures.nearest_vertices(clouds[i], vertices[i])
            values["correspondence_error", ALL_JOINTS][i] = measures.correspondence_error(
                predicted, batch.nearest[i], truth.vertices[t]
            )
    for array in values.values():
        array[~usable] = np.nan
    return values, joints


def _against_truth(
    posed: Posed, at: np.ndarray, truth: Truth, settings: EvaluateConfig
) -> dict[tuple[str, str], np.ndarray]:
    """The measures that compare bodies, filled in at the positions ``at`` of the batch."""
    joints, vertices = posed.joints.numpy()[at], posed.vertices.numpy()[at]
    errors, aligned = (
        measures.joint_errors(joints, truth.joints),
        measures.pa_joint_errors(joints, truth.joints),
    )
    computed = {
        ("mpjpe", ALL_JOINTS): errors.mean(axis=1),
        ("flip_tolerant_mpjpe", ALL_JOINTS): measures.flip_tolerant_mpjpe(joints, truth.joints),
        ("pa_mpjpe", ALL_JOINTS): aligned.mean(axis=1),
        ("mpvpe", ALL_JOINTS): measures.mpvpe(vertices, truth.vertices),
        ("flipped", ALL_JOINTS): measures.flipped(
            posed.rotations[:, 0].numpy()[at], truth.roots, settings.flip_angle
        ),
    }
    for joint, name in enumerate(JOINT_NAMES):
        computed["mpjpe", name] = errors[:, joint]
        computed["pa_mpjpe", name] = aligned[:, joint]
    return {key: _spread(values, at, len(posed.joints)) for key, values in computed.items()}


def _measure_pseudo_labels(
    batch: _Batch, truth: Truth, segments: dict[str, Any], template_ids: np.ndarray
) -> dict[tuple[str, str], np.ndarray]:
    """How far the pseudo labels are from the true nearest template vertices."""
    names = ("pseudo_label_error", "pseudo_label_agreement", "pseudo_label_coverage")
    values = {(name, ALL_JOINTS): np.full(len(batch.rows), np.nan) for name in names}
    for t, i in enumerate(batch.at):
        row, count = batch.rows[i], len(batch.clouds[i])
        segment, weight = segments["segment"][row][:count], segments["weight"][row][:count]
        used = (segment >= 0) & (weight > 0)
        if len(used):
            values["pseudo_label_coverage", ALL_JOINTS][i] = used.mean()
        if used.any():
            template = truth.vertices[t][template_ids]
            true = measures.nearest_vertices(batch.clouds[i][used], template)
            values["pseudo_label_error", ALL_JOINTS][i] = measures.correspondence_error(
                segment[used], true, template
            )
            values["pseudo_label_agreement", ALL_JOINTS][i] = np.mean(segment[used] == true)
    return values


def pose_rows(body: BodyModel, table: dict[str, Any], rows: np.ndarray) -> Posed:
    """Pose a body by some rows of a table with the columns pose, betas, transl and maybe scale."""
    arrays = (np.asarray(table[name])[rows].astype(np.float32) for name in ("pose", "betas", "transl"))
    with torch.inference_mode():
        posed = body(*map(torch.from_numpy, arrays))
        if "scale" not in table:
            return posed
        scale = torch.from_numpy(np.asarray(table["scale"])[rows].astype(np.float32))
        transl = torch.from_numpy(np.asarray(table["transl"])[rows].astype(np.float32))
        return posed.scaled(scale, transl)


def _spread(values: np.ndarray, at: np.ndarray, length: int) -> np.ndarray:
    full = np.full(length, np.nan)
    full[at] = values
    return full


def _in_order_of(table: dict[str, Any], frame_ids: list[str], what: str) -> dict[str, Any]:
    """The rows of a table in the order of the points' frames."""
    position = {frame_id: row for row, frame_id in enumerate(table["frame_id"])}
    absent = [frame_id for frame_id in frame_ids if frame_id not in position]
    if absent:
        raise InputError(
            what,
            f'frame "{absent[0]}"',
            "missing",
            f"all {len(frame_ids)} frames of the points table ({len(absent)} are missing)",
            "Make this table again from the same points.",
        )
    order = [position[frame_id] for frame_id in frame_ids]
    return {name: np.asarray(column)[order] for name, column in table.items() if column is not None}


def _frame(batches: list[dict[tuple[str, str], np.ndarray]], index: pd.MultiIndex) -> pd.DataFrame:
    columns = list(dict.fromkeys(key for batch in batches for key in batch))
    sizes = [len(next(iter(batch.values()))) for batch in batches]
    data = {
        key: np.concatenate(
            [batch.get(key, np.full(size, np.nan)) for batch, size in zip(batches, sizes, strict=True)]
        )
        for key in columns
    }
    return pd.DataFrame(data, index=index)
