"""Several people on paths through a simulated scene. Metres, y up."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d

from sshmr.body.joint_limits import clip_to_limits
from sshmr.body.model import BodyModel
from sshmr.body.prior import PosePrior
from sshmr.capture.motion import drawn_motion
from sshmr.geometry.frames import turn_body
from tools.scenes.clothes import dressed
from tools.scenes.settings import SceneConfig

STANDING = 0.15
"""Speed in metres per second below which a person stands."""
LEG, FIT_CADENCE = 0.85, 0.9
"""Leg length in metres, and steps per second of a very slow walk."""
COMPANIONS = 0.2
"""Share of people who walk or stand side by side with another."""
DARK = 0.25
"""Share of people in dark trousers."""
CHILDREN = 0.08
"""Share of people who are smaller than an adult."""
APART = 0.55
"""Smallest distance between two people in metres, if possible."""


class Walker(NamedTuple):
    """One person through the whole recording.

    Attributes:
        vertices: (T, V, 3), faces: (F, 3). centre: (T, 3), the pelvis. there: (T,) bool, in the scene or not.
        kind: ``walk``, ``stand``, ``crouch``, ``sit`` or ``ride``.
        dark: share of the rays on legs that do not return, as from dark trousers.
    """

    vertices: np.ndarray
    faces: np.ndarray
    centre: np.ndarray
    there: np.ndarray
    kind: str
    dark: float


def make_walker(
    kind: str,
    way: np.ndarray,
    there: np.ndarray,
    ground: Callable[[np.ndarray], np.ndarray],
    load_body: Callable[[str], BodyModel],
    prior: PosePrior,
    settings: SceneConfig,
    rng: np.random.Generator,
) -> Walker:
    """Pose and dress a random person along a path.

    Args:
        kind: see ``Walker``. way: (T, 2) metres, x and z of the pelvis. there: (T,) bool.
        ground: function of (T, 2) that returns heights. load_body: function of a gender. rng: of this person.
    """
    body: BodyModel = load_body(str(rng.choice(["female", "male"])))
    betas = np.clip(rng.normal(0, 1.0, 10), -2.5, 2.5)
    pose, heading = _poses(kind, way, body, betas, prior, settings, rng)
    frames, exact = len(way), torch.float64
    shape = torch.as_tensor(betas, dtype=exact).expand(frames, -1)
    model = body.to(dtype=exact)
    rest = model.rest_joints(shape)[:, 0]
    turns = torch.as_tensor(_about_y(heading))
    root, _ = turn_body(turns, torch.as_tensor(pose[:, :3]), torch.zeros(frames, 3, dtype=exact), rest)
    turned = torch.cat([root, torch.as_tensor(pose[:, 3:])], dim=1)
    pelvis = torch.as_tensor(np.column_stack([way[:, 0], np.zeros(frames), way[:, 1]]))
    vertices = model(turned, shape, pelvis - rest).vertices.numpy()
    if rng.random() < CHILDREN:
        vertices = pelvis.numpy()[:, None] + rng.uniform(0.6, 0.95) * (vertices - pelvis.numpy()[:, None])
    lift = ground(way) - vertices[..., 1].min(axis=1) + (0.25 if kind == "ride" else 0.0)
    vertices[..., 1] += lift[:, None]
    centre = np.column_stack([way[:, 0], lift, way[:, 1]])
    dark = rng.uniform(0.0, 0.8) if rng.random() < DARK else 0.0
    vertices, faces = dressed(vertices, body, heading, kind in ("walk", "stand"), rng)
    return Walker(vertices.astype(np.float32), faces, centre, there, kind, dark)


def draw_ways(
    count: int, settings: SceneConfig, free: Callable[[np.ndarray], bool], rng: np.random.Generator
) -> tuple[list[np.ndarray], list[np.ndarray], list[str]]:
    """Paths (T, 2) of some people, when each is present (T,), and what each does.

    Walkers go from one drawn place to the next; they enter and leave, cross each other and stop.

    Args:
        free: function of a place (2,): whether a person can stand there.
    """
    times = np.arange(settings.frames) / settings.frames_per_second
    ways: list[np.ndarray] = []
    theres: list[np.ndarray] = []
    kinds: list[str] = []
    for _ in range(count):
        if ways and kinds[-1] in ("walk", "stand") and rng.random() < COMPANIONS:
            bearing, apart = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 0.8)
            beside = ways[-1] + apart * np.array([np.sin(bearing), np.cos(bearing)])
            if _keeps_apart(beside, ways, 0.45) and all(free(point) for point in beside):
                ways.append(beside)
                theres.append(theres[-1])
                kinds.append(kinds[-1])
                continue
        kind = str(rng.choice(list(settings.kinds), p=np.array(list(settings.kinds.values()))))
        for _ in range(40):
            way = _way(kind, times, settings, free, rng)
            if way is not None and _keeps_apart(way, ways):
                break
        else:
            continue
        there = np.ones(len(times), bool)
        if kind == "walk" and len(times) > 30 and rng.random() < settings.coming_and_going:
            edge = rng.integers(len(times) // 8, len(times) // 2)
            there[:edge] = rng.random() < 0.5
            there[edge:] = ~there[0] or rng.random() < 0.3
            there[: len(times) // 2] |= ~there.any()
        ways.append(way)
        theres.append(there)
        kinds.append(kind)
    return ways, theres, kinds


def _keeps_apart(way: np.ndarray, others: list[np.ndarray], least: float = APART) -> bool:
    near = [np.linalg.norm(way - other, axis=1) for other in others]
    return all(distance.min() > least for distance in near)


def _way(
    kind: str,
    times: np.ndarray,
    settings: SceneConfig,
    free: Callable[[np.ndarray], bool],
    rng: np.random.Generator,
) -> np.ndarray | None:
    """A path of free places, or None."""
    place = _place(settings, free, rng)
    if place is None:
        return None
    if kind not in ("walk", "ride"):
        drift = gaussian_filter1d(rng.normal(0, 0.15, (len(times) + 40, 2)), 15, axis=0)[20:-20]
        return place + drift[: len(times)] * (kind == "stand")
    speed = rng.uniform(2.0, 4.5) if kind == "ride" else rng.uniform(0.5, 1.6)
    knots, clock = [place], [0.0]
    while clock[-1] < times[-1] + 2:
        target = _place(settings, free, rng)
        along = np.linspace(0, 1, 30)[:, None] if target is not None else None
        if target is None or not all(free(point) for point in knots[-1] + along * (target - knots[-1])):
            target = knots[-1] + rng.normal(0, 0.05, 2)
        knots.append(target)
        clock.append(clock[-1] + max(float(np.linalg.norm(target - knots[-2])) / speed, 0.2))
        if rng.random() < 0.2:
            knots.append(target)
            clock.append(clock[-1] + rng.uniform(0.5, 2.0))
    # Corners are rounded over half a second before and after.
    fine = np.arange(0, times[-1] + 2, 0.05)
    path = np.column_stack([np.interp(fine, clock, np.array(knots)[:, i]) for i in (0, 1)])
    path = gaussian_filter1d(path, 6, axis=0, mode="nearest")
    way = np.column_stack([np.interp(times, fine, path[:, i]) for i in (0, 1)])
    return way if all(free(point) for point in way) else None


def _place(
    settings: SceneConfig, free: Callable[[np.ndarray], bool], rng: np.random.Generator
) -> np.ndarray | None:
    near, far = settings.distance
    for _ in range(60):
        away = np.sqrt(rng.uniform(near**2, far**2))
        bearing = rng.uniform(-settings.spread, settings.spread)
        point = away * np.array([np.sin(bearing), np.cos(bearing)])
        if free(point):
            return point
    return None


def _poses(
    kind: str,
    way: np.ndarray,
    body: BodyModel,
    betas: np.ndarray,
    prior: PosePrior,
    settings: SceneConfig,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Poses (T, 72) without a heading, and headings (T,) about the vertical."""
    frames, rate = len(way), settings.frames_per_second
    motion = drawn_motion(prior, body, betas, settings.motion(), rng)
    pose = motion.pose.copy()
    step = np.gradient(way, axis=0) * rate if frames > 1 else np.zeros_like(way)
    speed = np.linalg.norm(step, axis=1)
    facing = rng.uniform(-np.pi, np.pi)
    if frames == 1:
        heading = np.full(1, facing)
        speed = np.full(1, rng.uniform(0.5, 1.6)) if kind == "walk" else speed
    else:
        heading = _headings(step, speed, facing, rate)
    if kind == "walk":
        walking = gaussian_filter1d((speed > STANDING).astype(float), 0.15 * rate)[:, None]
        arms = rng.uniform(0.5, 1.0)
        gait = _gait(speed, rate, rng)
        mixed = pose.copy()
        mixed[:, 3:] = (1 - arms) * pose[:, 3:] + arms * gait[:, 3:]
        legs = np.concatenate([np.arange(3 * j, 3 * j + 3) for j in (1, 2, 4, 5, 7, 8, 10, 11)])
        mixed[:, legs] = gait[:, legs]
        mixed[:, :3] = 0
        pose = (1 - walking) * pose + walking * mixed
    elif kind == "stand" and rng.random() < 0.7:
        # Most people stand at ease: arms down, legs straight.
        ease = rng.uniform(0.4, 1.0)
        pose = (1 - ease) * pose + ease * _gait(np.zeros(frames), rate, rng)
    elif kind in ("sit", "ride", "crouch"):
        pose[:, :3] = 0
        legs = np.concatenate([np.arange(3 * j, 3 * j + 3) for j in (1, 2, 4, 5, 7, 8)])
        pose[:, legs] = 0
        if kind == "ride":
            turn = 2 * np.pi * rng.uniform(0.8, 1.4) * np.arange(frames) / rate
            for side, phase in ((0, 0.0), (1, np.pi)):
                lift = 0.5 + 0.5 * np.sin(turn + phase)
                pose[:, 3 + 3 * side] = -(0.6 + 0.8 * lift)
                pose[:, 12 + 3 * side] = 0.5 + 1.1 * lift
            pose[:, 0] = rng.uniform(0.2, 0.5)
            pose[:, [48, 51]] = -rng.uniform(0.3, 0.7)
        else:
            bend = rng.uniform(1.2, 1.6) if kind == "sit" else rng.uniform(1.6, 2.1)
            pose[:, [3, 6]] = -bend
            pose[:, [12, 15]] = bend + (0.0 if kind == "sit" else 0.4)
            pose[:, 0] = rng.uniform(-0.1, 0.3)
        pose[:, 3:] = clip_to_limits(pose[:, 3:])
    return pose, heading


def _headings(step: np.ndarray, speed: np.ndarray, facing: float, rate: float) -> np.ndarray:
    """Headings (T,) along the path. They stay the same while a person stands."""
    angle = np.arctan2(step[:, 0], step[:, 1])
    moving = np.flatnonzero(speed > STANDING)
    if not len(moving):
        return np.full(len(step), facing)
    held = np.unwrap(angle[moving])
    return gaussian_filter1d(np.interp(np.arange(len(step)), moving, held), 0.15 * rate)


def _gait(speed: np.ndarray, rate: float, rng: np.random.Generator) -> np.ndarray:
    """Poses (T, 72) of a walk at a speed: hips, knees, ankles and arms swing with the step."""
    cadence = FIT_CADENCE + 0.75 * np.sqrt(np.maximum(speed, 0.0))
    phase = rng.uniform(0, 2 * np.pi) + np.cumsum(np.pi * cadence / rate)
    length = speed / np.maximum(cadence, 0.1)
    swing = np.arcsin(np.clip(length / (2 * LEG), 0, 0.6))
    pose = np.zeros((len(speed), 72))
    for side, sign in ((0, 1.0), (1, -1.0)):
        thigh = np.sin(phase) * sign
        pose[:, 3 + 3 * side] = -1.1 * swing * thigh - 0.05
        pose[:, 12 + 3 * side] = 0.1 + 1.4 * swing * np.clip(np.cos(phase) * sign, 0, None)
        pose[:, 21 + 3 * side] = 0.3 * swing * thigh
        pose[:, 48 + 3 * side] = rng.uniform(0.5, 1.1) * swing * thigh
        pose[:, 50 + 3 * side] = -sign * rng.uniform(1.1, 1.3)
        pose[:, 55 + 3 * side] = -sign * rng.uniform(0.1, 0.5)
    return pose


def _about_y(heading: np.ndarray) -> np.ndarray:
    cosine, sine, zero, one = np.cos(heading), np.sin(heading), np.zeros_like(heading), np.ones_like(heading)
    rows = [[cosine, zero, sine], [zero, one, zero], [-sine, zero, cosine]]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
