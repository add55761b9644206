"""The bodies that were fitted to all four cameras: the truth."""

import pickletools
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sshmr.errors import InputError
from sshmr.formats.pickles import load_numpy_pickle
from sshmr.geometry.smplh import smplh_to_smpl_pose

LARGEST = 2**20
FARTHEST_VALUE = 1e3


class Fit(NamedTuple):
    """SMPL's parameters in camera 1's frame: pose (72,) radians, betas (10,), transl (3,) metres."""

    pose: np.ndarray
    betas: np.ndarray
    transl: np.ndarray


def read_fit(path: Path) -> Fit:
    """Read one ``person_fit.pkl``.

    Raises:
        InputError: when it is missing, unreadable, or without a body's numbers.
    """
    if path.is_file():
        _check_sizes(path)
    content = load_numpy_pickle(path)
    if not isinstance(content, dict):
        raise InputError(path, found=f"it holds a {type(content).__name__}", expected="pose, betas and trans")
    return Fit(
        smplh_to_smpl_pose(_numbers(path, content, "pose", 156)),
        _numbers(path, content, "betas", 10),
        _numbers(path, content, "trans", 3),
    )


def _check_sizes(path: Path) -> None:
    """Refuse a damaged pickle for which the unpickler would reserve too much memory."""
    size = path.stat().st_size
    if size > LARGEST:
        raise InputError(path, "size", f"{size} bytes", f"at most {LARGEST}")
    try:
        numbers = [
            int(arg or 0)
            for code, arg, _ in pickletools.genops(path.read_bytes())
            if code.name.endswith("PUT")
        ]
    except Exception as error:  # A damaged pickle can raise almost any exception.
        raise InputError(path, found=f"not a pickle ({error})", expected="pose, betas and trans") from error
    if any(number > size for number in numbers):
        raise InputError(path, found="a pickle with more memory slots than bytes", fix="Download it again")


def _numbers(path: Path, content: dict[str, Any], key: str, count: int) -> np.ndarray:
    if key not in content:
        raise InputError(path, f'key "{key}"', "missing", f"{count} numbers")
    value = content[key]
    found = f"of shape {value.shape} and type {value.dtype}" if isinstance(value, np.ndarray) else "no array"
    if not isinstance(value, np.ndarray) or value.size != count or value.dtype.kind not in "fiu":
        raise InputError(path, key, found, f"{count} numbers")
    value = value.astype(np.float64).reshape(-1)
    if not (np.abs(value) < FARTHEST_VALUE).all():  # NaN fails too
        raise InputError(path, key, "not finite or far too large", f"{count} numbers")
    return value
