"""Simulated clouds of people as recordings outside of a studio show them, by kind.

Poses are real; sensors, clothes, ground and everything else is simulated. Each kind changes one thing: the
sensor, the posture, how much of a person is there, the size, what is worn, what is left in beside the person.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import clouds
import numpy as np
import postures
import torch
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation

from sshmr.body.model import BodyModel, Posed, open_body_path
from sshmr.config.capture import LidarConfig
from sshmr.config.extract import CloudsConfig, ExtractConfig
from sshmr.geometry.normals import vertex_normals
from sshmr.sources.clouds import clean
from sshmr.sources.sampling import centre_and_pad, subsample

POINTS = 1024
DRESSED = (0, 1, 2, 3, 4, 5, 6, 9, 16, 17, 18, 19)
"""Joints whose skin clothes cover: trunk, legs to the shins, upper arms and forearms."""
TRUNK = (0, 1, 2, 3, 6, 9, 13, 14)
HEAD, SPINE1, SPINE2, SPINE3 = 15, 3, 6, 9
Mesh = tuple[np.ndarray, np.ndarray]


def _rings(count, low, high, step, near, far):
    settings = LidarConfig(rings=count, lowest=low, highest=high, azimuth_step=step, range_noise=0.015)
    return functools.partial(clouds.lidar, settings=settings, distances=(near, far))


SENSORS = {
    "depth": clouds.depth_camera,
    "depth_near": functools.partial(clouds.depth_camera, distances=(1.2, 2.0), noise=0.002),
    "depth_far": functools.partial(clouds.depth_camera, distances=(4.0, 6.0), noise=0.015),
    "lidar16": _rings(16, -15, 15, 0.2, 2.5, 7),
    "lidar32": _rings(32, -25, 15, 0.2, 3, 10),
    "lidar64": _rings(64, -24.9, 2, 0.17, 4, 12),
    "lidar128": clouds.lidar,
}


class Person(NamedTuple):
    """A posed body: the model, ``Posed`` of one row, vertices (V, 3), metres, the lowest at y = 0."""

    body: BodyModel
    posed: Posed
    vertices: np.ndarray


class Kind(NamedTuple):
    """A kind of cloud.

    Attributes:
        sensor: of ``SENSORS``. posture: of ``postures.KINDS``. scale: lowest and highest factor of an adult.
        mesh: what of a ``Person`` the sensor sees, with everything around.
        part: share of the height that is kept; negative: from the bottom. stray: share of points thrown
            anywhere near.
    """

    sensor: str
    posture: str = "standing"
    scale: tuple[float, float] = (1.0, 1.0)
    mesh: Callable[[Person, np.random.Generator], Mesh] | None = None
    part: float = 1.0
    stray: float = 0.0


class Wild(NamedTuple):
    """F clouds: frames (``clouds.Frames``), seen (F, 24) joints that are there, shape (F, 3) of the true
    bodies: height, waist and chest girth, metres."""

    frames: clouds.Frames
    seen: np.ndarray
    shape: np.ndarray


def draw(kind: Kind, poses: np.ndarray, count: int, seed: int) -> Wild:
    """``count`` clouds of a kind, from poses (P, 72), read as the product reads them."""
    rng = np.random.default_rng(seed)
    bodies = {gender: BodyModel.load(open_body_path(gender)) for gender in ("male", "female")}
    rows, seen, shape = [], [], []
    while len(rows) < count:
        body = bodies[rng.choice(sorted(bodies))]
        pose, betas, transl = clouds.person(body, postures.KINDS[kind.posture](poses, rng), rng)
        posed = body(pose[None], betas[None], transl[None])
        scale = rng.uniform(*kind.scale)
        vertices, joints = (scale * part[0].numpy() for part in (posed.vertices, posed.joints))
        mesh = vertices, body.faces.numpy()
        if kind.mesh:
            mesh = kind.mesh(Person(body, posed, vertices), rng)
        cloud, place = SENSORS[kind.sensor](*mesh, rng)
        low, high = vertices[:, 1].min(), vertices[:, 1].max()
        if kind.part > 0:
            low = high - kind.part * (high - low)
        else:
            high = low - kind.part * (high - low)
        cloud = cloud[(cloud[:, 1] >= low - 0.3 * (kind.part == 1)) & (cloud[:, 1] <= high + 0.2)]
        cloud = _with_strays(cloud, kind.stray, rng)
        cloud, _ = clean(cloud, READING)
        if len(cloud) < LEAST_POINTS:
            continue
        cloud = subsample(cloud, POINTS, "random", str(len(rows)))
        points, number, centre = centre_and_pad(cloud, POINTS)
        mask = np.arange(POINTS) < number
        centre = centre.astype(np.float32)
        place = (place - centre).astype(np.float32)
        rows.append((points, mask, pose, betas, transl - centre, joints - centre, vertices - centre, place))
        seen.append((joints[:, 1] >= low - 0.05) & (joints[:, 1] <= high + 0.05))
        shape.append(scale * shape_of(body, betas[None])[0])
    frames = clouds.Frames(
        *(np.stack([np.asarray(part) for part in parts]) for parts in zip(*rows, strict=True))
    )
    return Wild(frames, np.stack(seen), np.stack(shape))


READING = ExtractConfig(voxel=0.02, clouds=CloudsConfig(ground="auto"))
LEAST_POINTS = 50


def shape_of(body: BodyModel, betas: torch.Tensor) -> np.ndarray:
    """(B, 3) metres: height, girth at the waist and at the chest of bodies at rest, betas (B, 10)."""
    zeros = torch.zeros(len(betas), 72)
    rest = body(zeros, betas, zeros[:, :3])
    trunk = torch.isin(body.weights.argmax(1), torch.tensor(TRUNK)).numpy()
    found = []
    for vertices, joints in zip(rest.vertices.numpy(), rest.joints.numpy(), strict=True):
        girths = []
        for joint in (SPINE1, SPINE3):
            slab = vertices[trunk & (np.abs(vertices[:, 1] - joints[joint, 1]) < 0.02)]
            girths.append(ConvexHull(slab[:, [0, 2]]).area)
        found.append((np.ptp(vertices[:, 1]), *girths))
    return np.array(found)


def clothed(person: Person, rng: np.random.Generator) -> Mesh:
    """Clothes on trunk, legs and arms, 3 to 8 cm out where they are loosest; hair, skirts, backpacks."""
    body, faces = person.body, person.body.faces.numpy()
    weights, rest = body.weights.numpy(), body.v_template.numpy()
    waves = sum(
        np.sin(rest @ (Rotation.random(random_state=rng).apply([2 * np.pi / rng.uniform(0.2, 0.7), 0, 0]))
               + rng.uniform(0, 6.3))
        for _ in range(4)
    )  # fmt: skip
    loose = rng.uniform(0.03, 0.08) * np.clip(0.5 + 0.25 * waves, 0, 1)
    offset = loose * weights[:, DRESSED].sum(1).clip(0, 1)
    if rng.random() < 0.5:
        ahead = person.posed.rotations[0, HEAD, :, 2].numpy()
        outward = vertex_normals(person.vertices, faces)
        face = (outward @ ahead).clip(0, 1)
        offset = offset + rng.uniform(0.02, 0.05) * weights[:, HEAD] * (1 - face)
    vertices = person.vertices + offset[:, None] * vertex_normals(person.vertices, faces)
    meshes = [(vertices, faces)]
    if rng.random() < 0.3:
        meshes.append(_skirt(person, rng))
    if rng.random() < 0.3:
        meshes.append(_backpack(person, rng))
    return _joined(meshes)


def _skirt(person: Person, rng: np.random.Generator) -> Mesh:
    """A cone from the waist to the knees."""
    joints = person.posed.joints[0].numpy()
    top, bottom = joints[SPINE1], joints[[4, 5]].mean(0)
    down = bottom - top
    right = np.cross(down, person.posed.rotations[0, 0, :, 2].numpy())
    right /= np.linalg.norm(right)
    ahead = np.cross(right, down) / np.linalg.norm(down)
    angle = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    rings = []
    for along, width in ((0.0, 0.16), (0.35, 0.22), (1.0, rng.uniform(0.26, 0.38))):
        circle = np.cos(angle)[:, None] * right + 0.85 * np.sin(angle)[:, None] * ahead
        rings.append(top + along * down + width * circle)
    faces = [
        triangle
        for ring in (0, 32)
        for i in range(32)
        for triangle in (
            (ring + i, ring + (i + 1) % 32, ring + 32 + i),
            (ring + 32 + i, ring + (i + 1) % 32, ring + 32 + (i + 1) % 32),
        )
    ]
    return np.concatenate(rings), np.array(faces)


def _backpack(person: Person, rng: np.random.Generator) -> Mesh:
    """A box on the back."""
    turn = person.posed.rotations[0, SPINE2].numpy()
    corner = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    half = rng.uniform((0.12, 0.18, 0.06), (0.18, 0.28, 0.12))
    place = person.posed.joints[0, SPINE2].numpy() + turn @ np.array([0, 0.1, -0.12 - half[2]])
    return place + (corner * half) @ turn.T, ConvexHull(corner).simplices


def on_ground(person: Person, rng: np.random.Generator) -> Mesh:
    """Ground left in the box around a person."""
    half = rng.uniform(0.45, 0.9)
    corner = person.vertices.mean(0) + half * np.array([[-1, 0, -1], [-1, 0, 1], [1, 0, 1], [1, 0, -1]])
    corner[:, 1] = -rng.uniform(0, 0.03)
    return _joined([(person.vertices, person.body.faces.numpy()), (corner, np.array([[0, 1, 2], [0, 2, 3]]))])


def _joined(meshes: list[Mesh]) -> Mesh:
    starts = np.cumsum([0, *(len(vertices) for vertices, _ in meshes)])
    faces = [faces + start for (_, faces), start in zip(meshes, starts, strict=False)]
    return np.concatenate([vertices for vertices, _ in meshes]), np.concatenate(faces)


def _with_strays(cloud: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    low, high = cloud.min(0) - 0.2, cloud.max(0) + 0.2
    return np.concatenate([cloud, rng.uniform(low, high, (round(len(cloud) * share), 3))])


def _both(**changes) -> dict[str, Kind]:
    """A kind for a depth camera and one for a LiDAR of 64 rings."""
    return {sensor: Kind(sensor, **changes) for sensor in ("depth", "lidar64")}


GROUPS: dict[str, dict[str, Kind]] = {
    "sensor": {name: Kind(name) for name in SENSORS},
    "lying": _both(posture="lying"),
    "seated": _both(posture="seated"),
    "crawling": _both(posture="crawling"),
    "crouching": _both(posture="crouching"),
    "bent": _both(posture="bent"),
    "upside_down": _both(posture="upside_down"),
    "upper": {f"{share:.0%}": Kind("depth", part=share) for share in (0.4, 0.5, 0.7)},
    "lower": {f"{share:.0%}": Kind("depth", part=-share) for share in (0.4, 0.5, 0.7)},
    "child": _both(scale=(0.6, 0.85)),
    "clothed": _both(mesh=clothed),
    "ground": {name: Kind(name, mesh=on_ground) for name in ("lidar16", "lidar64")},
    "stray": _both(stray=0.1),
    "far_limb": _both(posture="reaching"),
}
"""Kinds by what they vary; those of a group differ in sensor or part."""
