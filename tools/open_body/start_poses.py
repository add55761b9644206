"""Learn the typical poses that a fit starts from.

``python -m tools.open_body.start_poses POSES.parquet --output NPZ``

Poses are clustered by the positions of their joints, without the heading. Of each cluster, only the mean
rotations are kept. Needs scikit-learn (the ``body`` extra).
"""

import argparse

import numpy as np
import pandas as pd
import torch
from scipy.spatial.transform import Rotation

from sshmr.body.model import BodyModel, open_body_path
from sshmr.files import atomic_path


def without_heading(poses):
    """Rotate each pose about the vertical so that its pelvis faces +z: (F, 72) → (F, 72)."""
    root = Rotation.from_rotvec(poses[:, :3])
    forward = root.apply([0.0, 0.0, 1.0])
    heading = np.arctan2(forward[:, 0], forward[:, 2])
    turn = Rotation.from_rotvec(np.stack([0 * heading, -heading, 0 * heading], axis=1))
    return np.concatenate([(turn * root).as_rotvec(), poses[:, 3:]], axis=1)


def typical_poses(poses, count, seed):
    """Mean poses of clusters of joint positions: (F, 72) → (count, 72), shares (count,)."""
    from sklearn.cluster import KMeans

    body = BodyModel.load(open_body_path("neutral"))
    zeros = torch.zeros(len(poses), 10)
    joints = body.subset([0])(torch.tensor(poses, dtype=torch.float32), zeros, zeros[:, :3]).joints
    joints = (joints - joints[:, :1]).flatten(1).numpy()
    cluster = KMeans(count, n_init=4, random_state=seed).fit(joints).labels_
    means = [
        [Rotation.from_rotvec(poses[cluster == k, 3 * j : 3 * j + 3]).mean().as_rotvec() for j in range(24)]
        for k in range(count)
    ]
    shares = np.bincount(cluster, minlength=count) / len(poses)
    order = np.argsort(-shares)
    return np.array(means).reshape(count, 72)[order], shares[order]


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("poses", help="Parquet table with the column pose (72 numbers, y up)")
    parser.add_argument("--count", type=int, default=192)
    parser.add_argument("--output", required=True)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    poses = np.stack(pd.read_parquet(options.poses)["pose"]).astype(np.float64)
    means, shares = typical_poses(without_heading(poses), options.count, options.seed)
    with atomic_path(options.output) as temporary, temporary.open("wb") as handle:
        np.savez_compressed(handle, poses=means.astype(np.float32), shares=shares.astype(np.float32))


if __name__ == "__main__":
    main()
