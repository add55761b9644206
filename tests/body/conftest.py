"""Small bodies in SMPL's and SMPL-H's layout, and a writer of pickles as Python 2 and chumpy left them."""

import io
import pickle
import struct
import sys
import types

import numpy as np
import pytest
from scipy.sparse import csc_matrix

from sshmr.body.layout import SMPLH_PARENTS, read_arrays
from sshmr.body.model import open_body_path

OLD_NAMES = {
    "numpy._core.multiarray": "numpy.core.multiarray",
    "scipy.sparse._csc": "scipy.sparse.csc",
    "builtins": "__builtin__",
    "copyreg": "copy_reg",
}


class Python2Pickler(pickle._Pickler):
    """Writes what Python 2 wrote: bytes and text alike as raw strings, modules by their old names."""

    dispatch = pickle._Pickler.dispatch.copy()

    def save_raw(self, value):
        raw = value.encode("latin1") if isinstance(value, str) else value
        size = pickle.SHORT_BINSTRING + bytes([len(raw)]) if len(raw) < 256 else None
        self.write((size or pickle.BINSTRING + struct.pack("<i", len(raw))) + raw)
        self.memoize(value)

    dispatch[str] = dispatch[bytes] = save_raw

    def save_global(self, value, name=None):
        module = OLD_NAMES.get(value.__module__, value.__module__)
        self.write(pickle.GLOBAL + f"{module}\n{name or value.__qualname__}\n".encode())
        self.memoize(value)

    dispatch[type] = dispatch[types.FunctionType] = save_global


@pytest.fixture(scope="session")
def python2_pickle():
    """Function of an object: the bytes that Python 2 would have written, protocol 2."""

    def python2_pickle(content):
        stream = io.BytesIO()
        Python2Pickler(stream, protocol=2).dump(content)
        return stream.getvalue()

    return python2_pickle


@pytest.fixture
def chumpy(monkeypatch):
    """A stand-in for the package whose arrays SMPL's pickles hold: ``chumpy.Ch`` and ``chumpy.Select``."""

    class Ch:
        def __init__(self, array):
            self.x = array
            self._dirty_vars = ["x"]
            self._itr = None

    class Select:
        def __init__(self, array, idxs, preferred_shape):
            self.a, self.idxs, self.preferred_shape = Ch(array), idxs, preferred_shape

    for name, kind in (("ch", Ch), ("reordering", Select)):
        kind.__module__, kind.__qualname__ = f"chumpy.{name}", kind.__name__
        module = types.ModuleType(kind.__module__)
        setattr(module, kind.__name__, kind)
        monkeypatch.setitem(sys.modules, kind.__module__, module)
    monkeypatch.setitem(sys.modules, "chumpy", types.SimpleNamespace(Ch=Ch, Select=Select))
    return sys.modules["chumpy"]


@pytest.fixture
def official(chumpy):
    """Function of arrays: what SMPL's pickles hold, chumpy, a sparse regressor, unsigned parents and more."""
    return lambda arrays: _official(arrays, chumpy)


def _official(arrays, chumpy):
    kintree = arrays["kintree_table"].astype(np.uint32)
    kintree[0, 0] = 2**32 - 1
    wide = {
        name: arrays[name].astype(np.float64) for name in ("v_template", "shapedirs", "posedirs", "weights")
    }
    return {
        **{name: chumpy.Ch(wide[name]) for name in ("v_template", "shapedirs", "weights")},
        "posedirs": wide["posedirs"],
        "J_regressor": csc_matrix(arrays["J_regressor"].astype(np.float64)),
        "J_regressor_prior": csc_matrix(arrays["J_regressor"].astype(np.float64)),
        "kintree_table": kintree,
        "f": arrays["f"].astype(np.uint32),
        "bs_style": "lbs",
        "bs_type": "lrotmin",
        "pose_training_info": {"seed": np.int64(3), "name": "subject é"},
    }


@pytest.fixture(scope="session")
def small_arrays():
    """Every twelfth vertex of the open body, and all of its hands, with 12 shapes; triangles at random."""
    arrays = read_arrays(open_body_path("female"))
    ids = np.flatnonzero((np.arange(6890) % 12 == 0) | (arrays["weights"][:, 22:].sum(1) > 0.5))
    rng = np.random.default_rng(0)
    regressor = arrays["J_regressor"][:, ids] + 1e-6
    shapes = rng.normal(0, 0.001, (len(ids), 3, 2))
    return {
        "v_template": arrays["v_template"][ids],
        "shapedirs": np.concatenate([arrays["shapedirs"][ids], shapes], axis=2).astype(np.float32),
        "posedirs": arrays["posedirs"][ids],
        "J_regressor": (regressor / regressor.sum(1, keepdims=True)).astype(np.float32),
        "weights": arrays["weights"][ids],
        "kintree_table": arrays["kintree_table"],
        "f": rng.integers(0, len(ids), (40, 3)),
    }


@pytest.fixture(scope="session")
def smplh_arrays(small_arrays):
    """The same body with fingers: each hand's weights shared among 15 joints that lie in it."""
    rng = np.random.default_rng(1)
    count = len(small_arrays["v_template"])
    weights, regressor = [small_arrays["weights"][:, :22]], [small_arrays["J_regressor"][:22]]
    correctives = small_arrays["posedirs"].reshape(count, 3, 23, 9)
    posedirs = [correctives[:, :, :21]]
    for hand in (22, 23):
        share = small_arrays["weights"][:, hand]
        weights.append(share[:, None] * rng.dirichlet(np.ones(15), count))
        places = rng.random((15, count)) * (share > 0.9)
        places[0] = small_arrays["J_regressor"][hand]
        regressor.append(places / places.sum(1, keepdims=True))
        fingers = rng.normal(0, 0.001, (count, 3, 15, 9)) * (share > 0.1)[:, None, None, None]
        fingers[:, :, 0] = correctives[:, :, hand - 1]
        posedirs.append(fingers)
    return {
        **small_arrays,
        "weights": np.concatenate(weights, axis=1).astype(np.float32),
        "J_regressor": np.concatenate(regressor).astype(np.float32),
        "posedirs": np.concatenate(posedirs, axis=2).reshape(count, 3, 459).astype(np.float32),
        "kintree_table": np.array([[2**32 - 1, *SMPLH_PARENTS[1:]], range(52)]),
    }
