"""From SMPL-H, the body with fingers, to SMPL's 24 joints.

SMPL-H has 52 joints: SMPL's first 22, then 15 of the left hand and 15 of the right (index, middle, little
and ring finger, thumb; three joints each). SMPL has one joint per hand, at the position where the index
finger begins.

Source: Romero et al., "Embodied Hands", SIGGRAPH Asia 2017, and the joint order of its model files.
"""

from typing import Any

SMPLH_JOINT_COUNT = 52
SMPLH_OF_SMPL = (*range(22), 22, 37)
"""The joint of SMPL-H for each of SMPL's 24. The last two are the beginnings of the index fingers."""


def smplh_to_smpl_pose(pose: Any) -> Any:
    """SMPL's pose from SMPL-H's: (..., 156) → (..., 72) rotation vectors, NumPy or PyTorch.

    A hand rotates like the first joint of its index finger. The other finger joints are ignored.

    Raises:
        ValueError: when the last axis does not have 156 numbers.
    """
    if pose.shape[-1] != 3 * SMPLH_JOINT_COUNT:
        raise ValueError(f"a pose of shape (..., 156) expected, not {tuple(pose.shape[-1:])}")
    return pose[..., [3 * joint + axis for joint in SMPLH_OF_SMPL for axis in range(3)]]
