"""Find SURREAL's true bodies among the points, and the right reading of its world."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from sshmr.body.model import BodyModel
from sshmr.geometry.raycast import Surface
from sshmr.sources.frames import Truth
from sshmr.sources.surreal.camera import WORLD_TO_Y_UP
from sshmr.sources.surreal.info import ClipInfo

PROBES = 3
"""Number of frames of a clip that determine its reading and its gender."""
ALIGNED_POINTS = 256
FARTHEST_FIT = 0.02
"""A reading is right if the median distance of the points to the mesh is below this, metres."""
CLEARLY_FARTHER, LEAST_DISTANCE = 2.0, 0.001
"""Mirrored bodies can be as near as 16 mm. If the true ones are not nearer than half of that, the joints
decide."""
FARTHEST_MOVE = 0.1
REACH = 0.05
FARTHEST_JOINT = 0.3
LEFT_HIP, RIGHT_HIP, PELVIS, NECK = 1, 2, 0, 12
ANKLES, FEET = [7, 8], [10, 11]
LEAST_HANDEDNESS = 0.2


@dataclass(frozen=True)
class Fit:
    """The fit of a gender's body to a clip, in one reading of its world.

    distance: median from the points to the mesh, metres.
    joints: mean from the body's joints to the file's, left to left and right to right, metres.
    """

    reading: str
    gender: str
    distance: float
    joints: float


def settle(info: ClipInfo, clouds: Mapping[int, np.ndarray], bodies: Mapping[str, BodyModel]) -> Fit:
    """The reading and the gender in which a clip's points fit its true bodies.

    Args:
        info: a ``ClipInfo``.
        clouds: row of ``info`` → (K, 3) points in SURREAL's world, metres.
        bodies: gender → ``BodyModel``, those to choose from.

    Returns:
        A ``Fit``.

    Raises:
        ValueError: when none does; with the distances.
    """
    rows = [row for row in clouds if info.known[row]]
    rows = rows[:: max(len(rows) // PROBES, 1)][:PROBES]
    if not rows:
        raise ValueError("it has no frame with a valid pose, shape and joints")
    fits = [fit for gender, body in bodies.items() for fit in _fits(info, clouds, rows, gender, body)]
    best = [
        min((fit for fit in fits if fit.reading == name), key=lambda fit: fit.distance)
        for name in WORLD_TO_Y_UP
    ]
    chosen, other = sorted(best, key=lambda fit: fit.distance)
    if other.distance < CLEARLY_FARTHER * max(chosen.distance, LEAST_DISTANCE):
        # A symmetric pose is as near to the points when mirrored, but then has left
        # joints where right ones should be.
        chosen = min(best, key=lambda fit: fit.joints)
    if chosen.distance >= FARTHEST_FIT:
        distances = " and ".join(f"{1000 * fit.distance:.0f} mm ({fit.reading})" for fit in best)
        limit = f"{1000 * FARTHEST_FIT:.0f} mm"
        raise ValueError(f"its points are {distances} from the true bodies in the median, not under {limit}")
    return chosen


def settle_by_joints(info: ClipInfo, clouds: Mapping[int, np.ndarray]) -> str:
    """The reading of a clip's world in which its joints are not mirrored.

    For clips without a body model: the direction of the feet and the spine determine the left side.

    Raises:
        ValueError: when the joints do not show the left side, or are not at the points.
    """
    rows = [row for row in clouds if np.isfinite(info.joints[row]).all()]
    if not rows:
        raise ValueError("it has no frame with finite joints")
    away = [np.linalg.norm(info.joints[row] - clouds[row].mean(axis=0), axis=1).min() for row in rows]
    if np.median(away) > FARTHEST_JOINT:
        raise ValueError(f"its joints are {np.median(away):.2g} m from its points")
    joints = info.joints[rows]
    left = _unit(joints[:, LEFT_HIP] - joints[:, RIGHT_HIP])
    up = _unit(joints[:, NECK] - joints[:, PELVIS])
    ahead = _unit((joints[:, FEET] - joints[:, ANKLES]).mean(axis=1))
    handedness = float((np.cross(left, up) * ahead).sum(axis=1).mean())
    if abs(handedness) < LEAST_HANDEDNESS:
        raise ValueError("its joints do not show which side is left")
    return next(
        name for name, turn in WORLD_TO_Y_UP.items() if np.sign(np.linalg.det(turn)) == np.sign(handedness)
    )


def place_truth(
    info: ClipInfo, clouds: Mapping[int, np.ndarray], fit: Fit, body: BodyModel, body_model: str
) -> dict[int, Truth]:
    """The true body of each frame, if it fits the points.

    Args:
        info: a ``ClipInfo``; clouds: row → (K, 3) points, metres, y up as ``fit.reading`` turns them.
        fit: a ``Fit``; body: its gender's ``BodyModel``; body_model: its name in the annotation.

    Returns:
        Row → ``Truth``, in the clouds' frame.
    """
    rows = [row for row in clouds if info.known[row]]
    posed = _pose(body, info, rows)
    faces, turn = body.faces.numpy(), WORLD_TO_Y_UP[fit.reading]
    found = {}
    for row, vertices, joints in zip(rows, *posed, strict=True):
        start = (info.joints[row] @ turn.T - joints).mean(axis=0)
        transl, distance = _align(Surface(vertices, faces), clouds[row], start)
        if distance < FARTHEST_FIT:
            values = (info.pose[row], info.betas[row], transl, joints + transl)
            found[row] = Truth(fit.gender, *values, body_model)
    return found


def _fits(
    info: ClipInfo, clouds: Mapping[int, np.ndarray], rows: Sequence[int], gender: str, body: BodyModel
) -> Iterator[Fit]:
    """A ``Fit`` for each reading, over some frames of a clip."""
    vertices, joints = _pose(body, info, rows)
    surfaces = [Surface(mesh, body.faces.numpy()) for mesh in vertices]
    for name, turn in WORLD_TO_Y_UP.items():
        distances, gaps = [], []
        for row, surface, own in zip(rows, surfaces, joints, strict=True):
            given = info.joints[row] @ turn.T
            start = (given - own).mean(axis=0)
            gaps.append(np.linalg.norm(own + start - given, axis=1).mean())
            distances.append(_align(surface, clouds[row] @ turn.T, start)[1])
        yield Fit(name, gender, float(np.median(distances)), float(np.mean(gaps)))


def _pose(body: BodyModel, info: ClipInfo, rows: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (R, V, 3) and joints (R, 24, 3) of the true bodies before translation."""
    kind = body.v_template.dtype
    pose, betas = (torch.as_tensor(values[rows], dtype=kind) for values in (info.pose, info.betas))
    posed = body(pose, betas, torch.zeros(len(rows), 3, dtype=kind))
    return posed.vertices.numpy(), posed.joints.numpy()


def _align(surface: Surface, points: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, float]:
    """Translate a mesh onto the points.

    SURREAL's joints come from a few vertices with the female regressor, so that they are centimetres off; its
    depth is exact. Gauss–Newton steps on the distances across the surface.

    Returns:
        The translation (3,), and the median distance there, metres. Where the points are far from the
        mesh, the start.
    """
    points = points[np.linspace(0, len(points) - 1, min(len(points), ALIGNED_POINTS)).astype(int)]
    transl, reach = start, FARTHEST_MOVE
    for _ in range(6):
        nearest, normals = surface.closest(points - transl)
        across = ((points - transl - nearest) * normals).sum(axis=1)
        near = np.linalg.norm(points - transl - nearest, axis=1) < reach
        if near.sum() < 12:
            break
        step = np.linalg.lstsq(normals[near], across[near], rcond=None)[0]
        transl, reach = transl + step, REACH
        if np.linalg.norm(step) < 1e-5:
            break
    if np.linalg.norm(transl - start) > FARTHEST_MOVE:
        transl = start
    return transl, float(np.median(surface.distances(points - transl)))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
