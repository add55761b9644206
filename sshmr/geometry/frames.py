"""Coordinate frames. Canonical: metres, right-handed, y up."""

import numpy as np
import torch

from sshmr.geometry.rotations import rotmat_to_rotvec, rotvec_to_rotmat

Z_UP_TO_Y_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
"""(x, y, z) with z up → (x, z, −y) with y up."""

Y_DOWN_TO_Y_UP = np.diag([1.0, -1.0, -1.0])
"""A half turn about x: a camera's frame, y down and z ahead → y up and z back."""


def turn_body(
    rotation: torch.Tensor, global_orient: torch.Tensor, transl: torch.Tensor, pelvis: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Rotate a posed body about the frame's origin.

    The body model rotates about the pelvis joint, not the origin, so the translation changes too.

    Args:
        rotation: (3, 3) or (B, 3, 3), source frame → target frame.
        global_orient: (B, 3) rotation vectors of the root, radians.
        transl: (B, 3) metres, the model's translation.
        pelvis: (B, 3) metres, rest position of the pelvis joint for each body's shape.

    Returns:
        global_orient, transl: both (B, 3), in the target frame.
    """
    turned = rotmat_to_rotvec(rotation @ rotvec_to_rotmat(global_orient))
    moved = (rotation @ (pelvis + transl)[..., None])[..., 0] - pelvis
    return turned, moved
