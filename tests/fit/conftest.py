"""Clouds with a known body: one side of a posed neutral body, seen from the front with a little noise."""

import numpy as np
import pytest
import torch

from sshmr.body.template import build_template
from sshmr.fit.surface import SurfaceElements
from sshmr.geometry.raycast import Surface


@pytest.fixture(scope="session")
def template(neutral_body):
    return build_template(neutral_body)


@pytest.fixture(scope="session")
def surface(neutral_body, template):
    return SurfaceElements.of(neutral_body, template.vertex_ids)


def visible_points(vertices, faces, bearing, count, rng):
    """``count`` noisy points (count, 3) that a far camera at that bearing sees of a mesh."""
    toward = np.array([np.sin(bearing), 0.0, np.cos(bearing)])
    right = np.array([np.cos(bearing), 0.0, -np.sin(bearing)])
    centre = vertices.mean(0)
    u, v = np.meshgrid(np.linspace(-1.1, 1.1, 140), np.linspace(-1.2, 1.2, 140))
    origins = centre + 5 * toward + u.reshape(-1, 1) * right + v.reshape(-1, 1) * np.array([0.0, 1.0, 0.0])
    distance, face = Surface(vertices, faces).cast(origins, np.broadcast_to(-toward, origins.shape))
    hits = origins[face >= 0] - distance[face >= 0, None] * toward
    chosen = hits[rng.permutation(len(hits))[:count]]
    return chosen + rng.normal(0, 0.005, chosen.shape)


@pytest.fixture(scope="session")
def seen_bodies(neutral_body, prior):
    """Four bodies in poses of the prior, each cloud of another length: dict of tensors."""
    generator, rng = torch.Generator().manual_seed(3), np.random.default_rng(3)
    body_pose = prior.means[torch.multinomial(prior.weights, 4, generator=generator)]
    root = torch.tensor([[0.0, angle, 0.0] for angle in (0.2, 1.7, 3.0, -1.4)])
    pose = torch.cat([root, body_pose], 1)
    betas = 0.7 * torch.randn(4, 10, generator=generator)
    posed = neutral_body(pose, betas, torch.zeros(4, 3))
    points, mask, transl = torch.zeros(4, 700, 3), torch.zeros(4, 700, dtype=torch.bool), torch.zeros(4, 3)
    for row, count in enumerate((700, 400, 250, 150)):
        cloud = visible_points(posed.vertices[row].numpy(), neutral_body.faces.numpy(), 0.5 * row, count, rng)
        centre = cloud.mean(0)
        points[row, : len(cloud)] = torch.tensor(cloud - centre)
        mask[row, : len(cloud)] = True
        transl[row] = -torch.tensor(centre)
    joints = posed.joints + transl[:, None]
    return {"points": points, "mask": mask, "pose": pose, "betas": betas, "transl": transl, "joints": joints}
