"""Read the official files of SMPL and SMPL-H, and convert them to SMPL's layout in an .npz.

The pickles were written by Python 2. They name ``chumpy``, which no longer installs, and SciPy's sparse
matrices. Placeholder classes replace both and only keep their state. Any other name is refused
(see ``sshmr.formats.pickles``).
"""

import abc
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from scipy.sparse import csc_matrix

from sshmr.body.layout import PARENTS, SHAPES, checked, kind_of, read_npz_body
from sshmr.body.sources import GENDERS, gender_of
from sshmr.errors import InputError
from sshmr.files import atomic_path
from sshmr.formats.numpy_files import LARGEST
from sshmr.formats.pickles import ALLOWED, NumpyUnpickler, Stateful, load_numpy_pickle
from sshmr.geometry.smplh import SMPLH_OF_SMPL

BETAS = 10
MOST_BYTES = 2**30
"""Largest size of all arrays of a file, in bytes. SMPL-H's have about 200 MB."""


class _Kept(Stateful, abc.ABC):
    """Keeps the attributes of a pickled object."""

    def take_state(self, state: Any) -> None:
        if not isinstance(state, dict):
            raise TypeError(f"a state that is a {type(state).__name__}")
        self.state = state

    @abc.abstractmethod
    def array(self, of: Callable[[Any], np.ndarray]) -> np.ndarray:
        """The array that it represents; ``of`` returns the array of another object."""


class _Chumpy(_Kept):
    """``chumpy.ch.Ch``: its array is ``x``."""

    def array(self, of: Callable[[Any], np.ndarray]) -> np.ndarray:
        return of(self.state["x"])


class _Select(_Kept):
    """``chumpy.reordering.Select``: elements of another array, in another shape."""

    def array(self, of: Callable[[Any], np.ndarray]) -> np.ndarray:
        return of(self.state["a"]).ravel()[of(self.state["idxs"])].reshape(self.state["preferred_shape"])


class _Sparse(_Kept):
    """SciPy's matrix in compressed columns."""

    def array(self, of: Callable[[Any], np.ndarray]) -> np.ndarray:
        shape = self.state["_shape"] if "_shape" in self.state else self.state["shape"]
        if math.prod(shape) * 8 > LARGEST:
            raise ValueError(f"a sparse matrix of shape {shape}")
        parts = tuple(of(self.state[name]) for name in ("data", "indices", "indptr"))
        matrix = csc_matrix(parts, shape=shape)
        matrix.check_format()  # SciPy would write indices outside the matrix to other memory.
        return matrix.toarray()


class _Unfolding:
    """The arrays of one file's placeholders, which may depend on each other.

    Each is computed once. Together they have at most ``MOST_BYTES``.
    """

    def __init__(self) -> None:
        self._known: dict[int, np.ndarray] = {}
        self._left = MOST_BYTES

    def array(self, value: Any) -> np.ndarray:
        if isinstance(value, np.ndarray) and not value.dtype.hasobject:
            return value.view(np.ndarray)
        if not isinstance(value, _Kept):
            raise TypeError(f"a {type(value).__name__}, not an array of numbers")
        if id(value) not in self._known:
            found = value.array(self.array)
            self._left -= found.nbytes
            if self._left < 0:
                raise ValueError(f"more than {MOST_BYTES >> 20} MB in all")
            self._known[id(value)] = found
        return self._known[id(value)]


def _new_object(kind: Any, *_: Any) -> _Kept:
    """Placeholder for ``copy_reg._reconstructor``: makes only placeholders."""
    if kind not in (_Chumpy, _Select, _Sparse):
        raise TypeError("an object that is neither an array nor a sparse matrix")
    return kind()


def _object() -> NoReturn:
    """Placeholder for ``object``, an argument of ``_reconstructor``. It is never called."""
    raise TypeError("a plain object")


def _set(items: Iterable[Any] = ()) -> list[Any]:
    """Placeholder for ``set``, in which chumpy keeps names. They are not needed."""
    return list(items)


ALLOWED_IN_BODIES: dict[tuple[str, str], Callable[..., Any]] = {
    **ALLOWED,
    ("chumpy.ch", "Ch"): _Chumpy,
    ("chumpy.reordering", "Select"): _Select,
    **{(f"scipy.sparse{module}", "csc_matrix"): _Sparse for module in ("", ".csc", "._csc")},
    **{(module, "_reconstructor"): _new_object for module in ("copy_reg", "copyreg")},
    **{(module, "object"): _object for module in ("__builtin__", "builtins")},
    **{(module, "set"): _set for module in ("__builtin__", "builtins")},
}


class _BodyUnpickler(NumpyUnpickler):
    allowed = ALLOWED_IN_BODIES


def read_body(path: Path) -> dict[str, Any]:
    """The arrays of a body file, official pickle or .npz, unchecked.

    Returns:
        dict of those of ``layout.SHAPES`` that it has, and ``name`` and ``gender`` if an .npz has them.

    Raises:
        InputError: when the file cannot be read, or contains unsafe objects.
    """
    if path.suffix.lower() == ".npz":
        return read_npz_body(path)
    stored = load_numpy_pickle(path, _BodyUnpickler)
    if not isinstance(stored, dict):
        raise InputError(path, found=f"it holds a {type(stored).__name__}", expected="SMPL's arrays")
    arrays, unfolding = {}, _Unfolding()
    for name in SHAPES:
        if name in stored:
            try:
                arrays[name] = unfolding.array(stored[name])
            except Exception as error:  # Placeholders can contain anything.
                raise InputError(path, f'array "{name}"', f"damaged ({error})", "an array") from error
    return arrays


def to_smpl(arrays: dict[str, Any]) -> dict[str, Any]:
    """Convert SMPL-H's 52 joints to SMPL's 24. SMPL's own bodies stay the same.

    All finger joints of a hand become the one joint that SMPL ends in, where the index finger begins: it
    moves what they moved. Of the pose correctives those of the joints that are left are kept; the other
    fingers' have nothing to follow any more.
    """
    if kind_of(arrays) == "SMPL":
        return arrays
    kept, count = list(SMPLH_OF_SMPL), len(arrays["v_template"])
    left, right = np.split(arrays["weights"][:, kept[-2] :], [kept[-1] - kept[-2]], axis=1)
    hands = [left.sum(axis=1), right.sum(axis=1)]
    by_joint = arrays["posedirs"].reshape(count, 3, -1, 9)
    return arrays | {
        "weights": np.column_stack([arrays["weights"][:, : kept[-2]], *hands]),
        "J_regressor": arrays["J_regressor"][kept],
        "posedirs": by_joint[:, :, [joint - 1 for joint in kept[1:]]].reshape(count, 3, -1),
        "kintree_table": np.array([[2**32 - 1, *PARENTS[1:]], range(len(kept))]),
    }


def convert_body(source: Path, gender: str, output: Path) -> str:
    """Write a body file, official pickle or .npz, of SMPL or SMPL-H, as an .npz of SMPL's.

    Args:
        source: the file; gender: for which it is used.
        output: the .npz to write: 24 joints, 10 betas, and the gender that the file itself is of.

    Returns:
        One line that says what was converted.

    Raises:
        InputError: when the file cannot be read or its arrays are faulty.
    """
    stored = read_body(source)
    arrays: dict[str, Any] = checked(source, stored)
    if arrays["shapedirs"].shape[2] < BETAS:
        found = f"of shape {arrays['shapedirs'].shape}"
        raise InputError(source, 'array "shapedirs"', found, f"{BETAS} shapes or more")
    kind, own = str(kind_of(arrays)), told_gender(source, stored) or gender
    arrays = to_smpl(arrays)
    arrays["shapedirs"] = arrays["shapedirs"][:, :, :BETAS]
    name = f"{kind.replace('-', '')}_{own}" if source.stem == "model" else source.stem
    with atomic_path(output) as temporary, temporary.open("wb") as handle:
        np.savez(handle, **arrays, name=np.array(name), gender=np.array(own))
    line = f"{source.name}: {kind}, {own}"
    return line if own == gender else f"{line}; replaces the {gender} body, which has no file"


def told_gender(path: Path, arrays: dict[str, Any]) -> str | None:
    """The gender from a body file or its name, or None."""
    stated = arrays.get("gender")
    return stated if stated in GENDERS else gender_of(path)
