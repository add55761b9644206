"""Pose prior: a Gaussian mixture over the 69 body-pose numbers, used through its best component.

Source: Bogo et al., "Keep it SMPL", ECCV 2016 (the maximum over components approximates the sum).
"""

import dataclasses
import math
from importlib import resources
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from sshmr.errors import InputError
from sshmr.formats.numpy_files import read_npz
from sshmr.formats.pickles import load_numpy_pickle


def open_prior_path() -> Path:
    """Path of the shipped prior, learned from the CMU motion capture database."""
    return Path(str(resources.files("sshmr.body"))) / "assets" / "pose_prior.npz"


@dataclasses.dataclass(frozen=True, eq=False)
class PosePrior:
    """A mixture of K Gaussians over body poses (rotation vectors, radians, joints 1 to 23).

    Attributes:
        means: (K, 69). covariances: (K, 69, 69). weights: (K,), sum to 1.
        whitening: (K, 69, 69) upper-triangular L with LᵀL = inverse covariance, so that
            ‖L (x − mean)‖² is the squared Mahalanobis distance: the residuals a least-squares fit needs.
        constants: (K,) −log weight + ½ log det covariance + 69/2 log 2π.
    """

    means: torch.Tensor
    covariances: torch.Tensor
    weights: torch.Tensor
    whitening: torch.Tensor
    constants: torch.Tensor

    @classmethod
    def from_arrays(
        cls, means: Any, covariances: Any, weights: Any, where: object, dtype: torch.dtype = torch.float32
    ) -> Self:
        """Check shapes and conditioning, factorise in float64.

        Raises:
            InputError: on a wrong shape, a non-finite number, or a covariance that is not positive definite.
        """
        means, covariances, weights = (np.asarray(a, np.float64) for a in (means, covariances, weights))
        count = len(np.atleast_1d(weights))
        wanted = {"means": (count, 69), "covars": (count, 69, 69), "weights": (count,)}
        for (name, shape), array in zip(wanted.items(), (means, covariances, weights), strict=True):
            if array.shape != shape or not np.isfinite(array).all():
                raise InputError(where, f'array "{name}"', f"of shape {array.shape}", f"finite, {shape}")
        try:
            lower = np.linalg.cholesky(np.linalg.inv(covariances))
        except np.linalg.LinAlgError:
            raise InputError(where, 'array "covars"', "singular", "positive definite matrices") from None
        weights = weights / weights.sum()
        log_determinants = np.linalg.slogdet(covariances)[1]
        constants = -np.log(weights) + 0.5 * log_determinants + 69 / 2 * math.log(2 * math.pi)
        arrays = (means, covariances, weights, lower.swapaxes(1, 2), constants)
        return cls(*(torch.tensor(array, dtype=dtype) for array in arrays))

    @classmethod
    def load(cls, path: Path | str, dtype: torch.dtype = torch.float32) -> Self:
        """Read an .npz (means, covars, weights) or SMPLify's ``gmm_08.pkl`` (the same three names)."""
        path = Path(path)
        if not path.is_file():
            raise InputError(path, found="no such file", expected="a pose prior (.npz or gmm_08.pkl)")
        if path.suffix == ".npz":
            arrays = read_npz(path, ("means", "covars", "weights"), "a pose prior (means, covars, weights)")
        else:
            arrays = load_numpy_pickle(path)
        missing = [name for name in ("means", "covars", "weights") if name not in arrays]
        if missing:
            raise InputError(path, f'array "{missing[0]}"', "missing", "means, covars, weights")
        return cls.from_arrays(arrays["means"], arrays["covars"], arrays["weights"], path, dtype)

    def to(self, device: Any | None = None, dtype: torch.dtype | None = None) -> Self:
        """The same prior on another device or in another floating type."""
        return type(self)(*(getattr(self, f.name).to(device, dtype) for f in dataclasses.fields(self)))

    def component_energies(self, body_pose: torch.Tensor) -> torch.Tensor:
        """Negative log likelihood under each weighted component: (B, 69) → (B, K)."""
        difference = body_pose[:, None] - self.means
        whitened = torch.einsum("kij,bkj->bki", self.whitening, difference)
        return 0.5 * whitened.square().sum(-1) + self.constants

    def negative_log_likelihood(self, body_pose: torch.Tensor) -> torch.Tensor:
        """Of the best component: (B, 69) → (B,)."""
        return self.component_energies(body_pose).min(1).values

    def sample(self, count: int, generator: torch.Generator | None = None) -> torch.Tensor:
        """Draw poses: (count, 69) radians."""
        component = torch.multinomial(self.weights, count, replacement=True, generator=generator)
        noise = torch.randn(count, 69, generator=generator, dtype=self.means.dtype)
        factor = torch.linalg.cholesky(self.covariances)[component]
        return self.means[component] + torch.einsum("bij,bj->bi", factor, noise)
