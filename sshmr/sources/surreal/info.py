"""SURREAL's annotation of a clip."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from sshmr.errors import InputError
from sshmr.formats.matfile import MatFile
from sshmr.geometry.frames import Z_UP_TO_Y_UP
from sshmr.geometry.rotations import rotmat_to_rotvec, rotvec_to_rotmat

GENDER_OF_CODE = {0: "female", 1: "male"}
MOST_FRAMES = 10_000
FARTHEST = 1000.0
"""Larger numbers are not angles, coefficients or metres."""


@dataclass(frozen=True)
class ClipInfo:
    """The annotation of a clip of T frames.

    pose: (T, 72) with the body rotated to y up, in front of the camera; betas: (T, 10).
    joints: (T, 24, 3) in SURREAL's world, metres; camera: (3,) there.
    gender: from the file, or None.
    """

    pose: np.ndarray
    betas: np.ndarray
    joints: np.ndarray
    camera: np.ndarray
    gender: str | None

    def __len__(self) -> int:
        return len(self.pose)

    @property
    def known(self) -> np.ndarray:
        """(T,) bool: the frames with valid numbers."""
        parts = (self.pose, self.betas, self.joints.reshape(len(self), -1))
        return np.logical_and.reduce([(np.abs(part) < FARTHEST).all(axis=1) for part in parts])


def read_info(path: Path) -> ClipInfo:
    """Read ``<clip>_info.mat``.

    A clip of one frame has lost the last axis of each array: MATLAB drops axes of length 1.

    Raises:
        InputError: when an array is missing or of another shape.
    """
    mat = MatFile(path)
    pose = mat.read("pose").astype(np.float64)
    pose = pose.T if pose.shape == (1, 72) else pose
    if pose.ndim != 2 or pose.shape[0] != 72 or not 0 < pose.shape[1] <= MOST_FRAMES:
        raise InputError(path, 'array "pose"', f"of shape {pose.shape}", "(72, T)")
    count = pose.shape[1]
    zrot = _shaped(mat, "zrot", (count,), f"({count}, 1)")
    pose = pose.T.copy()
    pose[:, :3] = _upright(pose[:, :3], zrot)
    camera = _shaped(mat, "camLoc", (3,), "(3, 1)")
    if not (np.abs(camera) < FARTHEST).all():
        raise InputError(path, 'array "camLoc"', f"{camera}", "where the camera is, metres")
    return ClipInfo(
        pose=pose,
        betas=_shaped(mat, "shape", (10, count)).T,
        joints=_shaped(mat, "joints3D", (3, 24, count)).transpose(2, 1, 0),
        camera=camera,
        gender=_gender(_shaped(mat, "gender", (count,), f"({count}, 1)")),
    )


def _shaped(mat: MatFile, name: str, shape: tuple[int, ...], expected: str | None = None) -> np.ndarray:
    """An array as float64 in the shape that it has but for axes of length 1."""
    values = mat.read(name).astype(np.float64)
    lengths = [length for length in values.shape if length != 1]
    if lengths != [length for length in shape if length != 1]:
        raise InputError(mat.path, f'array "{name}"', f"of shape {values.shape}", expected or str(shape))
    return values.reshape(shape, order="F")


def _upright(roots: np.ndarray, zrot: np.ndarray) -> np.ndarray:
    """Root rotations (T, 3), z up and before ``zrot`` (T,) turned the body about z, in a frame with y up."""
    about_z = np.zeros((len(zrot), 3))
    about_z[:, 2] = zrot
    turn = torch.as_tensor(Z_UP_TO_Y_UP) @ rotvec_to_rotmat(torch.as_tensor(about_z))
    return rotmat_to_rotvec(turn @ rotvec_to_rotmat(torch.as_tensor(roots))).numpy()


def _gender(values: np.ndarray) -> str | None:
    """The gender of all frames; None if they differ or have none."""
    return GENDER_OF_CODE.get(values[0]) if (values == values[0]).all() else None
