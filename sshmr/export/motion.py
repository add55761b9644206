"""Motions as archives for AMASS's and smplx's tools."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from sshmr.export.axes import Axes
from sshmr.export.bodies import Bodies
from sshmr.files import atomic_path

BODY = 66
"""Numbers of a pose before the hands: 22 joints."""

LEFT_HAND, RIGHT_HAND = 66, 111
"""Position of SMPL's left and right hand in SMPL-H's 156 numbers: the first joints of the hands, 22 and
37."""


def write_smplx(path: Path, bodies: Bodies, axes: Axes, frames_per_second: float) -> None:
    """Write the arguments of ``smplx.SMPL``: global_orient, body_pose, betas, transl, a row per frame; and
    scale.

    Args:
        bodies: ``Bodies``. axes: ``Axes``; lengths stay metres.
    """
    pose, transl = axes.body(bodies.pose, bodies.transl, bodies.pelvis())
    _write(
        path,
        global_orient=pose[:, :3],
        body_pose=pose[:, 3:],
        betas=bodies.betas,
        transl=transl,
        scale=bodies.scale,
        gender=np.array("neutral"),
        model_type=np.array("smpl"),
        frame=bodies.frames,
        mocap_frame_rate=np.array(float(frames_per_second)),
    )


def write_amass(path: Path, bodies: Bodies, axes: Axes, frames_per_second: float) -> float:
    """Write AMASS's arrays: poses (F, 156), trans (F, 3), betas (16,), gender, mocap_framerate, dmpls.

    AMASS has one shape per sequence, and no scale. The median of the frames' shapes is used, and each frame
    is moved so that its pelvis stays in place.

    Returns:
        Largest distance of a vertex from the fitted one in metres; 0 if the frames share a shape.
    """
    shared = np.median(bodies.betas, axis=0).astype(np.float32)
    betas = np.broadcast_to(shared, bodies.betas.shape).copy()
    alone = dataclasses.replace(bodies, betas=betas, scale=np.ones_like(bodies.scale))
    transl = bodies.transl + bodies.pelvis() - alone.pelvis()
    alone = dataclasses.replace(alone, transl=transl)
    pose, trans = axes.body(bodies.pose, transl, alone.pelvis())
    poses = np.zeros((len(pose), 156))
    poses[:, :BODY] = pose[:, :BODY]
    poses[:, LEFT_HAND : LEFT_HAND + 3] = pose[:, BODY : BODY + 3]
    poses[:, RIGHT_HAND : RIGHT_HAND + 3] = pose[:, BODY + 3 :]
    _write(
        path,
        poses=poses,
        trans=trans,
        betas=np.pad(shared, (0, 6)),
        gender=np.array("neutral"),
        mocap_framerate=np.array(float(frames_per_second)),
        dmpls=np.zeros((len(pose), 8)),
    )
    if (bodies.betas == shared).all() and (bodies.scale == 1).all():
        return 0.0
    pairs = zip(bodies.vertices(Axes()), alone.vertices(Axes()), strict=True)
    return max(float(np.linalg.norm(was - now, axis=1).max()) for was, now in pairs)


def _write(path: Path, **arrays: Any) -> None:
    with atomic_path(path) as temporary, temporary.open("wb") as handle:
        np.savez(handle, **arrays)
