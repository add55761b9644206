"""A body that walks past a sensor: what it shows, and where it is."""

from typing import NamedTuple

import numpy as np
import pytest
import torch

from sshmr.body.template import build_template, standing_pose
from sshmr.config.fit import FitConfig, Stage
from sshmr.fit.linearise import State
from sshmr.geometry.normals import vertex_normals
from sshmr.tracking.follow import Follower, Frame, as_points

RATE = 10.0


class Walk(NamedTuple):
    """Frames and the true bodies, each in its frame's coordinates."""

    frames: list[Frame]
    truth: State


@pytest.fixture(scope="session")
def walk(neutral_body):
    """Twelve frames, seen from +z with 5 mm noise: the arms swing, the person moves at 0.5 m/s."""
    rng, count = np.random.default_rng(3), 12
    pose = standing_pose().repeat(count, 1)
    swing = 0.5 * torch.sin(torch.arange(count) / 3.0)
    pose[:, 48], pose[:, 51], pose[:, 3], pose[:, 6] = swing, -swing, -0.4 * swing, 0.4 * swing
    transl = torch.zeros(count, 3)
    transl[:, 0] = 0.5 * torch.arange(count) / RATE
    betas = torch.tensor([1.0, -0.5, *[0.0] * 8]).expand(count, -1)
    frames, offsets = [], []
    for time, vertices in enumerate(neutral_body(pose, betas, transl).vertices.numpy()):
        facing = vertices[vertex_normals(vertices, neutral_body.faces.numpy())[:, 2] > 0.2]
        cloud = facing[rng.choice(len(facing), 400, replace=False)] + rng.normal(0, 0.005, (400, 3))
        offset = cloud.mean(0).astype(np.float64)
        frames.append(Frame(as_points(cloud - offset), offset, time / RATE))
        offsets.append(offset)
    truth = State.from_pose(pose, betas, transl - torch.tensor(np.stack(offsets), dtype=torch.float32))
    return Walk(frames, truth)


@pytest.fixture(scope="session")
def follower(neutral_body, prior):
    """Without a network, and with a small search."""
    search = (
        Stage(hypotheses=8, vertices=128, points=128, iterations=6, start=0.12, end=0.05),
        Stage(hypotheses=1, vertices=512, points=256, iterations=6, start=0.04, end=0.02),
    )
    config = FitConfig(poses=12, unusual=0.0, search=search)
    return Follower(neutral_body, build_template(neutral_body).vertex_ids, prior, config)


@pytest.fixture(scope="session")
def joint_error(neutral_body):
    """Mean distance of the joints of two States, metres."""

    def error(found, truth):
        joints = [neutral_body(s.pose, s.betas, s.transl).joints for s in (found, truth)]
        return float((joints[0] - joints[1]).norm(dim=2).mean())

    return error
