"""Learn the pose prior from motion capture.

``python -m tools.open_body.pose_prior POSES.parquet --output NPZ``

The table has the columns ``subject`` and ``pose`` (72 rotation-vector numbers, root first, SMPL's 24 joints).
The output has only means, covariances and weights. Poses are used together with their mirror images, so that
the prior favours no side. Needs scikit-learn (the ``body`` extra).
"""

import argparse

import numpy as np
import pandas as pd

from sshmr.body.model import MIRROR_JOINTS
from sshmr.body.prior import PosePrior
from sshmr.errors import InputError
from sshmr.files import atomic_path

COMPONENTS = 8
FLOOR = 0.02**2
"""Square radians added to each variance: about one degree, what motion capture itself can't tell apart."""
MIRROR_SIGNS = np.array([1.0, -1.0, -1.0])


def mirror_poses(body_poses):
    """Exchange left and right: (F, 69) rotation vectors → (F, 69)."""
    order = np.array(MIRROR_JOINTS[1:]) - 1
    return (body_poses.reshape(-1, 23, 3)[:, order] * MIRROR_SIGNS).reshape(-1, 69)


def wrap(body_poses):
    """The same rotations with every angle below π: (F, 69) → (F, 69)."""
    vectors = body_poses.reshape(-1, 23, 3)
    angle = np.linalg.norm(vectors, axis=-1, keepdims=True)
    wrapped = np.where(angle > np.pi, vectors * (1 - 2 * np.pi / np.maximum(angle, 1e-9)), vectors)
    return wrapped.reshape(-1, 69)


def fit_mixture(body_poses, seed, where):
    """An 8-component mixture of full Gaussians over poses (F, 69) and their mirror images."""
    from sklearn.mixture import GaussianMixture

    both = np.concatenate([body_poses, mirror_poses(body_poses)])
    model = GaussianMixture(COMPONENTS, reg_covar=FLOOR, n_init=2, max_iter=200, random_state=seed).fit(both)
    return PosePrior.from_arrays(model.means_, model.covariances_, model.weights_, where)


def mean_log_likelihood(prior, body_poses):
    """Mean over poses (F, 69) of the log likelihood under the best component, in nats."""
    import torch

    return -float(prior.negative_log_likelihood(torch.tensor(body_poses, dtype=torch.float32)).mean())


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("poses", help="Parquet table with the columns subject and pose")
    parser.add_argument("--output", required=True)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    table = pd.read_parquet(options.poses)
    for column in ("subject", "pose"):
        if column not in table:
            raise InputError(options.poses, f'column "{column}"', "missing", "subject and pose")
    poses = wrap(np.stack(table["pose"])[:, 3:].astype(np.float64))
    subjects = table["subject"].to_numpy()
    names = np.random.default_rng(options.seed).permutation(np.unique(subjects))
    held_out = np.isin(subjects, names[: max(1, len(names) // 5)])
    trial = fit_mixture(poses[~held_out], options.seed, options.poses)
    print(f"log likelihood per pose, {len(names)} subjects, a fifth held out (nats):")
    print(f"  seen subjects {mean_log_likelihood(trial, poses[~held_out]):.2f}")
    print(f"  held-out subjects {mean_log_likelihood(trial, poses[held_out]):.2f}")
    prior = fit_mixture(poses, options.seed, options.poses)
    condition = np.linalg.cond(prior.covariances.numpy()).max()
    print(f"largest condition number of a covariance, all subjects: {condition:.0f}")
    with atomic_path(options.output) as temporary, temporary.open("wb") as handle:
        np.savez_compressed(
            handle,
            means=prior.means.numpy(),
            covars=prior.covariances.numpy(),
            weights=prior.weights.numpy(),
            credit="Learned from the CMU Graphics Lab Motion Capture Database, mocap.cs.cmu.edu, "
            "created with funding from NSF EIA-0196217",
        )


if __name__ == "__main__":
    main()
