"""Synthetic clouds: bodies drawn from the pose prior, scanned by a simulated sensor, with exact labels.

They need no data set and no annotation, only the pose prior, the body and the template. The published method
does not use them. They correct the network where fits make systematic errors: a fit that faces backwards
labels its cloud backwards; a synthetic body never does.
"""

import math

import torch

from sshmr.body.model import PARENTS, BodyModel
from sshmr.body.prior import PosePrior
from sshmr.body.template import Template
from sshmr.geometry.rotations import rotation_about_y, rotvec_to_rotmat
from sshmr.network.head import Prediction
from sshmr.training.batch import Batch, choose_points, recentre

SURFACE_SAMPLES = 3000
BIN = 0.05
"""Cell of the coarse depth buffer at the body's distance, metres."""

DEPTH_SLACK = 0.12
"""A sample is visible up to this far behind the nearest sample of its cell, metres."""

LEAST_POINTS = 60


class SyntheticPeople:
    """Draws batches of synthetic clouds of the whole neutral ``body``."""

    def __init__(self, body: BodyModel, template: Template, prior: PosePrior) -> None:
        self.body, self.prior = body, prior
        corners = body.v_template[body.faces]
        area = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).norm(dim=1)
        self.face_weights = area
        self.label = torch.cdist(body.v_template, body.v_template[template.vertex_ids]).argmin(1)
        self.bone = body.weights.argmax(1)

    def draw(self, count: int, points: int, generator: torch.Generator) -> Batch:
        """A batch of ``count`` clouds with at most ``points`` points each."""
        target = self._bodies(count, generator)
        vertices = target.pose_body(self.body).vertices
        faces = self.body.faces[
            torch.multinomial(self.face_weights, SURFACE_SAMPLES, replacement=True, generator=generator)
        ]
        corner_weights = -torch.log(torch.rand(SURFACE_SAMPLES, 3, generator=generator).clamp_min(1e-6))
        corner_weights = corner_weights / corner_weights.sum(1, keepdim=True)
        a, b, c = vertices[:, faces[:, 0]], vertices[:, faces[:, 1]], vertices[:, faces[:, 2]]
        w = corner_weights[:, :, None]
        samples = a * w[:, 0] + b * w[:, 1] + c * w[:, 2]
        normals = torch.nn.functional.normalize(torch.linalg.cross(b - a, c - a), dim=-1)
        corner = faces.gather(1, corner_weights.argmax(1, keepdim=True))[:, 0]

        sensor, distance = self._sensors(count, generator)
        rays = samples - sensor[:, None]
        depth = rays.norm(dim=-1)
        directions = rays / depth[..., None]
        cosine = -(directions * normals).sum(-1)
        seen = (cosine > 0.1) & self._unoccluded(directions, depth, distance)
        seen &= self._on_ring(directions, distance, generator)
        seen &= self._unhidden(samples, self.bone[corner], generator)
        noise = torch.randn(depth.shape, generator=generator) * (
            0.005 + 0.015 * torch.rand(count, 1, generator=generator)
        )
        cloud = samples + directions * noise[..., None]
        cloud, weight = _outliers(cloud, generator)
        # Where almost nothing is left, keep the whole front.
        seen = torch.where(seen.sum(1, keepdim=True) >= LEAST_POINTS, seen, cosine > 0.1)
        batch = Batch(
            points=cloud,
            mask=seen,
            segment=self.label[corner].expand(count, -1),
            weight=weight,
            target=target,
            trust=torch.ones(count),
        )
        return recentre(_thin(choose_points(batch, points, generator), generator))

    def _bodies(self, count: int, generator: torch.Generator) -> Prediction:
        pose = self.prior.sample(count, generator).clamp(-2.6, 2.6)
        rotvecs = torch.cat([torch.zeros(count, 3), pose], dim=1).view(count, 24, 3)
        lean = torch.randn(count, 3, generator=generator) * torch.tensor([0.2, 0.0, 0.1])
        heading = rotation_about_y(torch.rand(count, generator=generator) * 2 * math.pi)
        rotmats = rotvec_to_rotmat(rotvecs)
        rotmats[:, 0] = heading @ rotvec_to_rotmat(lean)
        betas = torch.randn(count, 10, generator=generator).clamp(-2.5, 2.5)
        return Prediction(rotmats, torch.zeros(count, 3), betas)

    def _sensors(self, count: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Sensors (B, 3), 0.5 m below to 2 m above the pelvis, and their distances (B, 1)."""
        azimuth = torch.rand(count, generator=generator) * 2 * math.pi
        distance = 2.5 * (18 / 2.5) ** torch.rand(count, generator=generator)
        height = -0.5 + 2.5 * torch.rand(count, generator=generator)
        sensor = torch.stack([distance * azimuth.cos(), height, distance * azimuth.sin()], dim=1)
        return sensor, distance[:, None]

    def _unoccluded(
        self, directions: torch.Tensor, depth: torch.Tensor, distance: torch.Tensor
    ) -> torch.Tensor:
        azimuth, elevation = _angles(directions)
        cell = BIN / distance
        columns = 128
        row = ((elevation - elevation.amin(1, keepdim=True)) / cell).long().clamp_max(columns - 1)
        # The body may straddle an azimuth of ±π: measure from its middle.
        middle = torch.atan2(
            directions[..., 2].mean(1, keepdim=True), directions[..., 0].mean(1, keepdim=True)
        )
        across = torch.remainder(azimuth - middle + math.pi, 2 * math.pi) - math.pi
        column = ((across / cell).long() + columns // 2).clamp(0, columns - 1)
        bins = row * columns + column
        nearest = torch.full((len(depth), columns * columns), torch.inf).scatter_reduce(
            1, bins, depth, "amin"
        )
        return depth <= nearest.gather(1, bins) + DEPTH_SLACK

    def _on_ring(
        self, directions: torch.Tensor, distance: torch.Tensor, generator: torch.Generator
    ) -> torch.Tensor:
        """Keep samples near a LiDAR's rings in two thirds of the clouds. The others have a dense sensor."""
        count = len(directions)
        _, elevation = _angles(directions)
        spacing = torch.deg2rad(0.2 + 0.8 * torch.rand(count, 1, generator=generator))
        phase = elevation / spacing + torch.rand(count, 1, generator=generator)
        near = (phase - phase.round()).abs() * spacing * distance < 0.008
        dense = (torch.rand(count, 1, generator=generator) < 1 / 3) | (spacing * distance < 0.025)
        return near | dense

    def _unhidden(
        self, samples: torch.Tensor, bone: torch.Tensor, generator: torch.Generator
    ) -> torch.Tensor:
        """Remove a limb from some clouds, and everything beyond a random plane from others."""
        count = len(samples)
        limb = torch.tensor(LIMBS)[torch.randint(len(LIMBS), (count,), generator=generator)]
        without_limb = torch.rand(count, generator=generator) < 0.15
        hidden = limb.gather(1, bone.expand(count, -1)) & without_limb[:, None]
        normal = torch.nn.functional.normalize(torch.randn(count, 3, generator=generator), dim=1)
        along = (samples * normal[:, None]).sum(-1)
        limit = along.quantile(0.7, dim=1) + 0.3 * torch.rand(count, generator=generator)
        behind = (along > limit[:, None]) & (torch.rand(count, 1, generator=generator) < 0.2)
        return ~(hidden | behind)


def _subtree(root: int, children: dict[int, int]) -> set[int]:
    joints = {root}
    for joint in sorted(children):
        if children[joint] in joints:
            joints.add(joint)
    return joints


def _limbs() -> list[list[bool]]:
    children = {joint: parent for joint, parent in enumerate(PARENTS) if parent >= 0}
    roots = (1, 2, 4, 5, 16, 17, 18, 19, 12)
    return [[joint in _subtree(root, children) for joint in range(24)] for root in roots]


LIMBS = _limbs()
"""Joints of each leg, lower leg, arm, lower arm and the head: 9 × 24 bool."""


def _angles(directions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    azimuth = torch.atan2(directions[..., 2], directions[..., 0])
    return azimuth, torch.asin(directions[..., 1].clamp(-1, 1))


def _outliers(cloud: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Move a few points of some clouds to random places near the body. Their labels get weight 0."""
    count, width = cloud.shape[:2]
    share = 0.03 * torch.rand(count, 1, generator=generator) ** 2
    stray = torch.rand(count, width, generator=generator) < share
    somewhere = (torch.rand(cloud.shape, generator=generator) - 0.5) * torch.tensor([1.2, 2.0, 1.2])
    return torch.where(stray[..., None], somewhere, cloud), (~stray).float()


def _thin(batch: Batch, generator: torch.Generator) -> Batch:
    """Keep between a quarter and all of each cloud's points, more often many than few."""
    count, width = batch.mask.shape
    share = 1 - 0.75 * torch.rand(count, 1, generator=generator) ** 2
    rank = torch.rand(count, width, generator=generator)
    enough = batch.mask.sum(1, keepdim=True) * share >= LEAST_POINTS
    mask = batch.mask & ((rank < share) | ~enough)
    return batch._replace(
        points=batch.points * mask[..., None],
        mask=mask,
        segment=batch.segment.masked_fill(~mask, -1),
        weight=batch.weight * mask,
    )
