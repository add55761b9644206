"""The measures of motion, each against the obvious slow way."""

import numpy as np

from sshmr.evaluation.motion import FEET, acceleration_error, foot_sliding, motion_measures


def test_acceleration_error_is_that_of_each_joint():
    predicted, true = np.random.default_rng(0).normal(size=(2, 6, 24, 3))
    slow = []
    for t in range(1, 5):
        errors = []
        for k in range(24):
            own, real = (j[t + 1, k] - 2 * j[t, k] + j[t - 1, k] for j in (predicted, true))
            errors.append(np.linalg.norm(own - real))
        slow.append(np.mean(errors))
    np.testing.assert_allclose(acceleration_error(predicted, true), slow)


def test_only_feet_that_stand_slide():
    true = np.zeros((3, 24, 3))
    true[1, FEET[0]] = 0.1  # one foot swings, the others stand; then all stand but this one
    predicted = np.zeros((3, 24, 3))
    predicted[1, FEET] = [0.0, 0.0, 0.02]
    np.testing.assert_allclose(foot_sliding(predicted, true), [0.02, 0.02])
    true[:, :, 0] = np.arange(3)[:, None]
    assert np.isnan(foot_sliding(predicted, true)).all()


def test_gaps_and_other_sequences_have_no_motion():
    """A body at rest in a world where each cloud is centred elsewhere; one frame is missing."""
    count = 7
    offset = np.random.default_rng(1).normal(size=(count, 3))
    true = np.zeros((count, 24, 3)) - offset[:, None]
    points = {
        "sequence": ["a"] * 5 + ["b"] * 2,
        "view": np.zeros(count, int),
        "frame": np.array([0, 1, 2, 4, 5, 0, 1]),
        "offset": offset,
    }
    found = motion_measures(points, true, true)
    assert np.isfinite(found["acceleration_error"]).nonzero()[0].tolist() == [1]
    assert np.isfinite(found["foot_sliding"]).nonzero()[0].tolist() == [0, 1, 3, 5]
    np.testing.assert_allclose(found["foot_sliding"][[0, 1, 3, 5]], 0, atol=1e-5)
