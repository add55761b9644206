"""A depth camera's intrinsics, from the files of common tools."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sshmr.errors import InputError
from sshmr.formats.suffixes import CAMERA_FILES

LARGEST_FILE = 2**24
ENDINGS = (".json", ".yaml", ".yml", ".txt")
MATRICES = ("camera_matrix", "cameramatrix", "intrinsic_matrix", "intrinsics_matrix", "k", "mtx")
DISTORTIONS = ("distortion_coefficients", "distortion_coeffs", "distcoeffs", "coeffs", "dist", "d")
PLAIN = ("", "none", "plumb_bob", "rational_polynomial", "brown_conrady", "modified_brown_conrady", "opencv")
INVERSE = "inverse_brown_conrady"
AZURE_MODES = {
    (640, 576): (1024, 192, 180),
    (320, 288): (512, 96, 90),
    (1024, 1024): (1024, 0, 0),
    (512, 512): (512, 0, 0),
}
"""Image size of each depth mode of Azure Kinect → size of the calibrated image, and where the mode's begins.

Source: Azure Kinect Sensor SDK, src/transformation/mode_specific_calibration.c (MIT)."""


class Intrinsics(NamedTuple):
    """A pinhole camera with a lens.

    Attributes:
        fx, fy, cx, cy: pixels. distortion: k1 k2 p1 p2 k3 k4 k5 k6 as OpenCV orders them, or fewer.
        inverse: the distortion takes pixels to rays instead of rays to pixels.
        size: (width, height) of the images, where it is known.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    distortion: tuple[float, ...] = ()
    inverse: bool = False
    size: tuple[int, int] | None = None

    def rays(self, columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """x/z and y/z of pixels: (K,) columns and rows → (K, 2)."""
        target = np.stack([(columns - self.cx) / self.fx, (rows - self.cy) / self.fy], axis=1)
        if not any(self.distortion):
            return target
        if self.inverse:
            return _distort(target, self.distortion)
        rays = target.copy()
        for _ in range(30):  # Fixed-point iteration: each step subtracts the lens's distortion.
            rays = rays + (target - _distort(rays, self.distortion))
        return rays


def _distort(rays: np.ndarray, distortion: tuple[float, ...]) -> np.ndarray:
    """Distort rays (K, 2).

    Source: Brown, "Close-range camera calibration", 1971; OpenCV, "Camera Calibration and 3D Reconstruction".
    """
    k1, k2, p1, p2, k3, k4, k5, k6 = (*distortion, *[0.0] * 8)[:8]
    x, y = rays.T
    square = x * x + y * y
    radial = (1 + square * (k1 + square * (k2 + square * k3))) / (
        1 + square * (k4 + square * (k5 + square * k6))
    )
    return np.stack(
        [
            x * radial + 2 * p1 * x * y + p2 * (square + 2 * x * x),
            y * radial + p1 * (square + 2 * y * y) + 2 * p2 * x * y,
        ],
        axis=1,
    )


def find_intrinsics(image: Path, given: str = "") -> Intrinsics | None:
    """The intrinsics of a depth image: those given, else from a file beside it or in the folder above.

    Args:
        given: ``fx fy cx cy`` in pixels, distortion behind them; or the path of a file; or nothing.

    Returns:
        None if nothing is given and there is no file.

    Raises:
        InputError: when they cannot be used.
    """
    if given:
        numbers = _numbers(given.replace(",", " ").split())
        if numbers is not None:
            return _checked("extract.clouds.intrinsics", numbers[:4], numbers[4:])
        return read_intrinsics(Path(given))
    for folder in (image.parent, image.parent.parent):
        for name in CAMERA_FILES:
            for ending in ENDINGS:
                if (path := folder / f"{name}{ending}").is_file():
                    return read_intrinsics(path)
    return None


def read_intrinsics(path: Path) -> Intrinsics:
    """Read a file of RealSense, Azure Kinect, Open3D, OpenCV or ROS (``camera_info``), or plain numbers.

    Raises:
        InputError: when it is missing or holds no intrinsics.
    """
    if not path.is_file():
        raise InputError(path, found="no such file", expected="a camera's intrinsics")
    if path.stat().st_size > LARGEST_FILE:
        raise InputError(path, "size", f"{path.stat().st_size} bytes", f"at most {LARGEST_FILE}")
    text = path.read_text(encoding="utf-8", errors="replace")
    numbers = _numbers(text.replace(",", " ").split())
    if numbers is not None and len(numbers) == 9:
        return _checked(path, [numbers[0], numbers[4], numbers[2], numbers[5]])
    if numbers is not None:
        return _checked(path, numbers[:4], numbers[4:])
    content = _parsed(path, text)
    for mapping in _mappings(content):
        found = _from_azure(path, mapping) or _from_fields(path, mapping) or _from_matrix(path, mapping)
        if found:
            return found
    raise InputError(
        path,
        found="it names no intrinsics",
        expected="fx fy cx cy, a camera matrix K, or Azure Kinect's file",
    )


def _parsed(path: Path, text: str) -> Any:
    import yaml

    try:
        if path.suffix == ".json":
            return json.loads(text)
        # OpenCV writes a directive and tags that are not standard YAML.
        text = re.sub(r"\A%YAML[: ]\S+\s*(---)?", "", text).replace("!!opencv-matrix", "")
        return next(yaml.safe_load_all(text))  # ROS writes one document per message.
    except Exception as error:  # Damaged files raise many kinds of errors.
        raise InputError(
            path, found=f"it cannot be read ({str(error)[:120]})", expected="JSON or YAML"
        ) from error


def _mappings(content: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    """All nested mappings, the outermost first, and a depth camera before others."""
    if depth > 8:
        return
    if isinstance(content, dict):
        content = {str(key).lower(): value for key, value in content.items()}
        yield content
        values = sorted(content.items(), key=lambda item: "depth" not in item[0])
        for _, value in values:
            yield from _mappings(value, depth + 1)
    elif isinstance(content, list):
        for value in sorted(content[:100], key=lambda item: "Depth" not in str(item)[:4000]):
            yield from _mappings(value, depth + 1)


def _from_fields(path: Path, content: dict[str, Any]) -> Intrinsics | None:
    names = [("fx", "fy", cx, cy) for cx, cy in (("cx", "cy"), ("ppx", "ppy"), ("px", "py"))]
    for four in names:
        if all(isinstance(content.get(name), int | float) for name in four):
            return _checked(path, [content[name] for name in four], _distortion(content), content)
    return None


def _from_matrix(path: Path, content: dict[str, Any]) -> Intrinsics | None:
    for name in MATRICES:
        values = _flat(content.get(name))
        if values is not None and len(values) == 9:
            # Open3D writes columns one after the other, all others rows.
            columns = values[2] == 0 and values[5] == 0 and values[6] != 0
            cx, cy = (values[6], values[7]) if columns else (values[2], values[5])
            return _checked(path, [values[0], values[4], cx, cy], _distortion(content), content)
    return None


def _from_azure(path: Path, content: dict[str, Any]) -> Intrinsics | None:
    """Azure Kinect's factory calibration, in shares of the calibrated image."""
    intrinsics = content.get("intrinsics")
    if "purpose" not in content or not isinstance(intrinsics, dict):
        return None
    values = _flat(intrinsics.get("ModelParameters"))
    if "depth" not in str(content["purpose"]).lower() or values is None or len(values) < 14:
        return None
    cx, cy, fx, fy, k1, k2, k3, k4, k5, k6, _, _, p2, p1 = values[:14]
    return Intrinsics(fx, fy, cx, cy, (k1, k2, p1, p2, k3, k4, k5, k6), False, (0, 0))


def for_image(intrinsics: Intrinsics, size: tuple[int, int], where: object) -> Intrinsics:
    """The intrinsics of images of a size (width, height).

    Raises:
        InputError: when they are for images of another size.
    """
    if intrinsics.size == (0, 0):
        if size not in AZURE_MODES:
            known = ", ".join(f"{width}×{height}" for width, height in AZURE_MODES)
            raise InputError(
                where, "size", f"{size[0]}×{size[1]}", f"one of Azure Kinect's depth modes: {known}"
            )
        whole, left, top = AZURE_MODES[size]
        return intrinsics._replace(
            fx=intrinsics.fx * whole,
            fy=intrinsics.fy * whole,
            cx=intrinsics.cx * whole - left - 0.5,
            cy=intrinsics.cy * whole - top - 0.5,
            size=size,
        )
    if intrinsics.size not in (None, size):
        raise InputError(
            where,
            "size",
            "{}×{}, and its camera's intrinsics are for {}×{}".format(*size, *intrinsics.size),
            "images and intrinsics of one stream",
        )
    if not (0 <= intrinsics.cx <= size[0] and 0 <= intrinsics.cy <= size[1]):
        raise InputError(
            where,
            "the principal point",
            f"({intrinsics.cx:g}, {intrinsics.cy:g}), outside an image of {size[0]}×{size[1]}",
            "intrinsics in pixels of this image",
        )
    return intrinsics


def _distortion(content: dict[str, Any]) -> list[float]:
    for name in DISTORTIONS:
        values = _flat(content.get(name))
        if values is not None:
            return values
    return []


def _flat(values: Any) -> list[float] | None:
    """Numbers in lists, lists of lists, or a mapping with ``data``; None where they are none."""
    if isinstance(values, dict):
        values = values.get("data")
    if not isinstance(values, list) or len(values) > 1000:
        return None
    values = [number for value in values for number in (value if isinstance(value, list) else [value])]
    return [float(value) for value in values] if all(isinstance(v, int | float) for v in values) else None


def _numbers(words: list[str]) -> list[float] | None:
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        return None
    return numbers if len(numbers) >= 4 else None


def _checked(
    where: object,
    four: list[float],
    distortion: Sequence[float] = (),
    content: dict[str, Any] | None = None,
) -> Intrinsics:
    content = content or {}
    model = str(content.get("distortion_model", content.get("model", ""))).lower().removeprefix("distortion.")
    fine = np.isfinite([*four, *distortion]).all() and four[0] > 0 and four[1] > 0
    if not fine:
        raise InputError(where, "fx fy cx cy", four, "pixels, fx and fy above 0")
    if any(distortion) and model.replace(" ", "_") not in (*PLAIN, INVERSE):
        raise InputError(where, "the distortion model", repr(model), "plumb_bob or rational_polynomial")
    size = tuple(content.get(name, content.get(f"image_{name}")) for name in ("width", "height"))
    width, height = (side if isinstance(side, int) and side > 0 else 0 for side in size)
    fx, fy, cx, cy = map(float, four)
    inverse = model.replace(" ", "_") == INVERSE
    return Intrinsics(
        fx, fy, cx, cy, tuple(distortion[:8]), inverse, (width, height) if width and height else None
    )
