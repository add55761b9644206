"""Depth images: from pixels to points in the camera's frame: x to the right, y down, z ahead."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from sshmr.errors import InputError
from sshmr.formats.intrinsics import Intrinsics, find_intrinsics, for_image

MODES = {"I;16": np.uint16, "I;16B": np.uint16, "I": np.int32, "F": np.float32}
MOST_PIXELS = 20_000_000
MILLIMETRES = 0.001


class Sensor(NamedTuple):
    """The parameters of depth images.

    Attributes:
        intrinsics: ``fx fy cx cy`` with distortion behind them, or a file; empty: a file beside them.
        depth_scale: metres of one step of depth; 0 means millimetres for whole numbers, and metres for
            others.
    """

    intrinsics: str = ""
    depth_scale: float = 0.0


def read_depth_image(path: Path, sensor: Sensor) -> np.ndarray:
    """The points of a 16-bit .png or a .tif, (K, 3) float64 metres.

    Raises:
        InputError: when it is not a depth image or has no intrinsics. ValueError: when it is damaged.
    """
    try:
        image = Image.open(path, formats=("PNG", "TIFF"))
    except Exception as error:  # A damaged file can raise almost any exception.
        raise ValueError(str(error) or type(error).__name__) from None
    with image:
        if image.mode not in MODES:
            fix = 'Name the depth images with extract.clouds.files, such as "**/*depth*.png"'
            raise InputError(path, "its mode", image.mode, "one channel of 16 bits or floats: depth", fix)
        if image.width * image.height > MOST_PIXELS:
            raise InputError(path, "size", f"{image.width}×{image.height}", f"at most {MOST_PIXELS} pixels")
        depth = np.asarray(image, dtype=MODES[image.mode])
    return unproject(path, depth, sensor)


def unproject(
    path: Path, depth: np.ndarray, sensor: Sensor, intrinsics: Intrinsics | None = None
) -> np.ndarray:
    """Points of the pixels of a depth image (H, W) that have a reading.

    Args:
        path: what errors name; intrinsics: those known already, otherwise they are looked for.

    Returns:
        (K, 3) float64 metres, row by row.

    Raises:
        InputError: when the intrinsics are not known or do not fit.
    """
    intrinsics = intrinsics or find_intrinsics(path, sensor.intrinsics)
    if intrinsics is None:
        raise InputError(
            path,
            found="a depth image without intrinsics",
            expected="camera_info.yaml or intrinsics.json beside it, or extract.clouds.intrinsics",
            fix='Four numbers are enough: intrinsics: "fx fy cx cy", in pixels',
        )
    intrinsics = for_image(intrinsics, (depth.shape[1], depth.shape[0]), path)
    scale = sensor.depth_scale or (MILLIMETRES if depth.dtype.kind in "iu" else 1.0)
    rows, columns = np.nonzero(np.isfinite(depth) & (depth > 0))
    if not len(rows):
        raise InputError(path, "depth", "0 in every pixel", "readings")
    z = depth[rows, columns].astype(np.float64) * scale
    rays = intrinsics.rays(columns.astype(np.float64), rows.astype(np.float64))
    return np.column_stack([rays * z[:, None], z])
