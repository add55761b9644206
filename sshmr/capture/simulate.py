"""Simulate one sequence: a subject, a motion, a place in front of the sensor, and what the LiDAR sees."""

import numpy as np
import torch

from sshmr.capture.lidar import scan
from sshmr.capture.motion import drawn_motion
from sshmr.capture.motion_files import motion_from_file
from sshmr.capture.sloper4d_writer import write_sequence
from sshmr.data.shards import simulated_plan
from sshmr.errors import InputError
from sshmr.geometry.frames import Z_UP_TO_Y_UP, turn_body

Y_UP_TO_Z_UP = Z_UP_TO_Y_UP.T
FAULTS = ("no cloud", "empty cloud", "NaN points")


def simulate_sequence(name, settings, load_body, prior, seed, path):
    """Simulate and write one of the sequences that ``simulated_plan`` lists.

    Args:
        name: the sequence's name.
        settings: a ``CaptureConfig``.
        load_body: function of a gender that returns its ``BodyModel``.
        prior: a ``PosePrior``; unused where ``settings.motion`` names a file.
        seed: int; one seed for all sequences of a run.
        path: the pickle to write.

    Returns:
        One line that says what was made.
    """
    sequence = _find(name, settings)
    gender, betas = _subject(sequence.subject, settings, seed)
    body = load_body(gender)
    rng = np.random.default_rng([seed, 1, sequence.number])
    if settings.motion is None:
        motion = drawn_motion(prior, body, betas, settings, rng)
    else:
        motion = motion_from_file(settings.motion, settings, sequence)
    vertices, poses, transl = _place(motion, body, betas, settings, sequence.number, seed, rng)
    sensor = np.array([0.0, 0.0, rng.uniform(*settings.sensor_height)])
    faces = body.faces.numpy()
    clouds = {frame: scan(mesh, faces, sensor, settings.lidar, rng) for frame, mesh in enumerate(vertices)}
    sizes = [len(cloud) for cloud in clouds.values()]
    write_sequence(
        path,
        framerate=settings.framerate,
        frames=np.arange(len(vertices)),
        sensor=np.tile(sensor, (len(vertices), 1)),
        poses=poses,
        transl=transl,
        betas=betas,
        gender=gender,
        clouds=_damage(clouds, settings.defects, rng),
        body=body,
    )
    distance = np.linalg.norm(vertices.mean(axis=1)[:, :2], axis=1).mean()
    return (
        f"{name} (simulated, {sequence.split}): {len(vertices)} frames of a {gender} body "
        f"at {distance:.1f} m, {min(sizes)}–{max(sizes)} points"
    )


def _find(name, settings):
    plan = simulated_plan(settings)
    for sequence in plan:
        if sequence.name == name:
            return sequence
    names = ", ".join(sequence.name for sequence in plan)
    raise InputError("capture", "sequence", f'"{name}"', f"one of {names}")


def _subject(subject, settings, seed):
    """A person's gender and shape, the same in each of its sequences."""
    rng = np.random.default_rng([seed, 0, subject])
    betas = np.clip(rng.normal(0, settings.shape_spread, 10), -2.5, 2.5)
    return settings.genders[subject % len(settings.genders)], betas


def _place(motion, body, betas, settings, number, seed, rng):
    """Turn the motion to z up, set it at its distance with its feet on the ground.

    Returns:
        vertices (T, V, 3), pose (T, 72) and transl (T, 3), float64, z up.
    """
    frames = len(motion.pose)
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

    kind = torch.float64
    body = body.to(dtype=kind)
    shape = torch.as_tensor(betas, dtype=kind).expand(frames, -1)
    pelvis = body.rest_joints(shape)[:, 0]
    pose = torch.as_tensor(motion.pose, dtype=kind)
    root, _ = turn_body(torch.as_tensor(turn), pose[:, :3], torch.zeros(frames, 3, dtype=kind), pelvis)
    pose = torch.cat([root, pose[:, 3:]], dim=1)
    transl = torch.as_tensor(centre + travel) - pelvis
    vertices = body(pose, shape, transl).vertices
    sunk = vertices[..., 2].min(dim=1).values
    transl[:, 2] -= sunk
    vertices[..., 2] -= sunk[:, None]
    return vertices.numpy(), pose.numpy(), transl.numpy()


def _about_z(angle):
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])


def _damage(clouds, rate, rng):
    """Give a share of the frames the faults of real recordings: no cloud, an empty one, NaN points."""
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
