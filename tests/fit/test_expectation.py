import numpy as np
import pytest

from sshmr.fit.stage import surroundings


@pytest.fixture
def shard():
    """Five frames of one person in order, and one frame of another."""
    return {
        "sequence": ["one"] * 5 + ["two"],
        "frame": np.array([0, 1, 2, 3, 4, 0], np.int32),
        "view": np.zeros(6, np.int16),
        "offset": np.zeros((6, 3), np.float32),
    }


@pytest.fixture
def previous():
    """A left elbow (joint 18) that turns steadily but for an outlier at frame 2; betas with one outlier."""
    pose = np.zeros((6, 72), np.float32)
    pose[:5, 3 * 18] = [0.0, 0.1, 2.0, 0.3, 0.4]
    betas = np.zeros((6, 10), np.float32)
    betas[:, 0] = [1.0, 1.1, 9.0, 0.9, 1.0, -2.0]
    return {"pose": pose, "betas": betas, "transl": np.zeros((6, 3), np.float32)}


def test_a_frame_is_held_to_where_its_neighbours_are_going(shard, previous):
    expected = surroundings(shard, previous).expected
    elbow = 3 * 17
    assert expected.body[2, elbow].item() == pytest.approx(0.2, abs=1e-6)
    assert expected.agreement[2, elbow] > 0.7


def test_neighbours_that_disagree_say_little(shard, previous):
    agreement = surroundings(shard, previous).expected.agreement
    assert agreement[1, 3 * 17] < 0.01
    assert agreement[1, 0] == 1


def test_a_frame_without_neighbours_is_held_to_nothing(shard, previous):
    assert (surroundings(shard, previous).expected.agreement[5] == 0).all()


def test_a_persons_shape_is_the_median_over_their_frames(shard, previous):
    betas = surroundings(shard, previous).expected.betas[:, 0]
    np.testing.assert_allclose(betas, [1.0] * 5 + [-2.0])
