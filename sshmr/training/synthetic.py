"""Imagined clouds: bodies drawn from the pose prior, seen by an imagined sensor, with exact labels.

No data set is needed for them, and no annotation: pose prior, body and template are all the loop starts from
anyway. The published method has none. They keep the network honest where the fits are wrong in
the same way every time: a fit that faces backwards labels its cloud backwards, an imagined body never does.
"""

import math

import torch

from sshmr.body.model import PARENTS
from sshmr.geometry.rotations import rotation_about_y, rotvec_to_rotmat
from sshmr.network.head import Prediction
from sshmr.training.batch import Batch, choose_points, recentre

SURFACE_SAMPLES = 3000
BIN = 0.05
"""Metres, cell of the coarse depth buffer at the body's distance."""

DEPTH_SLACK = 0.12
"""Metres behind the nearest sample of its cell at which a sample still counts as seen."""

LEAST_POINTS = 60


class Imagination:
    """Draws batches of imagined clouds.

    Args:
        body: the whole neutral body. template: which vertices the labels name. prior: of the poses.
    """

    def __init__(self, body, template, prior):
        self.body, self.prior = body, prior
        corners = body.v_template[body.faces]
        area = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).norm(dim=1)
        self.face_weights = area
        self.label = torch.cdist(body.v_template, body.v_template[template.vertex_ids]).argmin(1)
        self.bone = body.weights.argmax(1)

    def draw(self, count, points, generator):
        """A batch of ``count`` clouds of at most ``points`` points: mirrors what ``Clouds`` gives."""
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
        # A cloud of which next to nothing is left is no use: show its front whole.
        seen = torch.where(seen.sum(1, keepdim=True) >= LEAST_POINTS, seen, cosine > 0.1)
        batch = Batch(
            points=cloud,
            mask=seen,
            segment=self.label[corner].expand(count, -1),
            weight=weight,
            target=target,
            confidence=torch.ones(count),
        )
        return recentre(_thin(choose_points(batch, points, generator), generator))

    def _bodies(self, count, generator):
        pose = self.prior.sample(count, generator).clamp(-2.6, 2.6)
        rotvecs = torch.cat([torch.zeros(count, 3), pose], dim=1).view(count, 24, 3)
        lean = torch.randn(count, 3, generator=generator) * torch.tensor([0.2, 0.0, 0.1])
        heading = rotation_about_y(torch.rand(count, generator=generator) * 2 * math.pi)
        rotmats = rotvec_to_rotmat(rotvecs)
        rotmats[:, 0] = heading @ rotvec_to_rotmat(lean)
        betas = torch.randn(count, 10, generator=generator).clamp(-2.5, 2.5)
        return Prediction(rotmats, torch.zeros(count, 3), betas)

    def _sensors(self, count, generator):
        """Sensors (B, 3) around the pelvis, half a metre below to 2 above, and their distances (B, 1)."""
        azimuth = torch.rand(count, generator=generator) * 2 * math.pi
        distance = 2.5 * (18 / 2.5) ** torch.rand(count, generator=generator)
        height = -0.5 + 2.5 * torch.rand(count, generator=generator)
        sensor = torch.stack([distance * azimuth.cos(), height, distance * azimuth.sin()], dim=1)
        return sensor, distance[:, None]

    def _unoccluded(self, directions, depth, distance):
        azimuth, elevation = _angles(directions)
        cell = BIN / distance
        columns = 128
        row = ((elevation - elevation.amin(1, keepdim=True)) / cell).long().clamp_max(columns - 1)
        # Seen from afar a body spans little azimuth, but it may straddle ±π: measure from its middle.
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

    def _on_ring(self, directions, distance, generator):
        """Only near a LiDAR's rings, for two clouds in three; the others are seen by a dense sensor."""
        count = len(directions)
        _, elevation = _angles(directions)
        spacing = torch.deg2rad(0.2 + 0.8 * torch.rand(count, 1, generator=generator))
        phase = elevation / spacing + torch.rand(count, 1, generator=generator)
        near = (phase - phase.round()).abs() * spacing * distance < 0.008
        dense = (torch.rand(count, 1, generator=generator) < 1 / 3) | (spacing * distance < 0.025)
        return near | dense

    def _unhidden(self, samples, bone, generator):
        """Some clouds lack a limb, others everything below, above or beside a plane."""
        count = len(samples)
        limb = torch.tensor(LIMBS)[torch.randint(len(LIMBS), (count,), generator=generator)]
        without_limb = torch.rand(count, generator=generator) < 0.15
        hidden = limb.gather(1, bone.expand(count, -1)) & without_limb[:, None]
        normal = torch.nn.functional.normalize(torch.randn(count, 3, generator=generator), dim=1)
        along = (samples * normal[:, None]).sum(-1)
        limit = along.quantile(0.7, dim=1) + 0.3 * torch.rand(count, generator=generator)
        behind = (along > limit[:, None]) & (torch.rand(count, 1, generator=generator) < 0.2)
        return ~(hidden | behind)


def _subtree(root, children):
    joints = {root}
    for joint in sorted(children):
        if children[joint] in joints:
            joints.add(joint)
    return joints


def _limbs():
    children = {joint: parent for joint, parent in enumerate(PARENTS) if parent >= 0}
    roots = (1, 2, 4, 5, 16, 17, 18, 19, 12)
    return [[joint in _subtree(root, children) for joint in range(24)] for root in roots]


LIMBS = _limbs()
"""Which of the 24 joints move a leg, a lower leg, an arm, a lower arm, the head."""


def _angles(directions):
    azimuth = torch.atan2(directions[..., 2], directions[..., 0])
    return azimuth, torch.asin(directions[..., 1].clamp(-1, 1))


def _outliers(cloud, generator):
    """Throw a few points of some clouds anywhere near the body; nothing is known of them then."""
    count, width = cloud.shape[:2]
    share = 0.03 * torch.rand(count, 1, generator=generator) ** 2
    stray = torch.rand(count, width, generator=generator) < share
    somewhere = (torch.rand(cloud.shape, generator=generator) - 0.5) * torch.tensor([1.2, 2.0, 1.2])
    return torch.where(stray[..., None], somewhere, cloud), (~stray).float()


def _thin(batch, generator):
    """Leave between a quarter and all of each cloud's points, more often many than few."""
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
