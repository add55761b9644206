"""A spinning LiDAR that scans one body."""

import numpy as np

from sshmr.config.capture import LidarConfig
from sshmr.geometry.raycast import Surface


def scan(
    vertices: np.ndarray,
    faces: np.ndarray,
    sensor: np.ndarray,
    settings: LidarConfig,
    rng: np.random.Generator,
) -> np.ndarray:
    """Points that a LiDAR measures on a mesh.

    Rings are cones of constant elevation around the sensor's vertical; each revolution starts at a random
    angle. Only rays into the mesh's angular bounds are cast.

    Args:
        vertices: (V, 3) float, metres, z up; faces: (F, 3) int.
        sensor: (3,) metres.
        settings: a ``LidarConfig``.
        rng: numpy Generator.

    Returns:
        (K, 3) float32, metres, in the frame of the vertices.
    """
    directions = _rays(vertices - sensor, settings, rng)
    distance, face = Surface(vertices, faces).cast(np.asarray(sensor), directions)
    hit = face >= 0
    directions, distance = directions[hit], distance[hit].astype(np.float64)
    chance = (1 - settings.dropout) * _return_strength(
        vertices, faces[face[hit]], directions, settings.grazing
    )
    distance += rng.normal(0, settings.range_noise, len(distance))
    returned = rng.random(len(distance)) < chance
    points = sensor + distance[returned, None] * directions[returned]
    return points.astype(np.float32)


def _rays(seen: np.ndarray, settings: LidarConfig, rng: np.random.Generator) -> np.ndarray:
    """Unit directions (R, 3) of the shots that could meet vertices ``seen`` (V, 3) from the sensor."""
    elevation = np.degrees(np.arctan2(seen[:, 2], np.linalg.norm(seen[:, :2], axis=1)))
    middle = np.arctan2(*seen[:, [1, 0]].mean(axis=0))
    azimuth = np.degrees(np.angle(np.exp(1j * (np.arctan2(seen[:, 1], seen[:, 0]) - middle))))
    rings = np.linspace(settings.lowest, settings.highest, settings.rings)
    gap = rings[1] - rings[0]
    rings = rings[(rings > elevation.min() - gap) & (rings < elevation.max() + gap)]
    step = settings.azimuth_step
    shots = np.arange(azimuth.min() - step, azimuth.max() + step, step) + rng.uniform(0, step)
    ring, shot = np.meshgrid(np.radians(rings), np.radians(shots) + middle, indexing="ij")
    directions = [np.cos(ring) * np.cos(shot), np.cos(ring) * np.sin(shot), np.sin(ring)]
    return np.stack(directions, axis=-1).reshape(-1, 3)


def _return_strength(
    vertices: np.ndarray, triangles: np.ndarray, directions: np.ndarray, grazing: float
) -> np.ndarray | float:
    """Share of rays that return, 0 to 1. It decreases linearly below the grazing cosine."""
    if grazing == 0:
        return 1.0
    first, second, third = (vertices[triangles[:, i]] for i in range(3))
    normal = np.cross(second - first, third - first)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    return np.clip(np.abs((normal * directions).sum(axis=1)) / grazing, 0, 1)
