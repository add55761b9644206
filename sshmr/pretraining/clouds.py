"""Clouds of synthetic people: rays cast at posed bodies, ground and objects, with exact labels."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from sshmr.geometry.raycast import Surface
from sshmr.network.head import Prediction
from sshmr.pretraining.coarse import CoarseBody
from sshmr.pretraining.poses import PoseMixture
from sshmr.pretraining.sensors import Sensor, depth_sensor, draw_sensor
from sshmr.training.batch import Batch, take
from sshmr.training.synthetic import LIMBS

VIEWS = 3
"""Clouds of each posed body. Posing it and building the ray tracer's tree take longer than a view."""

LEAST_POINTS = 50

ATTEMPTS = 4
"""Views tried until one has enough points; the last is neither cut nor thinned."""

CLOTHED, OUTSIDE = 0.5, 0.03
"""Share of people in clothes, and their largest distance from the skin in metres; loose ones have twice of
it."""

OBSTRUCTED, LEFT_IN = 0.3, 0.35
"""Share of scenes with an object near the person, and of those clouds in which its points stay."""

GROUND = 0.15
"""Share of scenes in which the ground stays."""

FUSED = 0.08
"""Share of clouds of several cameras."""

CROPPED, LIMBLESS, PIERCED, THINNED, STRAYED, AVERAGED = 0.2, 0.08, 0.15, 0.4, 0.4, 0.5
"""Shares of clouds: cut off at a plane, without a limb, with a hole, with few points, with strays, averaged
over the cells of a grid as extraction does."""

VOXEL = 0.03
"""Metres."""

_BOX = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
_BOX_FACES = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1],
     [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]]
)  # fmt: skip
_LIMBS = np.array(LIMBS)


class SyntheticScenes:
    """Draws batches of clouds of synthetic people.

    Args:
        coarse: the body. poses: draws its poses and betas. sensor: draws the sensor of a cloud.
    """

    def __init__(
        self,
        coarse: CoarseBody,
        poses: PoseMixture,
        sensor: Callable[[np.random.Generator], Sensor] = draw_sensor,
    ):
        self.coarse, self.poses, self.sensor = coarse, poses, sensor
        self.faces = self.coarse.faces.numpy()
        self.label, self.bone = self.coarse.label.numpy(), self.coarse.bone.numpy()

    def draw(self, bodies: int, points: int, seed: int) -> Batch:
        """``bodies`` · ``VIEWS`` clouds of at most ``points`` points, shuffled: ``Batch``."""
        generator = torch.Generator().manual_seed(seed)
        rng = np.random.default_rng(seed)
        target = self.poses.draw(bodies, generator)
        vertices = self.coarse.posed(target, _clothes(bodies, generator)).numpy()
        rows = []
        for one in vertices:
            scene = _Scene(one, self.faces, self.sensor, rng)
            rows += [self._cloud(scene, points, rng) for _ in range(VIEWS)]
        order = torch.from_numpy(rng.permutation(len(rows)))
        cloud, segment, count = (np.stack(part) for part in zip(*rows, strict=True))
        mask = torch.arange(points) < torch.from_numpy(count)[:, None]
        labels = torch.from_numpy(segment)
        batch = Batch(
            points=torch.from_numpy(cloud),
            mask=mask,
            segment=labels,
            weight=(labels >= 0).float(),
            target=Prediction(*(part.repeat_interleave(VIEWS, 0) for part in target)),
            trust=torch.ones(len(rows)),
        )
        return take(batch, order)

    def _cloud(
        self, scene: "_Scene", size: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, int]:
        """Points (size, 3), labels (size,) with −1 for points off the body, and their number."""
        for attempt in range(ATTEMPTS):
            whole = attempt == ATTEMPTS - 1
            points, face = scene.seen(rng)
            on_body = face < len(self.faces)
            face = np.where(on_body, face, 0)
            label = np.where(on_body, self.label[face], -1)
            if not whole:
                kept = _kept(points, self.bone[face], on_body, rng)
                points, label = points[kept], label[kept]
            if rng.random() < AVERAGED:
                points, label = _averaged(points, label, rng)
            if (label >= 0).sum() >= LEAST_POINTS:
                break
        count = min(len(points), size)
        if rng.random() < THINNED and not whole:
            count = max(int(count * rng.uniform(0.15, 1)), min(LEAST_POINTS, count))
        chosen = rng.permutation(len(points))[:count]
        cloud, labels = np.zeros((size, 3), np.float32), np.full(size, -1)
        cloud[:count], labels[:count] = points[chosen], label[chosen]
        if rng.random() < STRAYED and count:
            _stray(cloud[:count], labels[:count], rng)
        return cloud, labels, count


class _Scene:
    """One person, optionally with an object and the ground, for ray casting."""

    def __init__(
        self,
        vertices: np.ndarray,
        faces: np.ndarray,
        sensor: Callable[[np.random.Generator], Sensor],
        rng: np.random.Generator,
    ):
        self.vertices, self.sensor = vertices, sensor
        low = vertices[:, 1].min()
        self.ground = low - rng.uniform(0, 0.02) if rng.random() < GROUND else None
        self.radius = rng.uniform(0.4, 0.9)
        parts, triangles = [vertices], [faces]
        if rng.random() < OBSTRUCTED:
            parts.append(_thing(low, rng))
            triangles.append(_BOX_FACES + len(vertices))
        if self.ground is not None:
            start = sum(map(len, parts))
            corners = np.array([[-3, 0, -3], [-3, 0, 3], [3, 0, 3], [3, 0, -3]], np.float32)
            corners[:, 1] = self.ground
            parts.append(corners)
            triangles.append(np.array([[0, 1, 2], [0, 2, 3]]) + start)
        self.body_faces = len(faces)
        self.all_faces = sum(map(len, triangles))
        self.surface = Surface(np.concatenate(parts), np.concatenate(triangles))

    def seen(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Points (K, 3) of one sensor, or of some cameras fused, and the face of each."""
        if rng.random() < FUSED:
            views = [self._view(depth_sensor(rng), rng) for _ in range(rng.integers(2, 5))]
            points, face = zip(*views, strict=True)
            return np.concatenate(points), np.concatenate(face)
        return self._view(self.sensor(rng), rng)

    def _view(self, sensor: Sensor, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        margin = 0.02 if self.ground is None else 0.3
        directions = sensor.rays(self.vertices, margin, rng)
        distance, face = self.surface.cast(sensor.eye, directions)
        hit = (face >= 0) & (rng.random(len(face)) >= sensor.dropout)
        distance, face, directions = distance[hit], face[hit], directions[hit]
        distance = distance + sensor.noise * rng.standard_normal(len(distance))
        if sensor.flying:
            off = rng.random(len(distance)) < sensor.flying
            distance = distance + off * rng.uniform(-0.05, 0.25, len(distance))
            face = np.where(off, self.all_faces, face)
        points = sensor.eye + distance[:, None] * directions
        kept = (face < self.body_faces) | (face == self.all_faces)
        if rng.random() < LEFT_IN or self.ground is not None:
            middle = self.vertices.mean(0)
            near = np.linalg.norm((points - middle)[:, [0, 2]], axis=1) < self.radius
            kept |= near
        return points[kept], face[kept]


def _clothes(count: int, generator: torch.Generator) -> Tensor:
    """(count, 24) metres by which clothes are outside the skin, by joint."""
    outside = OUTSIDE * torch.rand(count, 24, generator=generator)
    loose = 1.0 + (torch.rand(count, 1, generator=generator) < 0.3)
    worn = torch.rand(count, 1, generator=generator) < CLOTHED
    return outside * loose * worn


def _thing(low: float, rng: np.random.Generator) -> np.ndarray:
    """Corners (8, 3) of a box near the person, on the ground or above it."""
    size = rng.uniform((0.05, 0.1, 0.05), (0.7, 1.1, 0.7))
    angle = rng.uniform(0, 2 * np.pi)
    away = rng.uniform(0.3, 0.9) + 0.5 * max(size[0], size[2])
    bottom = low + (rng.uniform(0, 1.0) if rng.random() < 0.3 else 0.0)
    centre = np.array([away * np.sin(angle), bottom + size[1] / 2, away * np.cos(angle)])
    turn = rng.uniform(0, np.pi)
    rotation = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
    return ((_BOX * size) @ rotation.T + centre).astype(np.float32)


def _kept(points: np.ndarray, bone: np.ndarray, on_body: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The points that remain after a border, an obstacle or a segmentation removes some."""
    kept = np.ones(len(points), bool)
    if not on_body.any():
        return kept
    if rng.random() < CROPPED:
        upright = rng.random() < 0.6
        normal = np.array([0, -1.0, 0]) if upright else rng.standard_normal(3)
        along = points @ (normal / np.linalg.norm(normal))
        kept &= along <= np.quantile(along[on_body], rng.uniform(0.35, 0.95))
    if rng.random() < LIMBLESS:
        limb = _LIMBS[rng.integers(len(_LIMBS))]
        kept &= ~(limb[bone] & on_body)
    if rng.random() < PIERCED:
        centre = points[rng.integers(len(points))]
        kept &= np.linalg.norm(points - centre, axis=1) > rng.uniform(0.1, 0.35)
    return kept


def _averaged(
    points: np.ndarray, label: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The mean of each occupied cell of a grid, with the label of one of its points."""
    cells = np.floor(points / VOXEL + rng.random(3)).astype(np.int64) + 512
    keys = (cells[:, 0] << 20) + (cells[:, 1] << 10) + cells[:, 2]
    _, first, cell, count = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
    sums = np.stack([np.bincount(cell, points[:, axis], len(first)) for axis in range(3)], 1)
    return sums / count[:, None], label[first]


def _stray(cloud: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> None:
    """Move some points to random places near the body, in place."""
    stray = rng.random(len(cloud)) < 0.06 * rng.random() ** 2
    low, high = cloud.min(0) - 0.2, cloud.max(0) + 0.2
    cloud[stray] = rng.uniform(low, high, (stray.sum(), 3))
    labels[stray] = -1
