import pickle

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from sshmr.body.prior import PosePrior, open_prior_path
from sshmr.errors import InputError


def test_likelihood_is_that_of_the_best_component(prior):
    poses = prior.sample(20, torch.Generator().manual_seed(0))
    mixture = (prior.means.double().numpy(), prior.covariances.double().numpy(), prior.weights.numpy())
    densities = [
        multivariate_normal(mean, covariance).logpdf(poses.double().numpy()) + np.log(weight)
        for mean, covariance, weight in zip(*mixture, strict=True)
    ]
    # float32 sums of 69 squares against float64
    np.testing.assert_allclose(prior.negative_log_likelihood(poses), -np.max(densities, axis=0), atol=2e-2)


def test_shipped_prior_is_well_conditioned_and_favours_no_side(prior):
    assert prior.means.shape == (8, 69)
    assert np.linalg.cond(prior.covariances.double().numpy()).max() < 1e4
    from sshmr.body.build_prior import mirror_poses

    poses = prior.sample(200, torch.Generator().manual_seed(1))
    mirrored = torch.tensor(mirror_poses(poses.numpy()), dtype=torch.float32)
    difference = prior.negative_log_likelihood(poses) - prior.negative_log_likelihood(mirrored)
    assert difference.mean().abs() < 3.0


def test_smplify_file_is_read_like_the_shipped_one(tmp_path, prior):
    """SMPLify's gmm_08.pkl is a pickled dict of numpy arrays under the same three names."""
    with np.load(open_prior_path()) as archive:
        arrays = {name: archive[name] for name in ("means", "covars", "weights")}
    path = tmp_path / "gmm_08.pkl"
    path.write_bytes(pickle.dumps(arrays, protocol=2))
    torch.testing.assert_close(PosePrior.load(path).whitening, prior.whitening)


def test_samples_follow_the_mixture(prior):
    samples = prior.sample(20000, torch.Generator().manual_seed(2))
    mean = (prior.weights[:, None] * prior.means).sum(0)
    torch.testing.assert_close(samples.mean(0), mean, atol=0.03, rtol=0)


def test_a_singular_covariance_is_told(tmp_path, prior):
    np.savez(tmp_path / "p.npz", means=np.zeros((1, 69)), covars=np.zeros((1, 69, 69)), weights=np.ones(1))
    with pytest.raises(InputError, match="positive definite"):
        PosePrior.load(tmp_path / "p.npz")
