"""Real poses split by subject, and the pose prior and start poses learned without the held-out subjects."""

from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from sshmr.body.prior import PosePrior
from sshmr.config.fit import FitConfig
from sshmr.fit.hypotheses import typical_poses as shipped_poses
from tools.open_body.pose_prior import fit_mixture, wrap
from tools.open_body.start_poses import typical_poses, without_heading

STARTS = 192


class People(NamedTuple):
    """seen, held_out: poses (F, 72); prior: PosePrior and starts (K, 72), learned from ``seen`` only."""

    seen: np.ndarray
    held_out: np.ndarray
    prior: PosePrior
    starts: torch.Tensor


def split(path, seed=0):
    """Hold out a quarter of a table's subjects (columns subject and pose, as of the pose prior's script)."""
    table = pd.read_parquet(path)
    poses = np.stack(table["pose"]).astype(np.float64)
    names = np.random.default_rng(seed).permutation(np.unique(table["subject"]))
    held = np.isin(table["subject"], names[: max(1, len(names) // 4)])
    prior = fit_mixture(wrap(poses[~held, 3:]), seed, path)
    learned, _ = typical_poses(without_heading(poses[~held]), STARTS, seed)
    few = FitConfig().poses - 1
    starts = torch.cat([shipped_poses(1), torch.tensor(learned[:few], dtype=torch.float32)])
    return People(poses[~held], poses[held], prior, starts)
