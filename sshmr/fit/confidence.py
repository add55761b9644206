"""How sure a fit is of itself: the probability that its MPJPE is under 100 mm."""

import numpy as np


def confidence(fitted, residual):
    """(B,) in 0..1, from a fit's energies and residual (B,) metres."""
    return (1 / (1 + np.exp((residual - 0.03) / 0.006))).astype(np.float32)
