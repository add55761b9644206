"""SURREAL's camera: from pixels to its world, and from its world to one with y up.

The camera never rotates. With x to the right, y down and z along its axis, a point in front of it is in the
world at ``(camLoc_x − z, camLoc_y + y, camLoc_z − x)``. That has determinant −1: either the images or the
world show people mirrored. Two readings of the labels are in use:

- ``straight``: the world is that of the posed body, and the images are mirrored. SURREAL's own scripts use
this;
  its joints, drawn on its images, have left and right exchanged.
- ``swapped``: the images are right, and the world has the posed body's x and z exchanged. This is used in the
  evaluation of Su et al., ACM MM 2025.

Sources: github.com/gulvarol/surreal, README and issues 10 (``zrot``; left and right exchanged in the image),
27 (from depth to points, x comes out wrong), 29 (the camera's matrix).
"""

import numpy as np

HEIGHT, WIDTH = 240, 320
FOCAL = 600.0
"""Pixels: a lens of 60 mm before a sensor 32 mm wide."""
CENTRE = (160.0, 120.0)
BACKGROUND = 1e10
"""Depth of the background, metres."""
FARTHEST = 100.0
PARTS = 24

CAMERA_TO_WORLD = np.array([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
WORLD_TO_Y_UP = {
    "straight": np.diag([1.0, -1.0, -1.0]),
    "swapped": np.array([[0.0, 0.0, 1.0], [0.0, -1.0, 0.0], [-1.0, 0.0, 0.0]]),
}
"""For either reading, from the world (y down) to the body's own frame, y up: ``swapped`` mirrors it back."""


def person_points(depth: np.ndarray, parts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The person's pixels as points in front of the camera.

    Args:
        depth: (240, 320) float, metres along the camera's axis.
        parts: (240, 320) uint8, 0 for the background, 1 to 24 for SMPL's parts.

    Returns:
        (K, 3) float64 metres: x to the right, y down, z along the axis; and the (K,) part of each.

    Raises:
        ValueError: with the reason why the image cannot be used.
    """
    for name, image, kinds, expected in (
        ("depth", depth, "f", "floating point"),
        ("segm", parts, "iu", "whole numbers"),
    ):
        if image.shape != (HEIGHT, WIDTH):
            raise ValueError(f"its {name} has shape {image.shape}, not ({HEIGHT}, {WIDTH})")
        if image.dtype.kind not in kinds:
            raise ValueError(f"its {name} is {image.dtype}, not {expected}")
    rows, columns = np.nonzero(parts)
    if not len(rows):
        raise ValueError("no pixel shows the person")
    found = parts[rows, columns]
    if found.min() < 0 or found.max() > PARTS:
        raise ValueError(f"its segm holds {found.max()}, and there are {PARTS} parts")
    z = depth[rows, columns].astype(np.float64)
    seen = np.isfinite(z) & (z > 0) & (z < BACKGROUND)
    if not seen.any():
        raise ValueError("none of the person's pixels has a depth")
    if np.median(z[seen]) > FARTHEST:
        raise ValueError(f"the person is {np.median(z[seen]):.0f} m away; depth must be in metres")
    seen &= z <= FARTHEST
    z = z[seen]
    x = (columns[seen] - CENTRE[0]) * z / FOCAL
    y = (rows[seen] - CENTRE[1]) * z / FOCAL
    return np.stack([x, y, z], axis=1), found[seen]


def camera_to_world(points: np.ndarray, camera: np.ndarray) -> np.ndarray:
    """Points in front of the camera (K, 3), in SURREAL's world; camera: (3,) its ``camLoc``."""
    return points @ CAMERA_TO_WORLD.T + camera
