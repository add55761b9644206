"""Poses of synthetic people: whom they leave out, and that each kind is what its name says."""

import numpy as np
import pandas as pd
import pytest
import torch

from sshmr.errors import InputError
from sshmr.geometry.rotations import rotmat_to_rotvec
from sshmr.pretraining.poses import JITTER, KINDS, PoseMixture, drawn_poses, read_captured


@pytest.fixture
def table(tmp_path):
    """A motion table of four subjects, 30 frames a second, whose poses tell the subject."""
    rows = [
        {"subject": f"s{subject}", "sequence": "a", "frame": frame, "fps": 30.0, "trans": [0.0, 0.0, 0.0],
         "pose": np.full(72, 0.1 * subject, np.float32).tolist()}
        for subject in range(4)
        for frame in range(30)
    ]  # fmt: skip
    path = tmp_path / "motion.parquet"
    pd.DataFrame(rows).to_parquet(path)
    return path


def test_nobody_is_in_both_parts_and_frames_are_thinned(table):
    captured = read_captured(str(table), 0.25)
    assert captured.training.shape == (30, 72)
    assert captured.held_out.shape == (10, 72)
    seen, unseen = (set(part[:, 0].tolist()) for part in captured)
    assert len(seen) == 3
    assert seen.isdisjoint(unseen)


def test_a_single_subject_is_refused(table):
    rows = pd.read_parquet(table)
    rows[rows["subject"] == "s1"].to_parquet(table)
    with pytest.raises(InputError, match="two or more"):
        read_captured(str(table), 0.25)


def drawn(prior, kind, count=64):
    poses = drawn_poses(prior, 200).training
    return poses, PoseMixture(poses, prior, {kind: 1.0}).draw(count, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_rotations(prior, kind):
    _, target = drawn(prior, kind)
    identity = target.rotmats @ target.rotmats.mT
    torch.testing.assert_close(identity, torch.eye(3).expand_as(identity), atol=1e-4, rtol=0)
    assert (torch.linalg.det(target.rotmats) > 0).all()


def test_captured_poses_are_those_of_the_table_or_their_mirror_images(prior):
    poses, target = drawn(prior, "captured")
    elbow = rotmat_to_rotvec(target.rotmats)[:, 18].norm(dim=1)
    known = poses.view(-1, 24, 3)[:, (18, 19)].norm(dim=2).flatten()
    # Mirroring swaps elbows; jitter moves each of three numbers.
    assert ((elbow[:, None] - known).abs().amin(1) < 5 * JITTER).all()


@pytest.mark.parametrize(
    ("kind", "height"),
    [("captured", (1.3, 2.1)), ("lying", (0.2, 1.4)), ("seated", (0.7, 1.6)), ("crawling", (0.4, 1.1))],
)
def test_people_are_as_tall_as_their_pose_lets_them(prior, neutral_body, kind, height):
    _, target = drawn(prior, kind)
    vertices = target._replace(betas=torch.zeros(64, 10)).pose_body(neutral_body).vertices
    tall = (vertices[..., 1].amax(1) - vertices[..., 1].amin(1)).median()
    assert height[0] < tall < height[1]


def test_seats_and_floors_are_below(prior, neutral_body):
    for kind in ("seated", "crawling", "kneeling"):
        _, target = drawn(prior, kind)
        joints = target.pose_body(neutral_body).joints
        knees, head = joints[:, (4, 5), 1].mean(1), joints[:, 15, 1]
        assert (knees < head).float().mean() > 0.9
