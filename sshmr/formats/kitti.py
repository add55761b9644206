"""Read .bin files: rows of float32 with nothing else, of 4 columns (KITTI), 5 (nuScenes) or 3.

Sources: Geiger et al., "Vision meets robotics: the KITTI dataset", 2013 (x y z intensity); nuscenes-devkit,
``LidarPointCloud.from_file`` (x y z intensity ring).
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from sshmr.errors import InputError

WIDTHS = (4, 5, 3)
SAMPLE = 30_000
"""Numbers that the number of columns is taken from; divisible by each of them."""
CLEARLY = 1.5


def read_columns(path: Path, check_count: Callable[[int], None]) -> tuple[np.ndarray, str]:
    """Its rows, (K, 3 to 5) float32, and how many columns they have if not KITTI's four.

    Raises:
        InputError: when the size fits no number of columns, or more than one.
    """
    size = path.stat().st_size
    widths = [width for width in WIDTHS if size % (4 * width) == 0]
    if not widths:
        expected = "16 a point (KITTI: x y z intensity as float32), 20 (nuScenes: and ring) or 12 (x y z)"
        raise InputError(path, "size", f"{size} bytes", expected)
    check_count(size // (4 * min(widths)))
    values = np.fromfile(path, dtype="<f4")
    width = widths[0] if len(widths) == 1 else _width(values[:SAMPLE], widths)
    return values.reshape(-1, width), "" if width == 4 else f".bin read as {width} columns of float32"


def _width(values: np.ndarray, widths: list[int]) -> int:
    """The number of columns that separates different quantities best. With a wrong number, each column mixes
    all of them."""
    values = np.clip(np.nan_to_num(values.astype(np.float64)), -1e4, 1e4)
    scores = {width: _contrast(values, width) for width in widths}
    best = max(scores, key=lambda width: scores[width])
    usual = 4 if 4 in scores else best
    return best if scores[best] > CLEARLY * scores[usual] + 1e-3 else usual


def _contrast(values: np.ndarray, width: int) -> float:
    """Share of the numbers' variance, or that of their sizes, that lies between columns."""
    shares = []
    for numbers in (values, np.abs(values - values.mean())):
        rows = numbers[: len(numbers) // width * width].reshape(-1, width)
        shares.append(float(rows.mean(axis=0).var() / max(rows.var(), 1e-12)))
    return max(shares)
