"""SMPL-H's joints and poses in SMPL's order."""

import numpy as np
import pytest
import torch

from sshmr.geometry.smplh import smplh_to_smpl_pose

HAND = [f"{finger}{i}" for finger in ("index", "middle", "pinky", "ring", "thumb") for i in (1, 2, 3)]
BODY = [f"body{i}" for i in range(22)]
SMPLH_NAMES = [*BODY, *(f"left_{name}" for name in HAND), *(f"right_{name}" for name in HAND)]
SMPL_NAMES = [*BODY, "left_index1", "right_index1"]


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor])
def test_each_joint_keeps_its_name(kind):
    numbers = kind(np.arange(2 * 52 * 3).reshape(2, 52, 3))
    expected = np.asarray(numbers)[:, [SMPLH_NAMES.index(name) for name in SMPL_NAMES]]
    pose = smplh_to_smpl_pose(numbers.reshape(2, 156))
    np.testing.assert_array_equal(np.asarray(pose), expected.reshape(2, 72))


def test_other_sizes_are_refused():
    with pytest.raises(ValueError, match=r"\(\.\.\., 156\) expected, not \(72,\)"):
        smplh_to_smpl_pose(np.zeros(72))
