"""SMPL's file layout: the arrays of a body file, and their checks.

SMPL-H has the same arrays for 52 joints, 30 of them in the fingers.
"""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from sshmr.errors import InputError
from sshmr.formats.numpy_files import read_npz

JOINT_NAMES = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle",
    "right_ankle", "spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head",
    "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
    "left_hand", "right_hand",
)  # fmt: skip
PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
_FINGERS = tuple(joint if joint % 3 else None for joint in range(15))
SMPLH_PARENTS = (
    *PARENTS[:22],
    *(20 if finger is None else 21 + finger for finger in _FINGERS),
    *(21 if finger is None else 36 + finger for finger in _FINGERS),
)
"""Each finger is a chain of three that begins at the wrist."""
TREES = {"SMPL": PARENTS, "SMPL-H": SMPLH_PARENTS}
OTHER_MODELS = {16: "MANO, a hand", 5: "FLAME, a head", 55: "SMPL-X"}

SHAPES = {
    "v_template": ("V", 3),
    "shapedirs": ("V", 3, "S"),
    "posedirs": ("V", 3, "9(J−1)"),
    "J_regressor": ("J", "V"),
    "weights": ("V", "J"),
    "kintree_table": (2, "J"),
    "f": ("F", 3),
}
WHOLE_NUMBERS = ("kintree_table", "f")
HEIGHT = (0.3, 3.0)
"""Largest extent of a body at rest, metres."""


def kind_of(arrays: dict[str, Any]) -> str | None:
    """``SMPL`` or ``SMPL-H``, None where the joints are neither's."""
    shape: tuple[int, ...] = arrays["kintree_table"].shape if "kintree_table" in arrays else ()
    return next((kind for kind, tree in TREES.items() if len(shape) == 2 and shape[1] == len(tree)), None)


def faults_of(arrays: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The faults of a body's arrays, as (field, found, expected); empty if there are none.

    Args:
        arrays: name → array, of ``SHAPES``.
    """
    missing = [
        (_field(name), "missing", f"shape {shape}") for name, shape in SHAPES.items() if name not in arrays
    ]
    if missing:
        return missing
    odd = [
        (_field(name), f"of dtype {arrays[name].dtype}", "numbers")
        for name in SHAPES
        if arrays[name].dtype.kind not in "iuf"
    ]
    return odd or _faults_of_shape(arrays) or _faults_of_values(arrays)


def _faults_of_shape(arrays: dict[str, np.ndarray]) -> list[tuple[str, str, str]]:
    kind = kind_of(arrays)
    if kind is None:
        found = arrays["kintree_table"].shape
        other = f" ({OTHER_MODELS[found[-1]]})" if found and found[-1] in OTHER_MODELS else ""
        return [(_field("kintree_table"), f"of shape {found}{other}", "(2, 24), SMPL, or (2, 52), SMPL-H")]
    joints = len(TREES[kind])
    sizes = {"J": joints, "9(J−1)": 9 * (joints - 1)}
    faults = []
    for name, shape in SHAPES.items():
        found = arrays[name].shape
        fits = len(found) == len(shape) and all(
            have == (want if isinstance(want, int) else sizes.setdefault(want, have))
            for have, want in zip(found, shape, strict=True)
        )
        if not fits or 0 in found:
            faults.append((_field(name), f"of shape {found}", f"{shape}, with {sizes}"))
    return faults


def _faults_of_values(arrays: dict[str, np.ndarray]) -> list[tuple[str, str, str]]:
    faults = [
        (_field(name), "not finite", "finite numbers")
        for name in SHAPES
        if not np.isfinite(arrays[name]).all()
    ]
    if faults:
        return faults
    kind = kind_of(arrays)
    assert kind is not None, "_faults_of_shape has checked the joints"
    tree, found = TREES[kind], arrays["kintree_table"][0].astype(np.int64)
    if tuple(found[1:]) != tree[1:]:
        faults.append((_field("kintree_table"), str(found.tolist()), f"{kind}'s tree {list(tree)}"))
    faces, count = arrays["f"], len(arrays["v_template"])
    if faces.min() < 0 or faces.max() >= count:
        faults.append(
            (_field("f"), f"from {faces.min()} to {faces.max()}", f"vertices from 0 to {count - 1}")
        )
    error = np.abs(arrays["weights"].sum(axis=1) - 1).max()
    if error > 0.01:
        faults.append((_field("weights"), f"up to {error:.3g} away from a sum of 1", "rows that sum to 1"))
    height = np.ptp(arrays["v_template"], axis=0).max()
    if not HEIGHT[0] <= height <= HEIGHT[1]:
        faults.append(
            (_field("v_template"), f"{height:.3g} wide or high", f"{HEIGHT[0]} to {HEIGHT[1]} metres")
        )
    return faults


def _field(name: str) -> str:
    return f'array "{name}"'


def checked(path: Path | str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays of ``SHAPES``, float32 and int64, checked.

    Raises:
        InputError: with the first fault.
    """
    for field, found, expected in faults_of(arrays):
        raise InputError(path, field, found, expected, "Is it a body model?")
    return {
        name: np.ascontiguousarray(arrays[name], np.int64 if name in WHOLE_NUMBERS else np.float32)
        for name in SHAPES
    }


def read_npz_body(path: Path | str) -> dict[str, Any]:
    """The arrays of ``SHAPES`` in an .npz, and its ``name`` and ``gender`` if it has them; unchecked."""
    stored = read_npz(path, (*SHAPES, "name", "gender"), "a body model (.npz in SMPL's layout)")
    return stored | {name: str(stored[name]) for name in ("name", "gender") if name in stored}


def read_arrays(path: Path | str) -> dict[str, Any]:
    """As ``read_npz_body``, checked.

    Raises:
        InputError: when the file is missing, not an .npz, or its arrays are faulty.
    """
    stored = read_npz_body(path)
    return stored | checked(path, stored)


def digest_of(arrays: dict[str, np.ndarray]) -> str:
    """SHA-256 over the arrays that define the body, independent of compression and file name."""
    hasher = hashlib.sha256()
    for name in sorted(SHAPES):
        hasher.update(name.encode())
        kind = np.int64 if name in WHOLE_NUMBERS else np.float32
        hasher.update(np.ascontiguousarray(arrays[name], dtype=kind).tobytes())
    return hasher.hexdigest()
