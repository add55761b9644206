import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.spatial.transform import Rotation
from scipy.stats import multivariate_normal

from sshmr.body.prior import PosePrior, open_prior_path
from sshmr.errors import InputError
from tools.open_body import pose_prior, start_poses


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
    from tools.open_body.pose_prior import mirror_poses

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


def test_a_singular_covariance_is_reported(tmp_path, prior):
    np.savez(tmp_path / "p.npz", means=np.zeros((1, 69)), covars=np.zeros((1, 69, 69)), weights=np.ones(1))
    with pytest.raises(InputError, match="positive definite"):
        PosePrior.load(tmp_path / "p.npz")


@pytest.fixture
def motions(tmp_path, prior):
    """A table of poses that a prior is learned from: 500 of 5 people, facing anywhere."""
    generator = torch.Generator().manual_seed(3)
    roots = torch.zeros(500, 3)
    roots[:, 1] = 6 * torch.rand(500, generator=generator) - 3
    poses = torch.cat([roots, prior.sample(500, generator)], dim=1).numpy()
    path = tmp_path / "poses.parquet"
    subjects = [str(number % 5) for number in range(500)]
    pd.DataFrame({"subject": subjects, "pose": list(poses)}).to_parquet(path)
    return path, poses


def test_a_prior_is_learned_from_a_table_of_poses(tmp_path, motions, prior, capsys):
    pytest.importorskip("sklearn", reason="needs scikit-learn")
    path, poses = motions
    pose_prior.main([str(path), "--output", str(tmp_path / "learned.npz")])
    learned = PosePrior.load(tmp_path / "learned.npz")
    seen, fresh = torch.tensor(poses[:, 3:]), prior.sample(500, torch.Generator().manual_seed(4))
    narrow = prior.means[:1].expand(500, -1) + 0.5  # every joint bent by half a radian more than is usual
    likely, unlikely = (learned.negative_log_likelihood(few).mean() for few in (fresh, narrow))
    assert learned.negative_log_likelihood(seen).mean() < likely < unlikely
    assert "5 subjects, a fifth held out" in capsys.readouterr().out


def test_poses_to_start_from_are_learned_from_it_too(tmp_path, motions):
    pytest.importorskip("sklearn", reason="needs scikit-learn")
    start_poses.main([str(motions[0]), "--output", str(tmp_path / "starts.npz"), "--count", "6"])
    with np.load(tmp_path / "starts.npz") as starts:
        assert starts["poses"].shape == (6, 72)
        assert starts["shares"].sum() == pytest.approx(1)
        assert (np.diff(starts["shares"]) <= 0).all()
        turned = Rotation.from_rotvec(starts["poses"][:, :3]).apply([0, 0, 1])
    assert (turned[:, 2] > 0.9).all()  # facing +z, whatever way the poses faced


def test_a_table_without_subjects_is_reported(tmp_path):
    pd.DataFrame({"pose": [np.zeros(72)]}).to_parquet(tmp_path / "poses.parquet")
    with pytest.raises(InputError, match="subject"):
        pose_prior.main([str(tmp_path / "poses.parquet"), "--output", str(tmp_path / "p.npz")])
