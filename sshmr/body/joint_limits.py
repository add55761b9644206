"""Joint limits: the ranges of the rotations in ordinary motion.

Ranges of the rotation vectors' components in degrees, for SMPL's joints in a T-pose facing +z: rounded from
the 0.2 and 99.8 percentiles of 23,074 frames of the CMU motion capture database (mocap.cs.cmu.edu, created
with funding from NSF EIA-0196217), wider if the data are one-sided, and zero for axes about which a hinge
does not rotate.
"""

import numpy as np

CENTRAL = {
    3: ((-15, 50), (-25, 25), (-20, 20)),  # spine1
    6: ((-15, 20), (-15, 15), (-10, 10)),  # spine2
    9: ((-25, 15), (-10, 10), (-18, 18)),  # spine3
    12: ((-30, 25), (-40, 40), (-20, 20)),  # neck
    15: ((-30, 25), (-40, 40), (-20, 20)),  # head
}
LEFT = {
    1: ((-110, 30), (-35, 45), (-25, 48)),  # hip
    4: ((0, 135), (-4, 4), (-4, 4)),  # knee
    7: ((-40, 40), (-30, 30), (-15, 15)),  # ankle
    10: ((-40, 40), (0, 0), (0, 0)),  # foot
    13: ((-5, 5), (-36, 20), (-34, 28)),  # collar
    16: ((-100, 85), (-75, 40), (-70, 60)),  # shoulder
    18: ((-5, 5), (-140, 0), (0, 40)),  # elbow
    20: ((-80, 80), (-45, 30), (-38, 40)),  # wrist
    22: ((0, 0), (0, 0), (0, 0)),  # hand
}


def _limits() -> np.ndarray:
    table = np.zeros((24, 3, 2))
    for joint, ranges in {**CENTRAL, **LEFT}.items():
        table[joint] = ranges
    for joint in LEFT:  # The right side is the mirror image: rotations about y and z change sign.
        table[joint + 1] = table[joint]
        table[joint + 1, 1:] = -table[joint, 1:, ::-1]
    return np.radians(table[1:]).reshape(69, 2)


LIMITS = _limits()
"""(69, 2) radians: least and greatest value of each body-pose number."""


def clip_to_limits(body_poses: np.ndarray) -> np.ndarray:
    """Body poses (..., 69) rotation vectors, each number moved into its joint's range."""
    return np.clip(body_poses, LIMITS[:, 0], LIMITS[:, 1])
