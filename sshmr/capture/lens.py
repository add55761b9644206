"""A camera with a distorting lens, like the Azure Kinect's colour camera."""

from typing import NamedTuple

import numpy as np

CONVERGED = 1e-3
"""Pixels. A ray is unknown if the iteration does not converge to this."""
LENS_REACH = 1.25
"""Rays farther from the axis, in x/z and y/z, are unknown: real tables have no rays in their corners."""


class Lens(NamedTuple):
    """Pinhole and distortion, in pixels of a ``width`` × ``height`` image.

    distortion: k1, k2, p1, p2, k3, k4, k5, k6 of the rational Brown–Conrady model, in OpenCV's order.

    Source: OpenCV's documentation of ``calib3d``, the model that the Azure Kinect's calibrations are in.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int
    distortion: np.ndarray

    def project(self, rays: np.ndarray) -> np.ndarray:
        """Pixels (..., 2), column and row, of rays (..., 2), x/z and y/z."""
        return _distort(rays, self.distortion) * [self.fx, self.fy] + [self.cx, self.cy]

    def pixel_table(self) -> np.ndarray:
        """The ray of each pixel, (height, width, 2) x/z and y/z; NaN where the model has none."""
        columns, rows = np.meshgrid(np.arange(self.width), np.arange(self.height))
        pixels = np.stack([columns, rows], axis=-1).astype(np.float64)
        target = (pixels - [self.cx, self.cy]) / [self.fx, self.fy]
        rays = target.copy()
        with np.errstate(all="ignore"):
            for _ in range(30):
                rays += target - _distort(rays, self.distortion)
            error = np.abs(self.project(rays) - pixels).max(axis=-1)
        rays[~(error < CONVERGED) | (np.linalg.norm(rays, axis=-1) > LENS_REACH)] = np.nan
        return rays


def kinect_lens(width: int, height: int, rng: np.random.Generator) -> Lens:
    """A random lens similar to the Azure Kinect's: 93° wide, with a few per cent of distortion."""
    scale = width / 2048
    k = np.array([0.53, -2.73, 0.0005, -0.0001, 1.58, 0.41, -2.55, 1.51])
    fx, fy = scale * 980 * (1 + 0.003 * rng.standard_normal(2))
    cx, cy = scale * (np.array([1020.0, 780.0]) + 3 * rng.standard_normal(2))
    return Lens(
        fx, fy, cx, cy + (height - 0.75 * width) / 2, width, height, k + 0.003 * rng.standard_normal(8)
    )


def _distort(rays: np.ndarray, distortion: np.ndarray) -> np.ndarray:
    k1, k2, p1, p2, k3, k4, k5, k6 = distortion
    x, y = rays[..., 0], rays[..., 1]
    r2 = x * x + y * y
    radial = (1 + r2 * (k1 + r2 * (k2 + r2 * k3))) / (1 + r2 * (k4 + r2 * (k5 + r2 * k6)))
    xy = 2 * x * y
    return np.stack(
        [x * radial + p1 * xy + p2 * (r2 + 2 * x * x), y * radial + p1 * (r2 + 2 * y * y) + p2 * xy], axis=-1
    )
