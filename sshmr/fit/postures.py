"""Postures that motion capture of people who stand and walk lacks: seated, squatting, kneeling, on all fours.

The joint angles are rough. The fit refines them.
"""

import torch

from sshmr.body.joint_limits import LIMITS
from sshmr.body.prior import PosePrior
from sshmr.body.template import standing_pose

LEFT_HIP, RIGHT_HIP, LEFT_KNEE, RIGHT_KNEE = 1, 2, 4, 5
LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_ELBOW, RIGHT_ELBOW = 16, 17, 18, 19

LEGS = (
    # Lean of the trunk forward; then left hip, left knee, right hip, right knee; degrees.
    (0, 85, 80, 85, 80),  # on a chair
    (-20, 80, 60, 80, 60),  # leaning back
    (0, 85, 10, 85, 10),  # on the floor, legs ahead
    (0, 60, 110, 60, 110),  # on the floor, knees drawn up
    (25, 105, 125, 105, 125),  # squatting
    (0, 5, 90, 5, 90),  # kneeling upright
    (10, 60, 130, 60, 130),  # kneeling, sitting on the heels
    (0, 85, 85, 0, 90),  # on one knee
    (0, 0, 90, 85, 85),  # on the other
)
FOURS = (
    (85, 80, 85, 80, 85),  # on hands and knees
    (85, 100, 90, 50, 80),  # crawling
    (85, 50, 80, 100, 90),  # crawling, the other leg ahead
    (80, 80, 5, 80, 5),  # bent at the hips, legs straight
    (60, 60, 5, 60, 5),  # bent less far
)
"""The same, with the arms ahead of the chest, where the ground is."""


def made_poses() -> torch.Tensor:
    """(14, 72): the postures of this module, facing +z."""
    return torch.stack([_made(angles, False) for angles in LEGS] + [_made(angles, True) for angles in FOURS])


def _made(angles: tuple[float, ...], arms_ahead: bool) -> torch.Tensor:
    lean, left_hip, left_knee, right_hip, right_knee = angles
    pose = standing_pose().view(24, 3)
    pose[0, 0] = lean
    pose[LEFT_HIP, 0], pose[LEFT_KNEE, 0] = -left_hip, left_knee
    pose[RIGHT_HIP, 0], pose[RIGHT_KNEE, 0] = -right_hip, right_knee
    joints = [0, LEFT_HIP, LEFT_KNEE, RIGHT_HIP, RIGHT_KNEE]
    pose[joints] = pose[joints].deg2rad()
    if arms_ahead:
        pose[LEFT_SHOULDER] = torch.tensor([0.0, -1.1, -0.3])
        pose[RIGHT_SHOULDER] = torch.tensor([0.0, 1.1, 0.3])
    return pose.reshape(72)


def with_any_pose(prior: PosePrior, share: float) -> PosePrior:
    """The prior with one more component as wide as the joints' ranges, of the weight ``share``.

    It limits the energy of postures that motion capture of walkers does not contain.
    """
    limits = torch.tensor(LIMITS)
    mean, deviation = limits.mean(1), ((limits[:, 1] - limits[:, 0]) / 4).clamp_min(LEAST_DEVIATION)
    return PosePrior.from_arrays(
        torch.cat([prior.means.double().cpu(), mean[None]]),
        torch.cat([prior.covariances.double().cpu(), deviation.square().diag()[None]]),
        torch.cat([(1 - share) * prior.weights.double().cpu(), torch.tensor([share])]),
        "the pose prior",
        prior.means.dtype,
    ).to(prior.means.device)


LEAST_DEVIATION = 0.05
"""Radians; for joints that hardly rotate."""
