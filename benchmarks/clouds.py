"""Clouds with known bodies for the benchmarks: real poses seen by a simulated depth camera or LiDAR."""

from typing import NamedTuple

import numpy as np
import torch

from sshmr.body.model import BodyModel, open_body_path
from sshmr.capture.lidar import scan
from sshmr.config.capture import LidarConfig
from sshmr.geometry.frames import Z_UP_TO_Y_UP
from sshmr.geometry.raycast import Surface

LIDAR = LidarConfig()


class Frames(NamedTuple):
    """F centred clouds, points (F, N, 3) with zero rows as padding and mask (F, N), and the true bodies.

    ``sensor`` (F, 3): where each was seen from, metres, in the centred frame.
    """

    points: np.ndarray
    mask: np.ndarray
    pose: np.ndarray
    betas: np.ndarray
    transl: np.ndarray
    joints: np.ndarray
    vertices: np.ndarray
    sensor: np.ndarray


def frames(sensor, poses, count, seed, size=1024):
    """Choose ``count`` of the poses (P, 72), give each a person and a heading, and scan it."""
    rng = np.random.default_rng(seed)
    bodies = {gender: BodyModel.load(open_body_path(gender)) for gender in ("male", "female")}
    rows = []
    for index in rng.choice(len(poses), count, replace=False):
        body = bodies[rng.choice(sorted(bodies))]
        pose, betas, transl = person(body, poses[index], rng)
        posed = body(pose[None], betas[None], transl[None])
        vertices, joints = posed.vertices[0].numpy(), posed.joints[0].numpy()
        cloud, place = sensor(vertices, body.faces.numpy(), rng)
        cloud = cloud[rng.permutation(len(cloud))[:size]]
        centre = cloud.mean(0)
        padded = np.zeros((size, 3), np.float32)
        padded[: len(cloud)] = cloud - centre
        mask = np.arange(size) < len(cloud)
        place = (place - centre).astype(np.float32)
        rows.append((padded, mask, pose, betas, transl - centre, joints - centre, vertices - centre, place))
    return Frames(*(np.stack([np.asarray(part) for part in parts]) for parts in zip(*rows, strict=True)))


def person(body, pose, rng):
    """A random shape and heading, standing on y = 0."""
    from scipy.spatial.transform import Rotation

    pose = pose.astype(np.float64).copy()
    turn = Rotation.from_rotvec([0, rng.uniform(0, 2 * np.pi), 0])
    pose[:3] = (turn * Rotation.from_rotvec(pose[:3])).as_rotvec()
    pose = torch.tensor(pose, dtype=torch.float32)
    betas = torch.tensor(rng.normal(0, 1, 10).clip(-2, 2), dtype=torch.float32)
    low = body(pose[None], betas[None], torch.zeros(1, 3)).vertices[0, :, 1].min()
    return pose, betas, torch.stack([torch.zeros(()), -low, torch.zeros(())])


def depth_camera(vertices, faces, rng, distances=(2.0, 4.0), noise=0.003):
    """A camera 2–4 m away with one or two thin occluders, 3 mm noise and 2 % outliers; (K, 3) metres, eye."""
    bearing, distance = rng.uniform(0, 2 * np.pi), rng.uniform(*distances)
    eye = distance * np.array([np.sin(bearing), 0, np.cos(bearing)]) + [0, rng.uniform(-0.3, 1.0), 0]
    eye = vertices.mean(0) + eye
    return depth_pixels(vertices, faces, eye, rng, noise, distance, occluders=True), eye


def depth_pixels(vertices, faces, eye, rng, noise=0.003, distance=None, occluders=False):
    """What a camera at ``eye`` (3,) measures of a mesh that it looks at; (K, 3) metres."""
    target = vertices.mean(0)
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, [0, 1, 0])
    right /= np.linalg.norm(right)
    up = np.cross(right, forward)
    reach = 1.3 / (distance or np.linalg.norm(target - eye))
    u, v = np.meshgrid(np.linspace(-reach, reach, 160), np.linspace(-reach, reach, 160))
    directions = forward + u[..., None] * right + v[..., None] * up
    directions = (directions / np.linalg.norm(directions, axis=-1, keepdims=True)).reshape(-1, 3)
    hit, face = Surface(vertices, faces).cast(eye, directions)
    seen = face >= 0
    if occluders:
        seen &= ~_occluded(u.ravel(), v.ravel(), reach, rng)
    hit = hit[seen] + rng.normal(0, noise, seen.sum())
    cloud = eye + hit[:, None] * directions[seen]
    cloud = cloud[rng.permutation(len(cloud))[:1003]]
    low, high = cloud.min(0) - 0.2, cloud.max(0) + 0.2
    stray = rng.uniform(low, high, (round(len(cloud) * 0.02), 3))
    return np.concatenate([cloud, stray]).astype(np.float32)


def _occluded(u, v, reach, rng):
    """The pixels that a few vertical or horizontal bars occlude."""
    hidden = np.zeros(len(u), bool)
    for _ in range(rng.integers(0, 3)):
        across = u if rng.random() < 0.5 else v
        centre, half = rng.uniform(-0.5, 0.5) * reach, rng.uniform(0.02, 0.10) * reach
        hidden |= np.abs(across - centre) < half
    return hidden


def lidar(vertices, faces, rng, settings=LIDAR, distances=(4.0, 14.0)):
    """A spinning LiDAR 4–14 m away, about 100 to 1,000 points; (K, 3) metres, and its place."""
    bearing, distance = rng.uniform(0, 2 * np.pi), rng.uniform(*distances)
    sensor = np.array([distance * np.sin(bearing), rng.uniform(1.5, 2.0), distance * np.cos(bearing)])
    while True:
        cloud = scan(vertices @ Z_UP_TO_Y_UP, faces, sensor @ Z_UP_TO_Y_UP, settings, rng) @ Z_UP_TO_Y_UP.T
        if len(cloud) >= 60:
            return cloud.astype(np.float32), sensor
        sensor *= np.array([0.8, 1.0, 0.8])
