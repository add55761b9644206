"""Motion drawn from the prior: smooth, within the joints' ranges, balanced and repeatable."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from sshmr.body.joint_limits import LIMITS, clip_to_limits
from sshmr.body.model import MIRROR_JOINTS, BodyModel, open_body_path
from sshmr.capture.motion import balance, drawn_motion, interpolate, plausible
from sshmr.config.capture import CaptureConfig
from sshmr.errors import InputError

BETAS = np.zeros(10)


@pytest.fixture(scope="module")
def body():
    return BodyModel.load(open_body_path("male"))


@pytest.fixture(scope="module")
def rest(body):
    return body.joint_template.double().numpy()[None]


def steps(pose):
    """Largest joint rotation between consecutive frames, degrees, (T − 1,)."""
    turned = Rotation.from_rotvec(pose.reshape(-1, 3)).as_matrix().reshape(len(pose), -1, 3, 3)
    between = np.einsum("tjab,tjac->tjbc", turned[:-1], turned[1:])
    cosine = (np.trace(between, axis1=2, axis2=3) - 1) / 2
    return np.degrees(np.arccos(np.clip(cosine, -1, 1))).max(axis=1)


def test_interpolation_meets_its_keys_and_is_smooth():
    rng = np.random.default_rng(0)
    keys, key_times = rng.normal(0, 0.6, (4, 69)), np.array([0.0, 0.9, 2.0, 3.1])
    np.testing.assert_allclose(interpolate(keys, key_times, key_times), keys, atol=1e-9)
    times = np.linspace(0, 3.1, 3101)
    turns = steps(interpolate(keys, key_times, times))
    # Minimum jerk is at most 1.875 times as fast as even motion; it stands still at each key.
    assert turns.max() < 1.9 * 180 / 900 + 0.05
    assert turns[[0, 899, 900, 1999, 2000, -1]].max() < 0.02


def test_drawn_motion_is_smooth_within_limits_and_repeatable(body, prior):
    settings = CaptureConfig(frames=60, framerate=20.0)
    motion = drawn_motion(prior, body, BETAS, settings, np.random.default_rng(3))
    again = drawn_motion(prior, body, BETAS, settings, np.random.default_rng(3))
    other = drawn_motion(prior, body, BETAS, settings, np.random.default_rng(4))
    np.testing.assert_array_equal(motion.pose, again.pose)
    assert np.abs(motion.pose - other.pose).max() > 0.3
    assert motion.pose.shape == (60, 72)
    assert steps(motion.pose).max() < 25  # degrees in 50 ms: 500 a second
    pace = np.linalg.norm(np.diff(motion.travel, axis=0), axis=1) * 20
    assert pace.max() <= settings.speed[1] + 1e-9
    # Turning between two poses in range may leave the box of component ranges by a little, never by far.
    outside = np.maximum(LIMITS[:, 0] - motion.pose[:, 3:], motion.pose[:, 3:] - LIMITS[:, 1])
    assert np.degrees(outside.max()) < 15


def test_drawn_motion_walks_where_it_faces(body, prior):
    settings = CaptureConfig(frames=20, framerate=5.0, speed=(0.8, 0.8))
    motion = drawn_motion(prior, body, BETAS, settings, np.random.default_rng(5))
    facing = Rotation.from_rotvec(motion.pose[:, :3]).apply([0, 0, 1])[1:]
    way = np.diff(motion.travel, axis=0)
    cosine = (facing * way).sum(axis=1) / np.linalg.norm(way, axis=1)
    assert np.median(cosine) > 0.8  # leaning turns the face up or down, not back


def test_balance_puts_the_weight_above_the_feet(body, rest):
    for bend in np.radians([0, 20, 40]):
        turn = Rotation.from_rotvec([bend, 0.3 * bend, 0]).as_matrix()
        tipped = rest @ turn.T
        righted = np.einsum("bij,bkj->bki", Rotation.from_rotvec(balance(tipped)).as_matrix(), tipped)
        middle, feet = righted[0, [0, 3, 6]].mean(axis=0), righted[0, [7, 8, 10, 11]].mean(axis=0)
        assert np.linalg.norm((middle - feet)[[0, 2]]) < 0.12
        assert middle[1] > feet[1]


def test_impossible_poses_are_reported(rest):
    upright = np.zeros((1, 3))
    assert plausible(rest, upright).all()
    assert not plausible(rest, np.array([[np.radians(50), 0, 0]])).any()
    hand_in_chest = rest.copy()
    hand_in_chest[0, 22] = rest[0, 9] + [0.05, 0, 0.05]
    assert not plausible(hand_in_chest, upright).any()
    legs_crossed = rest.copy()
    legs_crossed[0, 7] = rest[0, 8]
    assert not plausible(legs_crossed, upright).any()


def test_limits_are_mirrored_and_hold():
    table = np.concatenate([np.zeros((1, 3, 2)), LIMITS.reshape(23, 3, 2)])
    mirrored = table[list(MIRROR_JOINTS)]
    mirrored[:, 1:] = -mirrored[:, 1:, ::-1]
    np.testing.assert_allclose(table, mirrored)
    wild = np.random.default_rng(0).normal(0, 2, (100, 69))
    clipped = clip_to_limits(wild)
    assert (clipped >= LIMITS[:, 0]).all()
    assert (clipped <= LIMITS[:, 1]).all()
    knees = clipped[:, [9, 12]]
    assert knees.min() >= 0  # knees bend backwards only


def test_a_prior_without_plausible_poses_is_refused(body, prior):
    hopeless = dataclasses.replace(prior, means=torch.full_like(prior.means, 3.0))
    settings = CaptureConfig(pose_spread=0.0)
    with pytest.raises(InputError, match=r"capture\.pose_spread"):
        drawn_motion(hopeless, body, BETAS, settings, np.random.default_rng(0))
