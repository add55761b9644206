"""People among furniture in front of four depth cameras, as BEHAVE's recordings."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from sshmr.capture.actor import Actor, Placed, place
from sshmr.capture.behave_writer import (
    moment_folder,
    write_calibration,
    write_fit,
    write_image,
    write_info,
)
from sshmr.capture.depth_rig import DepthCamera, make_rig, measure
from sshmr.capture.props import PARTS, box, joined, thing
from sshmr.config.capture import CaptureConfig
from sshmr.geometry.frames import turn_body

ROOM = (7.0, 3.0, 7.0)
WANDERING = 0.5
"""Largest distance of people from the middle of the rig, metres."""
WORLD = 1
"""The camera whose frame is the world."""
FAULTS = ("no mask", "no depth", "cut depth")


class Scene(NamedTuple):
    """A room with y up: the placed actor, the rest as (vertices, faces), and the cameras."""

    placed: Placed
    rest: tuple[np.ndarray, np.ndarray]
    cameras: list[DepthCamera]


def make_scene(actor: Actor, settings: CaptureConfig, rng: np.random.Generator) -> Scene:
    """Put the actor, some furniture and the cameras into a room."""
    travel = actor.motion.travel - (actor.motion.travel.max(axis=0) + actor.motion.travel.min(axis=0)) / 2
    reach = np.linalg.norm(travel[:, [0, 2]], axis=1).max()
    placed = place(actor, np.eye(3), travel * min(1.0, WANDERING / max(reach, 1e-9)), up=1)
    things = [box((0.0, 0.0, 0.0), ROOM)]
    for _ in range(settings.depth.things):
        bearing, away = rng.uniform(0, 2 * np.pi), WANDERING + rng.uniform(0.3, 0.6)
        position = away * np.array([np.sin(bearing), np.cos(bearing)])
        things.append(thing(rng.choice(sorted(PARTS)), position, rng.uniform(0, 2 * np.pi)))
    return Scene(placed, joined(things), make_rig(settings.depth, rng))


def simulate_behave(
    actor: Actor, settings: CaptureConfig, seed: int, rng: np.random.Generator, root: Path
) -> str:
    """Record the actor and write a data set with this sequence; returns a line about it."""
    scene = make_scene(actor, settings, rng)
    name, count = actor.sequence.name, len(scene.placed.vertices)
    to_world, origin = _room_to_world(scene.cameras)
    poses = [(to_world @ camera.rotation, to_world @ camera.position + origin) for camera in scene.cameras]
    write_calibration(root, [c.lens for c in scene.cameras], [c.table for c in scene.cameras], poses)
    fits = _fits(actor, scene.placed, to_world, origin)
    sizes, faces = [], actor.body.faces.numpy()
    for frame, vertices in enumerate(scene.placed.vertices):
        folder = moment_folder(root, name, frame / settings.framerate)
        for number, camera in enumerate(scene.cameras):
            image = measure(camera, (vertices, faces), scene.rest, settings.depth, rng)
            write_image(folder, number, *image)
            sizes.append(int((image.mask & (image.depth > 0)).sum()))
            if rng.random() < settings.defects:
                _damage(folder, number, rng.choice(FAULTS))
        if rng.random() >= settings.defects:
            write_fit(folder, *(values[frame] for values in fits))
    write_info(root, name, actor.sequence.split, actor.gender, actor.betas, len(scene.cameras))
    return (
        f"{count} moments of a {actor.gender} body in front of {len(scene.cameras)} depth cameras, "
        f"{min(sizes)}–{max(sizes)} pixels"
    )


def _room_to_world(cameras: Sequence[DepthCamera]) -> tuple[np.ndarray, np.ndarray]:
    """The room's frame → that of camera 1: rotation and translation."""
    camera = cameras[WORLD]
    return camera.rotation.T, -camera.rotation.T @ camera.position


def _fits(
    actor: Actor, placed: Placed, rotation: np.ndarray, translation: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The actor's pose (T, 72), betas (T, 10) and transl (T, 3) in the world."""
    pose, transl = torch.as_tensor(placed.pose), torch.as_tensor(placed.transl)
    betas = torch.as_tensor(actor.betas).expand(len(pose), -1)
    pelvis = actor.body.to(dtype=torch.float64).rest_joints(betas)[:, 0]
    root, transl = turn_body(torch.as_tensor(rotation), pose[:, :3], transl, pelvis)
    pose = torch.cat([root, pose[:, 3:]], dim=1)
    return pose.numpy(), betas.numpy(), transl.numpy() + translation


def _damage(folder: Path, camera: int, fault: str) -> None:
    """Add a defect of real recordings to one image."""
    depth = folder / f"k{camera}.depth.png"
    if fault == "no mask":
        for mask in folder.glob(f"k{camera}.person_mask.*"):
            mask.unlink()
    elif fault == "no depth":
        depth.unlink()
    else:
        depth.write_bytes(depth.read_bytes()[: depth.stat().st_size // 2])
