"""Axes and units of own clouds: the rotation to y up, and advice if the clouds do not have the size of a
person."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sshmr.config.extract import CloudsConfig
from sshmr.errors import InputError
from sshmr.geometry.up_axes import TO_Y_UP

SMALLEST, LARGEST = 0.3, 2.5
"""Height of a person along the up axis, metres: lying to standing with raised arms."""
STANDING = (0.8, 2.5)
UNITS: dict[str | float, float] = {"m": 1.0, "cm": 0.01, "mm": 0.001, 0.3048: 0.3048}
"""Length in metres of the units that errors propose; the last is a foot."""
SAMPLES, SAMPLE = 3, 5000
"""How many clouds, and how many points of each, are tried if none has the size of a person."""
LEAST_BALANCE = 0.485
"""Mean height of a standing person's points, as a share of the person's height. In views of 400 recorded
poses it was 0.50 or more in 99 of 100. Upside down, it is 0.50 or less. The median decides."""


class UpsideDown(str):
    """A note that people may be upside down. Fitted bodies confirm it, or contradict it."""

    __slots__ = ()


def extent(points: np.ndarray) -> np.ndarray:
    """Size (metres) and balance of a cloud (K, 3) along each of its axes: (2, 3).

    Balance is the position of the points' mean between the lowest and the highest, 0 to 1.
    """
    low, size = points.min(axis=0), np.ptp(points, axis=0)
    return np.stack([size, (points.mean(axis=0) - low) / np.maximum(size, 1e-9)])


class Misfit(NamedTuple):
    """A cloud without the height of a person: its size (3,), y up, in metres, and some of its points or
    None."""

    size: np.ndarray
    sample: np.ndarray | None


def misfit(cloud: np.ndarray, number: int) -> Misfit:
    """The ``Misfit`` of a cloud (K, 3), y up, in metres; ``number``: of those before it."""
    sample = cloud[:: -(-len(cloud) // SAMPLE)] if number < SAMPLES else None
    return Misfit(np.ptp(cloud, axis=0), sample)


def size_error(
    where: str | Path,
    misfits: Sequence[Misfit],
    settings: CloudsConfig,
    clean: Callable[[np.ndarray], np.ndarray],
) -> InputError:
    """The error for clouds without the size of a person. It names the options that would change that.

    Args:
        where: the path it names; misfits: a list of ``Misfit``; settings: a ``CloudsConfig``.
        clean: function of a cloud (K, 3), y up, in metres, that gives the person's points.
    """
    size = np.median([one.size for one in misfits], axis=0)
    samples = [one.sample for one in misfits if one.sample is not None]
    # First another unit alone, then another axis alone, then both.
    options = [(up != settings.up, unit != settings.unit, up, unit) for up in TO_Y_UP for unit in UNITS]
    options.sort(key=lambda option: (option[0] and option[1], option[0], option[1]))
    for *_, up, unit in options[1:]:
        turn = np.array(TO_Y_UP[up]) @ np.array(TO_Y_UP[settings.up]).T
        scale = UNITS[unit] / settings.metres
        if all(_stands(clean(sample @ turn.T * scale)) for sample in samples):
            changes = {"unit": unit, "up": up}
            changes = {key: value for key, value in changes.items() if value != getattr(settings, key)}
            fix = "Set " + " and ".join(
                f'extract.clouds.{key} to "{value}"' for key, value in changes.items()
            )
            if "up" in changes:
                # The shape of a few clouds does not decide between the two.
                fix += f' (or "{_opposite(up)}": sshmr init fits bodies to find out)'
            break
    else:
        fix = "Cut each file to one person, and set extract.clouds.unit and .up"
    found = f"{size[1]:.3g} m high (and {size[0]:.3g} × {size[2]:.3g} m wide)"
    expected = f"{SMALLEST} to {LARGEST} m along the up axis ({settings.up})"
    return InputError(where, "height", found, expected, fix)


def _stands(points: np.ndarray) -> bool:
    """Whether a cloud (K, 3), y up, in metres, has the size of an upright person."""
    if len(points) < 2:
        return False
    size, balance = extent(points)
    return (
        STANDING[0] <= size[1] <= STANDING[1] and size[1] > 0.6 * size.max() and balance[1] >= LEAST_BALANCE
    )


def axis_hint(extents: Sequence[np.ndarray], settings: CloudsConfig) -> str | None:
    """A warning if the people lie or are upside down; None if they stand.

    Args:
        extents: (2, 3) of each of the cleaned clouds, y up, in metres; settings: a ``CloudsConfig``.
    """
    up = settings.up
    size, balance = np.median(extents, axis=0)
    if size[1] < 0.6 * size.max():
        axis = likely_up(size, balance, up)
        return (
            f"{size[1]:.2f} m high but {size.max():.2f} m wide: unless they lie, set extract.clouds.up to "
            f'"{axis}"'
        )
    # Points of the ground lower the mean.
    if settings.ground != "keep" and size[1] > STANDING[0] and balance[1] < LEAST_BALANCE:
        return UpsideDown(f'they may be upside down: if so, set extract.clouds.up to "{_opposite(up)}"')
    return None


def _opposite(up: str) -> str:
    return up.removeprefix("-") if up.startswith("-") else f"-{up}"


def likely_up(size: np.ndarray, balance: np.ndarray, up: str) -> str:
    """The files' axis along which a cloud is longest, towards where most points are, as ``up`` spells it."""
    longest = int(size.argmax())
    row = np.array(TO_Y_UP[up])[longest]
    axis = int(np.abs(row).argmax())
    upwards = (balance[longest] >= 0.5) == (row[axis] > 0)
    return "xyz"[axis] if upwards else f"-{'xyz'[axis]}"
