"""Estimate the overlap of a piece of a scene with a person. Trained on simulated scenes.

Boosted regression trees, written by ``tools/person_classifier.py`` and evaluated with numpy.

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
        pieces, (trees, nodes) = len(features), self.feature.shape
        first = np.tile(np.arange(trees) * nodes, pieces)
        row = np.repeat(np.arange(pieces) * features.shape[1], trees)
        node, active = first.copy(), np.arange(pieces * trees)
        feature, threshold = self.feature.ravel(), self.threshold.ravel()
        left, right, missing_left = self.left.ravel(), self.right.ravel(), self.missing_left.ravel()
        values = np.ascontiguousarray(features).ravel()
        while True:
            active = active[feature[node[active]] >= 0]
            if not len(active):
                break
            here = node[active]
            value = values[row[active] + feature[here]]
            goes_left = (value <= threshold[here]) | (missing_left[here] & np.isnan(value))
            node[active] = first[active] + np.where(goes_left, left[here], right[here])
        total = self.value.ravel()[node].reshape(pieces, trees).sum(axis=1)
        return np.clip(self.base + total, 0.0, 1.0)


@functools.cache
def shipped() -> Classifier:
    """The shipped classifier."""
    return Classifier.load()
