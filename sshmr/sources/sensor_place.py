"""Where the sensor was: as the settings say, or the files' origin where clouds look seen from there."""

from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from sshmr.config.extract import Place
from sshmr.geometry.up_axes import TO_Y_UP
from sshmr.sources.frames import Reading

NEAREST, FARTHEST = 0.5, 200.0
"""Metres; a sensor within a person's reach of the cloud's middle, or farther away, is none."""
BESIDE, BEHIND = 0.02, 0.12
"""Metres; a point this far behind another, with no more than the first between their rays, was hidden."""
MOST_HIDDEN = 0.08
"""Share of hidden points from which the sensor was elsewhere. Limbs before a trunk reach a tenth."""
SLAB, FEWEST = 0.08, 6
"""Metres; height of the slices whose bulge counts; and points that a slice needs."""
LEAST_BULGE = 0.55
"""Share of points in slices that bulge towards the sensor, from which it was there."""


def with_sensor(reading: Reading, sensor: Place, up: str, metres: float) -> None:
    """Give the frames of a reading the sensor's place, as the settings say or each cloud shows.

    Args:
        sensor, up, metres: of the settings; ``sensor`` in the axes and the unit of the files.
    """
    if sensor == "unknown":
        return
    place = np.zeros(3)
    if sensor != "auto":
        place = np.array(TO_Y_UP[up], float) @ np.array(sensor, float) * metres
    for row, frame in enumerate(reading.frames):
        if sensor != "auto" or seen_from_origin(frame.points):
            reading.frames[row] = replace(frame, sensor=place)


def seen_from_origin(cloud: np.ndarray) -> bool:
    """Whether a person's cloud (K, 3), metres, y up, looks as if a sensor at the origin saw it.

    A single sensor sees no point behind another, and people bulge towards it. Each cloud is judged on its
    own, so that its fit does not depend on the others.
    """
    found = evidence_of_sensor(cloud, np.zeros(3))
    return found is not None and found[0] <= MOST_HIDDEN and found[1] >= LEAST_BULGE


def evidence_of_sensor(cloud: np.ndarray, sensor: np.ndarray) -> tuple[float, float] | None:
    """Share of the points (K, 3) that others hide from a sensor (3,), and share that bulge towards it.

    None where no sensor can be there.
    """
    middle = cloud.mean(axis=0)
    away = float(np.hypot(*(middle - sensor)[[0, 2]]))
    if not NEAREST <= away <= FARTHEST or len(cloud) < FEWEST:
        return None
    ray = cloud - sensor
    distance = np.linalg.norm(ray, axis=1)
    azimuth = np.arctan2(ray[:, 0], ray[:, 2]) - np.arctan2(middle[0] - sensor[0], middle[2] - sensor[2])
    azimuth = (azimuth + np.pi) % (2 * np.pi) - np.pi
    across = away * np.stack([azimuth, np.arcsin(ray[:, 1] / distance)], axis=1)
    pairs = cKDTree(across).query_pairs(BESIDE, output_type="ndarray")
    apart = distance[pairs[:, 0]] - distance[pairs[:, 1]]
    hidden = np.concatenate([pairs[apart > BEHIND, 0], pairs[apart < -BEHIND, 1]])
    return len(np.unique(hidden)) / len(cloud), _bulging(across[:, 0], cloud[:, 1], distance)


def _bulging(across: np.ndarray, height: np.ndarray, distance: np.ndarray) -> float:
    """Share of the points in slices whose edges lie farther away than their middle."""
    towards = total = 0
    slices = np.floor(height / SLAB).astype(int)
    for number in np.unique(slices):
        own = slices == number
        if own.sum() < FEWEST or np.ptp(across[own]) < SLAB:
            continue
        curve = np.polyfit(across[own] - across[own].mean(), distance[own], 2)[0]
        towards += own.sum() * (curve > 0)
        total += own.sum()
    return towards / total if total else 0.0
