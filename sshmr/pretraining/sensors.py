"""Sensors for synthetic people: depth cameras and spinning LiDARs of many kinds."""

import dataclasses

import numpy as np
from numpy.random import Generator

FIELD_OF_VIEW = 1.05
"""Radians across a depth image."""

DEPTH_PIXELS = (160, 224, 320, 512, 640)

RING_STEPS = (2.0, 1.33, 0.8, 0.42, 0.34, 0.2)
"""Degrees between a LiDAR's rings: those of 16, 32, 64 and 128 rings."""

BODY_AREA = 0.45
"""Square metres that a person covers, seen from a side."""

LEAST_RETURNS = 70
"""A LiDAR farther away than where it would get so many is moved nearer."""

MOST_RAYS = 2400


@dataclasses.dataclass(frozen=True)
class Sensor:
    """Where a sensor stands and how it samples.

    Attributes:
        eye: (3,) metres, y up. steps: angles between neighbouring rays, across and up, radians.
        spherical: rays on cones about the vertical as a LiDAR's, else a pinhole's.
        noise: metres, along the ray. dropout: share of the hits lost.
        flying: share of the hits that lie somewhere behind, as at a depth image's edges.
    """

    eye: np.ndarray
    steps: tuple[float, float]
    spherical: bool
    noise: float
    dropout: float
    flying: float

    def rays(self, vertices: np.ndarray, margin: float, rng: Generator) -> np.ndarray:
        """Unit directions (R, 3) of at most ``MOST_RAYS`` rays around (V, 3) vertices.

        Args:
            margin: metres by which the seen region is wider than the vertices on each side.
        """
        middle = vertices.mean(0)
        forward = middle - self.eye
        distance = float(np.linalg.norm(forward))
        forward = forward / distance
        if self.spherical:
            forward = np.array([forward[0], 0, forward[2]]) / np.hypot(forward[0], forward[2])
        right = np.cross(forward, [0, 1, 0])
        right /= np.linalg.norm(right)
        up = np.cross(right, forward)
        seen = vertices - self.eye
        ahead, across, above = seen @ forward, seen @ right, seen @ up
        if self.spherical:
            u, v = np.arctan2(across, ahead), np.arctan2(above, np.hypot(across, ahead))
        else:
            ahead = np.maximum(ahead, 0.2)
            u, v = across / ahead, above / ahead
        u, v = self._grid(u, v, margin / distance, rng)
        if self.spherical:
            flat = np.cos(v)[:, None] * (np.cos(u)[:, None] * forward + np.sin(u)[:, None] * right)
            return flat + np.sin(v)[:, None] * up
        directions = forward + u[:, None] * right + v[:, None] * up
        return directions / np.linalg.norm(directions, axis=1, keepdims=True)

    def _grid(
        self, u: np.ndarray, v: np.ndarray, margin: float, rng: Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        counts, starts = [], []
        for values, step in ((u, self.steps[0]), (v, self.steps[1])):
            low, high = values.min() - margin, values.max() + margin
            starts.append(low + step * rng.random())
            counts.append(max(int((high - low) / step), 1))
        total = counts[0] * counts[1]
        index = np.arange(total) if total <= MOST_RAYS else rng.integers(total, size=MOST_RAYS)
        return starts[0] + self.steps[0] * (index % counts[0]), starts[1] + self.steps[1] * (
            index // counts[0]
        )


def draw_sensor(rng: Generator) -> Sensor:
    """A random sensor around the origin, where the pelvis is."""
    return depth_sensor(rng) if rng.random() < 0.5 else lidar_sensor(rng)


def depth_sensor(rng: Generator) -> Sensor:
    """A depth camera 0.9 to 6 m away; its noise grows with the distance."""
    distance = 0.9 * (6 / 0.9) ** rng.random()
    step = FIELD_OF_VIEW / rng.choice(DEPTH_PIXELS)
    noise = min(rng.uniform(0.0007, 0.003) * distance ** rng.uniform(1, 2), 0.03)
    flying = rng.uniform(0, 0.05) if rng.random() < 0.5 else 0.0
    height = rng.uniform(-0.5, 1.2) * min(distance / 2, 1.5)
    return Sensor(_around(distance, height, rng), (step, step), False, noise, rng.uniform(0, 0.1), flying)


def lidar_sensor(rng: Generator) -> Sensor:
    """A spinning LiDAR 2 to 25 m away, as far as its rings still meet a person often enough."""
    step = np.radians(rng.choice(RING_STEPS) * rng.uniform(0.9, 1.1))
    across = np.radians(0.08 * 5 ** rng.random())
    farthest = min(np.sqrt(BODY_AREA / (step * across * LEAST_RETURNS)), 25.0)
    distance = 2 * (max(farthest, 2.5) / 2) ** rng.random()
    height = rng.uniform(-0.4, 1.3)
    noise, dropout = rng.uniform(0.003, 0.025), rng.uniform(0, 0.2)
    return Sensor(_around(distance, height, rng), (across, step), True, noise, dropout, 0.0)


def _around(distance: float, height: float, rng: Generator) -> np.ndarray:
    angle = rng.uniform(0, 2 * np.pi)
    return np.array([distance * np.sin(angle), height, distance * np.cos(angle)])
