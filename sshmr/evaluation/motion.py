"""Measures of motion: the error of accelerations, and the sliding of standing feet."""

from typing import Any

import numpy as np

FEET = [7, 8, 10, 11]
"""Ankles and feet."""
STANDING = 0.005
"""Metres. A true joint that moves less to the next frame stands."""


def acceleration_error(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Mean error of the joints' accelerations, (F, 24, 3) twice, frames in order -> (F − 2,).

    Source: Kanazawa et al., "Learning 3D Human Dynamics from Video", CVPR 2019.
    """
    error = predicted - true
    return np.linalg.norm(error[2:] - 2 * error[1:-1] + error[:-2], axis=2).mean(axis=1)


def foot_sliding(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Motion of the feet's joints to the next frame while the true ones stand -> (F − 1,).

    Args:
        predicted, true: (F, 24, 3) metres, frames in order. NaN if no true foot stands.
    """
    way, true_way = (np.linalg.norm(np.diff(joints[:, FEET], axis=0), axis=2) for joints in (predicted, true))
    stands = true_way < STANDING
    count = stands.sum(axis=1)
    return np.where(count > 0, (way * stands).sum(axis=1) / np.maximum(count, 1), np.nan)


def motion_measures(points: dict[str, Any], predicted: np.ndarray, true: np.ndarray) -> dict[str, np.ndarray]:
    """Both measures of the frames of a points table, metres, (F,) each; NaN without frames around.

    Args:
        predicted, true: (F, 24, 3) metres, the joints in each cloud's own coordinates; NaN where unknown.
    """
    offset = np.asarray(points["offset"], float)[:, None]
    predicted, true = predicted + offset, true + offset
    found = {name: np.full(len(true), np.nan) for name in ("acceleration_error", "foot_sliding")}
    for rows in _runs(points):
        found["foot_sliding"][rows[:-1]] = foot_sliding(predicted[rows], true[rows])
        found["acceleration_error"][rows[1:-1]] = acceleration_error(predicted[rows], true[rows])
    return found


def _runs(points: dict[str, Any]) -> list[np.ndarray]:
    """Rows of successive frames of one sequence and view, evenly spaced."""
    frame, view = np.asarray(points["frame"]), np.asarray(points["view"])
    _, sequence = np.unique(np.asarray(points["sequence"], str), return_inverse=True)
    order = np.lexsort((frame, view, sequence))
    same = (np.diff(sequence[order]) == 0) & (np.diff(view[order]) == 0)
    steps = np.diff(frame[order])
    step = np.median(steps[same]) if same.any() else 1
    return np.split(order, np.flatnonzero(~same | (steps != step)) + 1)
