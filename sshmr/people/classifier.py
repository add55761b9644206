"""How much a piece of a scene overlaps with a person, as trained on simulated scenes.

Boosted regression trees, written by ``tools/person_classifier.py``; walked with numpy alone.

Source: Friedman, "Greedy function approximation: a gradient boosting machine", Annals of Statistics 2001.
"""

import functools
from pathlib import Path

import numpy as np

from sshmr.errors import InputError
from sshmr.people.features import NAMES

ASSET = Path(__file__).parent / "assets" / "classifier.npz"


class Classifier:
    """Trees as arrays (T, N): feature (-1: a leaf), threshold, left, right, value, missing_left; a base."""

    def __init__(self, arrays: dict[str, np.ndarray]):
        self.feature = arrays["feature"].astype(np.int64)
        self.threshold, self.value = arrays["threshold"], arrays["value"]
        self.left, self.right = arrays["left"].astype(np.int64), arrays["right"].astype(np.int64)
        self.missing_left, self.base = arrays["missing_left"], float(arrays["base"])

    @classmethod
    def load(cls, path: Path | str = ASSET) -> "Classifier":
        """Read a file of ``tools/person_classifier.py``.

        Raises:
            InputError: when it was trained on other features.
        """
        with np.load(path) as stored:
            arrays = dict(stored)
        if tuple(arrays["names"].tolist()) != NAMES:
            fix = "Train it with tools/person_classifier.py"
            raise InputError(
                path, "names", "not this version's features", "those of sshmr.people.features", fix
            )
        return cls(arrays)

    def score(self, features: np.ndarray) -> np.ndarray:
        """Expected overlap (P,) with a person, 0 to 1, of pieces with features (P, F)."""
        rows, trees = np.arange(len(features))[:, None], np.arange(len(self.feature))[None]
        node = np.zeros((len(features), len(self.feature)), np.int64)
        while True:
            feature = self.feature[trees, node]
            inner = feature >= 0
            if not inner.any():
                break
            value = features[rows, np.maximum(feature, 0)]
            goes_left = np.where(
                np.isnan(value), self.missing_left[trees, node], value <= self.threshold[trees, node]
            )
            following = np.where(goes_left, self.left[trees, node], self.right[trees, node])
            node = np.where(inner, following, node)
        return np.clip(self.base + self.value[trees, node].sum(axis=1), 0.0, 1.0)


@functools.cache
def shipped() -> Classifier:
    """The classifier that comes with the package."""
    return Classifier.load()
