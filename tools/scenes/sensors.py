"""Sensors that see a whole scene: every ray of a spinning LiDAR or a depth camera, once per frame.

Rays are cast once at the static scene, and separately at each person, so that occlusions are known.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.ndimage import maximum_filter, minimum_filter

from sshmr.capture.props import Mesh
from sshmr.geometry.raycast import Surface
from tools.scenes.settings import SceneConfig

JUMP = 0.1
"""Metres between the depths of two neighbouring pixels at an edge."""


class Sweep(NamedTuple):
    """The points of one frame.

    Attributes:
        points: (K, 3) float32 metres, in the sensor's axes. person: (K,) int, 0 for none, else from 1.
        free: (P,) int, how many points each person would have without occlusion.
    """

    points: np.ndarray
    person: np.ndarray
    free: np.ndarray


class SceneSensor:
    """A sensor at a place in a scene, whose static parts are known.

    Attributes:
        position: (3,) metres. to_sensor: (3, 3), the scene's axes → the sensor's: z up for a LiDAR; x right,
            y down, z ahead for a depth camera.
    """

    def __init__(self, settings: SceneConfig, position: np.ndarray, still: Mesh) -> None:
        self.settings, self.position = settings, position
        self.lidar = settings.sensor == "lidar"
        if self.lidar:
            self.to_sensor = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
            rays = _lidar_rays(settings)
        else:
            cosine, sine = np.cos(settings.pitch), np.sin(settings.pitch)
            self.to_sensor = np.array([[-1.0, 0, 0], [0, -cosine, -sine], [0, -sine, cosine]])
            rays = _pixel_rays(settings)
        self.directions = rays @ self.to_sensor
        self.length = np.linalg.norm(self.directions, axis=1)
        self._still, self._still_cosine = self._cast(still, self.directions)

    def see(self, people: list[Mesh], rng: np.random.Generator, dark: Sequence[float] = ()) -> Sweep:
        """One frame with these people in it; ``dark``: share of the rays that their legs absorb."""
        distance, cosine = self._still.copy(), self._still_cosine.copy()
        owner, free = np.zeros(len(distance), np.int32), np.zeros(len(people), np.int64)
        lost = np.zeros(len(distance), bool)
        unit = self.directions / self.length[:, None]
        for number, mesh in enumerate(people, start=1):
            middle = (mesh[0].min(axis=0) + mesh[0].max(axis=0)) / 2 - self.position
            away = float(np.linalg.norm(middle))
            radius = float(np.linalg.norm(np.ptp(mesh[0], axis=0))) / 2 * 1.05
            cone = float(np.sqrt(max(1 - (radius / max(away, radius)) ** 2, 0.0)))
            rays = np.flatnonzero(unit @ (middle / away) > cone)
            hit, incidence = self._cast(mesh, self.directions[rays])
            free[number - 1] = np.isfinite(hit).sum()
            nearer = hit < distance[rays]
            rays = rays[nearer]
            distance[rays], cosine[rays], owner[rays] = hit[nearer], incidence[nearer], number
            lost[rays] = False
            if number <= len(dark) and dark[number - 1]:
                height = self.position[1] + self.directions[rays, 1] * distance[rays]
                low, high = mesh[0][:, 1].min(), mesh[0][:, 1].max()
                lost[rays] = (height < (low + high) / 2) & (rng.random(len(rays)) < dark[number - 1])
        measured = self._lidar_faults if self.lidar else self._camera_faults
        distance, kept = measured(distance, cosine, rng)
        kept &= ~lost
        points = self.directions[kept] * distance[kept, None] @ self.to_sensor.T
        return Sweep(points.astype(np.float32), owner[kept], free)

    def _cast(self, mesh: Mesh, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distances (R,) in units of the rays' lengths, infinite for no hit, and the cosines of incidence."""
        vertices, faces = mesh
        distance, face = Surface(vertices, faces).cast(self.position, directions)
        first, second, third = (vertices[faces[face, i]] for i in range(3))
        normal = np.cross(second - first, third - first)
        size = np.linalg.norm(normal, axis=1) * np.linalg.norm(directions, axis=1)
        cosine = np.abs((normal * directions).sum(axis=1)) / np.maximum(size, 1e-12)
        return np.where(face >= 0, distance, np.inf).astype(np.float64), cosine

    def _lidar_faults(
        self, distance: np.ndarray, cosine: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        lidar = self.settings.lidar
        seen = distance < self.settings.reach
        strength = np.clip(cosine / max(lidar.grazing, 1e-9), 0, 1)
        kept = seen & (rng.random(len(distance)) < (1 - lidar.dropout) * strength)
        return distance + rng.normal(0, lidar.range_noise, len(distance)), kept

    def _camera_faults(
        self, distance: np.ndarray, cosine: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        shape = (self.settings.height_pixels, self.settings.width)
        depth = np.where(distance < self.settings.reach, distance, self.settings.reach).reshape(shape)
        near, far = minimum_filter(depth, 3), maximum_filter(depth, 3)
        edge = (far - near > JUMP) & (rng.random(shape) < 0.3)
        flying = near + (far - near) * rng.random(shape)
        noisy = depth + self.settings.noise * depth**2 * rng.standard_normal(shape)
        noisy = np.where(edge, flying, noisy).reshape(-1)
        kept = (distance < self.settings.reach) & (
            rng.random(len(distance)) < np.minimum(cosine / 0.15, 0.98)
        )
        kept &= ~edge.reshape(-1) | (rng.random(len(distance)) < 0.5)
        return np.round(noisy, 3), kept


def _lidar_rays(settings: SceneConfig) -> np.ndarray:
    lidar = settings.lidar
    rings = np.radians(np.linspace(lidar.lowest, lidar.highest, lidar.rings))
    shots = np.radians(np.arange(-settings.view / 2, settings.view / 2, lidar.azimuth_step))
    ring, shot = (grid.ravel() for grid in np.meshgrid(rings, shots, indexing="ij"))
    return np.stack([np.cos(ring) * np.cos(shot), np.cos(ring) * np.sin(shot), np.sin(ring)], axis=1)


def _pixel_rays(settings: SceneConfig) -> np.ndarray:
    wide, high = settings.width, settings.height_pixels
    row, column = (grid.ravel() for grid in np.meshgrid(np.arange(high), np.arange(wide), indexing="ij"))
    x, y = (column - (wide - 1) / 2) / settings.focal, (row - (high - 1) / 2) / settings.focal
    return np.stack([x, y, np.ones(len(x))], axis=1)
