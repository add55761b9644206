"""Read depth images and masks."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

PERSON = 127
"""Larger grey values are the person. A .jpg mask also has values between."""
IS_PERSON = [value > PERSON for value in range(256)]
SIXTEEN_BIT = ("I;16", "I")


class Mask(NamedTuple):
    """The person's pixels (h, w) bool within ``box``, (left, top, right, bottom) in the image.

    Only this part of an image is used, in BEHAVE a twentieth of it.
    """

    pixels: np.ndarray
    box: tuple[int, int, int, int]


def read_depth(path: Path, shape: tuple[int, int], box: tuple[int, int, int, int]) -> np.ndarray:
    """A depth image's part in a box, (h, w) uint16 millimetres, 0 where there is no reading.

    Args:
        shape: (height, width) that the whole image must have; box: left, top, right, bottom.

    Raises:
        ValueError: with what is wrong, when it is not a whole 16-bit PNG of this shape.
    """
    image = _open(path, "PNG", shape)
    if image.mode not in SIXTEEN_BIT:
        raise ValueError(f"{path.name} is an image of mode {image.mode}, not one with 16 bits of millimetres")
    return np.asarray(_load(image, path).crop(box), dtype=np.uint16)


def read_mask(path: Path, shape: tuple[int, int]) -> Mask:
    """The person's ``Mask``.

    Raises:
        ValueError: with what is wrong, when it is not a whole PNG or JPEG of this shape, or shows no person.
    """
    image = _open(path, "PNG" if path.suffix == ".png" else "JPEG", shape)
    image.draft("L", image.size)  # A JPEG's colours are never decoded.
    image = _load(image, path)
    image = (image if image.mode == "L" else image.convert("L")).point(IS_PERSON)
    box = image.getbbox()
    if box is None:
        raise ValueError(f"{path.name} is empty")
    return Mask(np.asarray(image.crop(box), dtype=bool), box)


def _open(path: Path, kind: str, shape: tuple[int, int]) -> Image.Image:
    """The image's header, checked before any pixel is decoded, because a small file can hold a huge image."""
    try:
        image = Image.open(path, formats=(kind,))
    except FileNotFoundError:
        raise ValueError(f"{path.name} is missing") from None
    except Exception as error:  # a broken file can raise almost any exception
        raise ValueError(f"{path.name} cannot be read as {kind} ({_short(error)})") from error
    if image.size != shape[::-1]:
        width, height = image.size
        image.close()
        raise ValueError(
            f"{path.name} is {width}×{height}, and its camera's pixel table {shape[1]}×{shape[0]}"
        )
    return image


def _load(image: Image.Image, path: Path) -> Image.Image:
    try:
        image.load()
    except Exception as error:
        raise ValueError(f"{path.name} is damaged ({_short(error)})") from error
    return image


def _short(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:120]
