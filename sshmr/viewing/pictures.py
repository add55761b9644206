"""The frames a report shows: which ones, from where, and their pictures through the rounds."""

import base64
import dataclasses
from pathlib import Path

import numpy as np

from sshmr.data.tables import read_params, read_points, valid_mask
from sshmr.evaluation.frames import Bodies, has_labels, pose_rows
from sshmr.evaluation.measures import mpjpe
from sshmr.geometry.raycast import Surface
from sshmr.viewing.config import ReportConfig
from sshmr.viewing.facts import Shard
from sshmr.viewing.render import render, side_by_side, view_around, webp

ELEVATION = 0.12
ASPECT = 0.62
TURNS = (0.0, np.pi / 2)
"""Cameras: a little above the horizon, first as the sensor saw the person, then from that view's right."""


@dataclasses.dataclass(frozen=True)
class Picture:
    """One tile: a caption such as "Round 2, fit", its error (mm), and the image as a data URI."""

    round: int | None
    stage: str
    error: float
    image: str


@dataclasses.dataclass(frozen=True)
class Strip:
    """One frame through the rounds: a column for the truth, where it is known, and one a round."""

    rank: str
    frame_id: str
    columns: list[list[Picture]]


@dataclasses.dataclass(frozen=True)
class Chosen:
    """A frame worth showing: where it is, its rank in words, its error in metres."""

    shard: Shard
    row: int
    rank: str


def shown_rounds(rounds: int, most: int) -> list[int]:
    """Round 0, the last one, and evenly between them, at most ``most``."""
    return sorted({round(number) for number in np.linspace(0, rounds, min(most, rounds + 1))})


def strips(
    results: Path, shards: list[Shard], rounds: int, bodies: Bodies, settings: ReportConfig
) -> tuple[list[Strip], str]:
    """The chosen frames through the rounds, and the name of the error that chose them.

    Frames are ranked by the last round's fit: by MPJPE where there are labels, else by the residual, the
    median distance of the cloud to the mesh. The same frames and cameras are drawn for every round.
    """
    candidates = [shard for shard in shards if shard.split == settings.split] or shards
    candidates = [shard for shard in candidates if shard.table(results, rounds, "fit").exists()]
    chosen, measure = _choose(results, candidates, rounds, bodies, settings.frames)
    order = shown_rounds(rounds, settings.rounds)
    return [
        _strip(results, frame, order, bodies, measure, settings.picture_height) for frame in chosen
    ], measure


def _choose(results, shards, rounds, bodies, count):
    errors, places, labelled = [], [], []
    for shard in shards:
        points = read_points(shard.path, labels=True)
        params = read_params(shard.table(results, rounds, "fit"))
        known = has_labels(points)
        labelled.append(known)
        errors.append(_errors(points, params, known, bodies))
        places += [(shard, row) for row in range(shard.frames)]
    if not places:
        return [], "mpjpe"
    known = np.concatenate(labelled)
    errors = np.concatenate(errors)
    usable = np.isfinite(errors) & (known if known.any() else True)
    order = np.flatnonzero(usable)[np.argsort(errors[usable], kind="stable")]
    picked = np.unique(np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int))
    chosen = [
        Chosen(*places[order[place]], _rank(place, len(order), number, len(picked)))
        for number, place in enumerate(picked)
    ]
    return chosen, "mpjpe" if known.any() else "residual"


def _rank(place, total, number, count):
    if number == 0:
        return "best"
    if number == count - 1:
        return "worst"
    return "median" if 2 * number == count - 1 else f"rank {place + 1} of {total}"


def _errors(points, params, known, bodies):
    """MPJPE of labelled frames, residual of the others, metres, (F,)."""
    errors = np.array(params["residual"], dtype=float)
    rows = np.flatnonzero(known)
    if len(rows):
        skeleton = bodies.neutral.subset([0])
        predicted = pose_rows(skeleton, params, rows).joints.numpy()
        errors[rows] = mpjpe(predicted, _true_joints(points, rows, bodies))
    return errors


def _true_joints(points, rows, bodies):
    joints = np.array(points["joints"][rows])
    for i, row in enumerate(rows):
        if np.isnan(joints[i]).any():
            joints[i] = pose_rows(bodies.of(points["gender"][row]).subset([0]), points, [row]).joints.numpy()[
                0
            ]
    return joints


def _strip(results, frame, order, bodies, measure, height):
    points = read_points(frame.shard.path, labels=True)
    row = frame.row
    cloud = points["points"][row][valid_mask(points)[row]]
    meshes = []
    if measure == "mpjpe":
        meshes.append((None, "truth", pose_rows(bodies.of(points["gender"][row]), points, [row])))
    for round_ in order:
        for stage in ("network", "fit"):
            path = frame.shard.table(results, round_, stage)
            if path.exists():
                params = _only(read_params(path), points["frame_id"][row])
                meshes.append((round_, stage, pose_rows(bodies.neutral, params, [0])))
    joints = _true_joints(points, [row], bodies) if measure == "mpjpe" else None
    trusted = [posed for _, stage, posed in meshes if stage != "network"]
    reference = trusted[0] if measure == "mpjpe" else trusted[-1]
    views = _views(reference.vertices[0].numpy(), cloud)
    columns: dict[int | None, list[Picture]] = {}
    for round_, stage, posed in meshes:
        vertices = posed.vertices[0].numpy()
        error = _error(posed, cloud, joints, bodies.neutral.faces.numpy())
        tile = side_by_side(
            [render(view, height, vertices, bodies.neutral.faces.numpy(), cloud) for view in views]
        )
        columns.setdefault(round_, []).append(
            Picture(round_, stage, 1000 * error, data_uri(webp(tile), "image/webp"))
        )
    return Strip(frame.rank, points["frame_id"][row], list(columns.values()))


def _views(reference, cloud):
    """Cameras that hold the reference mesh and the cloud; the first stands where the sensor must have been.

    A sensor sees the side of a body that faces it, so its cloud lies on that side of the body's middle.
    """
    towards = cloud.mean(axis=0) - reference.mean(axis=0)
    azimuth = float(np.arctan2(towards[0], towards[2]))
    both = np.concatenate([reference, cloud])
    return [view_around(both, azimuth + turn, ELEVATION, ASPECT, margin=0.15) for turn in TURNS]


def _error(posed, cloud, joints, faces):
    if joints is not None:
        return float(mpjpe(posed.joints.numpy(), joints)[0])
    return float(np.median(Surface(posed.vertices[0].numpy(), faces).distances(cloud)))


def _only(params, frame_id):
    row = params["frame_id"].index(frame_id)
    return {name: params[name][row : row + 1] for name in ("pose", "betas", "transl")}


def data_uri(content: bytes, kind: str) -> str:
    """Bytes as a URI that a page can hold."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
