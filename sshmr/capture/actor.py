"""The person and the motion of a simulated sequence, for any sensor and layout."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch

from sshmr.body.model import BodyModel
from sshmr.body.prior import PosePrior
from sshmr.capture.motion import Motion, drawn_motion
from sshmr.capture.motion_files import motion_from_file
from sshmr.config.capture import CaptureConfig
from sshmr.errors import InputError
from sshmr.geometry.frames import turn_body
from sshmr.sources.shards import SimulatedSequence, simulated_plan


class Actor(NamedTuple):
    """One person in motion: betas (10,), a ``Motion`` with y up, and the body it moves."""

    sequence: SimulatedSequence
    gender: str
    betas: np.ndarray
    body: BodyModel
    motion: Motion


class Placed(NamedTuple):
    """The actor's bodies in a world: vertices (T, V, 3), pose (T, 72), transl (T, 3), float64."""

    vertices: np.ndarray
    pose: np.ndarray
    transl: np.ndarray


def find_sequence(name: str, settings: CaptureConfig) -> SimulatedSequence:
    """The sequence of that name in a ``CaptureConfig``'s plan.

    Raises:
        InputError: when the plan does not have it.
    """
    plan = simulated_plan(settings)
    for sequence in plan:
        if sequence.name == name:
            return sequence
    names = ", ".join(sequence.name for sequence in plan)
    raise InputError("capture", "sequence", f'"{name}"', f"one of {names}")


def make_actor(
    sequence: SimulatedSequence,
    settings: CaptureConfig,
    load_body: Callable[[str], BodyModel],
    prior: PosePrior,
    seed: int,
    rng: np.random.Generator,
) -> Actor:
    """Draw the person of a sequence and the motion.

    Args:
        sequence: a ``SimulatedSequence``; settings: a ``CaptureConfig``.
        load_body: function of a gender that returns its ``BodyModel``.
        prior: a ``PosePrior``; unused if ``settings.motion`` names a file.
        seed: the run's; rng: numpy Generator of this sequence.
    """
    gender, betas = _subject(sequence.subject, settings, seed)
    body = load_body(gender)
    if settings.motion is None:
        motion = drawn_motion(prior, body, betas, settings, rng)
    else:
        motion = motion_from_file(settings.motion, settings, sequence)
    return Actor(sequence, gender, betas, body, motion)


def place(actor: Actor, turn: np.ndarray, pelvis: np.ndarray, up: int) -> Placed:
    """Pose the actor in a world, the lowest vertex of each frame on the ground.

    Args:
        turn: (3, 3) rotation, the motion's frame (y up) → the world.
        pelvis: (T, 3) metres, of the pelvis. Its height is ignored.
        up: the world's axis that points up, 0, 1 or 2; the ground is at 0.

    Returns:
        A ``Placed``.
    """
    frames, kind = len(actor.motion.pose), torch.float64
    body = actor.body.to(dtype=kind)
    shape = torch.as_tensor(actor.betas, dtype=kind).expand(frames, -1)
    rest = body.rest_joints(shape)[:, 0]
    pose = torch.as_tensor(actor.motion.pose, dtype=kind)
    root, _ = turn_body(torch.as_tensor(turn), pose[:, :3], torch.zeros(frames, 3, dtype=kind), rest)
    pose = torch.cat([root, pose[:, 3:]], dim=1)
    transl = torch.as_tensor(pelvis) - rest
    vertices = body(pose, shape, transl).vertices
    sunk = vertices[..., up].min(dim=1).values
    transl[:, up] -= sunk
    vertices[..., up] -= sunk[:, None]
    return Placed(vertices.numpy(), pose.numpy(), transl.numpy())


def _subject(subject: int, settings: CaptureConfig, seed: int) -> tuple[str, np.ndarray]:
    """A person's gender and shape, the same in each of its sequences."""
    rng = np.random.default_rng([seed, 0, subject])
    betas = np.clip(rng.normal(0, settings.shape_spread, 10), -2.5, 2.5)
    return settings.genders[subject % len(settings.genders)], betas
