"""Bodies that do not stand: poses made of joint angles, which motion capture of walkers lacks."""

import numpy as np
from scipy.spatial.transform import Rotation

from sshmr.body.joint_limits import clip_to_limits

JITTER = 0.12
"""Radians; standard deviation of what is added to every number of a made pose."""

LEFT_HIP, RIGHT_HIP, SPINE1, SPINE2, LEFT_KNEE, RIGHT_KNEE = 1, 2, 3, 6, 4, 5
LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_ELBOW, RIGHT_ELBOW = 16, 17, 18, 19


def standing(poses, rng):
    """One of the poses (P, 72) of motion capture."""
    return poses[rng.integers(len(poses))].astype(np.float64)


def lying(poses, rng):
    """A pose of motion capture, lying on its back, its face or either side, the head anywhere."""
    pose = standing(poses, rng)
    rolled = Rotation.from_euler("y", rng.uniform(-180, 180), degrees=True)
    tipped = Rotation.from_euler("x", rng.uniform(75, 105), degrees=True)
    pose[:3] = (tipped * rolled * Rotation.from_rotvec(pose[:3])).as_rotvec()
    return pose


def upside_down(poses, rng):
    """A pose of motion capture, head down."""
    pose = standing(poses, rng)
    pose[:3] = (Rotation.from_euler("x", rng.uniform(150, 210), degrees=True)
                * Rotation.from_rotvec(pose[:3])).as_rotvec()  # fmt: skip
    return pose


def seated(poses, rng):
    """On a chair: thighs ahead, lower legs down, the trunk and arms of motion capture."""
    return _made(poses, rng, tip=rng.uniform(-20, 15), hip=rng.uniform(-100, -75), knee=rng.uniform(60, 105))


def crouching(poses, rng):
    """Squatting, the trunk leaning forward."""
    return _made(poses, rng, tip=rng.uniform(10, 40), hip=rng.uniform(-110, -95), knee=rng.uniform(110, 130))


def crawling(poses, rng):
    """On hands and knees."""
    return _made(
        poses, rng, tip=rng.uniform(75, 100), hip=rng.uniform(-100, -65), knee=rng.uniform(75, 110), arms=True
    )


def bent(poses, rng):
    """Bent at the hips, legs straight, arms hanging down."""
    return _made(
        poses, rng, tip=rng.uniform(60, 105), hip=rng.uniform(-105, -70), knee=rng.uniform(0, 20), arms=True
    )


def reaching(poses, rng):
    """A pose of motion capture with one arm stretched out to a side, ahead or up."""
    pose = standing(poses, rng).reshape(24, 3)
    side = rng.integers(2)
    sign = (1, -1)[side]
    pose[(LEFT_SHOULDER, RIGHT_SHOULDER)[side]] = (
        0, -sign * rng.uniform(-0.3, 1.3), sign * rng.uniform(-0.2, 0.9)
    )  # fmt: skip
    pose[(LEFT_ELBOW, RIGHT_ELBOW)[side]] = 0, -sign * rng.uniform(0, 0.3), 0
    return np.concatenate([pose[0], clip_to_limits(pose[1:].ravel())])


_ALL = (standing, lying, upside_down, seated, crouching, crawling, bent, reaching)
KINDS = {kind.__name__: kind for kind in _ALL}


def _made(poses, rng, tip, hip, knee, arms=False):
    """Trunk and arms of motion capture on legs of given angles, degrees; ``arms``: ahead of the chest."""
    pose = standing(poses, rng).reshape(24, 3)
    legs = [joint for joint in range(1, 12) if joint not in (3, 6, 9)]
    pose[legs] = 0
    pose[0] = np.radians([tip, 0, 0])
    for side, (hip_joint, knee_joint) in enumerate(((LEFT_HIP, LEFT_KNEE), (RIGHT_HIP, RIGHT_KNEE))):
        outward = np.radians(rng.uniform(0, 15)) * (1, -1)[side]
        pose[hip_joint] = np.radians(hip + rng.uniform(-12, 12)), 0, outward
        pose[knee_joint, 0] = np.radians(knee + rng.uniform(-12, 12))
    if arms:
        ahead = np.radians(rng.uniform(55, 75, 2))
        pose[LEFT_SHOULDER], pose[RIGHT_SHOULDER] = (0, -ahead[0], -0.3), (0, ahead[1], 0.3)
        pose[LEFT_ELBOW], pose[RIGHT_ELBOW] = (0, -rng.uniform(0, 0.4), 0), (0, rng.uniform(0, 0.4), 0)
    pose[1:] += rng.normal(0, JITTER, (23, 3))
    return np.concatenate([pose[0], clip_to_limits(pose[1:].ravel())])
