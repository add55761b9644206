"""People walking past a LiDAR, as SLOPER4D's recordings or as own clouds."""

from pathlib import Path
from typing import Any

import numpy as np

from sshmr.capture.actor import Actor, Placed, place
from sshmr.capture.clouds_writer import write_clouds
from sshmr.capture.lidar import scan
from sshmr.capture.sloper4d_writer import write_sequence
from sshmr.config.capture import CaptureConfig

Y_UP_TO_Z_UP = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
"""(x, y, z) → (x, −z, y), stated independently of the readers, which undo it."""
FAULTS = ("no cloud", "empty cloud", "NaN points")


def simulate_sloper4d(
    actor: Actor, settings: CaptureConfig, seed: int, rng: np.random.Generator, path: Path
) -> str:
    """Scan the actor and write one pickle in SLOPER4D's layout; returns a line about it."""
    placed, sensor, clouds, summary = _scans(actor, settings, seed, rng)
    write_sequence(
        path,
        framerate=settings.framerate,
        frames=np.arange(len(placed.vertices)),
        sensor=np.tile(sensor, (len(placed.vertices), 1)),
        poses=placed.pose,
        transl=placed.transl,
        betas=actor.betas,
        gender=actor.gender,
        clouds=_damage(clouds, settings.defects, rng),
        body=actor.body,
    )
    return summary


def simulate_clouds(
    actor: Actor, settings: CaptureConfig, seed: int, rng: np.random.Generator, root: Path
) -> str:
    """Scan the actor and write a folder of clouds, y up; returns a line about it."""
    _, _, clouds, summary = _scans(actor, settings, seed, rng)
    clouds = _damage(clouds, settings.defects, rng)
    write_clouds(root / actor.sequence.name, {frame: cloud @ Y_UP_TO_Z_UP for frame, cloud in clouds.items()})
    return summary


def _scans(
    actor: Actor, settings: CaptureConfig, seed: int, rng: np.random.Generator
) -> tuple[Placed, np.ndarray, dict[int, np.ndarray], str]:
    """The placed actor, the sensor (3,), the clouds by frame, z up, and a line about them."""
    placed = _place(actor, settings, seed, rng)
    sensor = np.array([0.0, 0.0, rng.uniform(*settings.sensor_height)])
    faces = actor.body.faces.numpy()
    clouds = {
        frame: scan(mesh, faces, sensor, settings.lidar, rng) for frame, mesh in enumerate(placed.vertices)
    }
    sizes = [len(cloud) for cloud in clouds.values()]
    distance = np.linalg.norm(placed.vertices.mean(axis=1)[:, :2], axis=1).mean()
    summary = (
        f"{len(sizes)} frames of a {actor.gender} body at {distance:.1f} m, {min(sizes)}–{max(sizes)} points"
    )
    return placed, sensor, clouds, summary


def _place(actor: Actor, settings: CaptureConfig, seed: int, rng: np.random.Generator) -> Placed:
    """Rotate the motion to z up, and place it at its distance with the feet on the ground."""
    number, motion = actor.sequence.number, actor.motion
    turn = _about_z(rng.uniform(0, 2 * np.pi)) @ Y_UP_TO_Z_UP
    travel = (motion.travel - motion.travel[:1]) @ turn.T
    travel -= (travel.max(axis=0) + travel.min(axis=0)) / 2
    near, far = settings.distance
    reach = np.linalg.norm(travel[:, :2], axis=1).max()
    # Distances are spread evenly over the run's sequences, in an order that the seed shuffles.
    order = np.random.default_rng([seed, 2]).permutation(settings.sequences)
    share = (order[number] + rng.random()) / settings.sequences
    distance = near + reach + share * max(far - near - 2 * reach, 0.0)
    azimuth = rng.uniform(0, 2 * np.pi)
    centre = distance * np.array([np.cos(azimuth), np.sin(azimuth), 0.0])
    return place(actor, turn, centre + travel, up=2)


def _about_z(angle: float) -> np.ndarray:
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])


def _damage(clouds: dict[int, np.ndarray], rate: float, rng: np.random.Generator) -> dict[int, Any]:
    """Add the defects of real recordings to a share of the frames: no cloud, an empty one, NaN points."""
    damaged = {}
    for frame, cloud in clouds.items():
        fault = rng.choice(FAULTS) if rng.random() < rate else None
        if fault == "no cloud":
            continue
        if fault == "empty cloud":
            cloud = cloud[:0]
        elif fault == "NaN points":
            cloud = np.where(rng.random((len(cloud), 1)) < 0.3, np.float32(np.nan), cloud)
        damaged[frame] = cloud
    return damaged
