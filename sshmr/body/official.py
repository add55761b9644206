"""Read SMPL's official files, pickles that Python 2 wrote, and bring them into one layout.

The pickles name ``chumpy``, which no longer installs, and SciPy's sparse matrices. Both are answered by plain
stand-ins that only keep their state; any other name is refused (see ``sshmr.data.unpickle``).
"""

import numpy as np
from scipy.sparse import csc_matrix

from sshmr.body.model import SHAPES, read_arrays
from sshmr.data.unpickle import NumpyUnpickler, load_numpy_pickle
from sshmr.errors import InputError
from sshmr.files import atomic_path


class _State:
    """Keeps what a pickled object would have been given as its attributes."""

    def __setstate__(self, state):
        self.state = state


class _Chumpy(_State):
    def array(self):
        return np.asarray(self.state["x"])


class _Sparse(_State):
    def array(self):
        state = self.state
        shape = state.get("_shape", state.get("shape"))
        return csc_matrix((state["data"], state["indices"], state["indptr"]), shape=shape).toarray()


def _new_object(kind, *_):
    """Stand-in for ``copy_reg._reconstructor``: makes stand-ins, nothing else."""
    if kind not in (_Chumpy, _Sparse):
        raise TypeError(f"it asks for an object of {kind}")
    return kind()


class _BodyUnpickler(NumpyUnpickler):
    def find_class(self, module, name):
        if module.startswith("chumpy.") and name == "Ch":
            return _Chumpy
        if module.startswith("scipy.sparse") and name == "csc_matrix":
            return _Sparse
        if (module, name) in (("copy_reg", "_reconstructor"), ("copyreg", "_reconstructor")):
            return _new_object
        if module in ("__builtin__", "builtins") and name in ("object", "set"):
            return {"object": object, "set": set}[name]
        return super().find_class(module, name)


def convert_body(source, gender, output):
    """Write a body file, official pickle or .npz, as .npz with the arrays of ``model.SHAPES``.

    Raises:
        InputError: when the file cannot be read or lacks an array.
    """
    arrays = read_arrays(source) if source.suffix == ".npz" else _read_pickle(source)
    arrays = {name: arrays[name] for name in SHAPES}
    arrays["shapedirs"] = arrays["shapedirs"][:, :, :10]
    with atomic_path(output) as temporary, temporary.open("wb") as handle:
        np.savez(handle, **arrays, name=np.array(source.stem), gender=np.array(gender))
    read_arrays(output)


def _read_pickle(path):
    stored = load_numpy_pickle(path, _BodyUnpickler)
    if not isinstance(stored, dict):
        raise InputError(path, found=f"it holds a {type(stored).__name__}", expected="SMPL's arrays")
    missing = [name for name in SHAPES if name not in stored]
    if missing:
        raise InputError(path, f'array "{missing[0]}"', "missing", "SMPL's arrays", "Is it a body model?")
    arrays = {
        name: stored[name].array() if isinstance(stored[name], _State) else np.asarray(stored[name])
        for name in SHAPES
    }
    kinds = {name: np.int64 if name in ("f", "kintree_table") else np.float32 for name in SHAPES}
    return {name: np.ascontiguousarray(arrays[name], dtype=kinds[name]) for name in SHAPES}
