"""SMPL's official files: found under their names, read without chumpy, and nothing else is run."""

import pickle
import sys
import types

import numpy as np
import pytest
from scipy.sparse import csc_matrix

from sshmr.body.model import BodyModel, open_body_path, read_arrays
from sshmr.body.official import convert_body
from sshmr.body.sources import body_source, prior_source
from sshmr.errors import InputError

NAME = "basicmodel_f_lbs_10_207_0_v1.1.0.pkl"


@pytest.fixture
def chumpy(monkeypatch):
    """A stand-in for the package whose arrays SMPL's pickles hold."""
    module = types.ModuleType("chumpy.ch")

    class Ch:
        def __init__(self, array):
            self.x = array
            self._dirty_vars = set()

    Ch.__module__, Ch.__qualname__ = "chumpy.ch", "Ch"
    module.Ch = Ch
    monkeypatch.setitem(sys.modules, "chumpy", types.ModuleType("chumpy"))
    monkeypatch.setitem(sys.modules, "chumpy.ch", module)
    return Ch


def official(arrays, chumpy):
    """The arrays as SMPL's pickles hold them: chumpy, a sparse regressor, unsigned parents."""
    kintree = arrays["kintree_table"].astype(np.uint32)
    kintree[0, 0] = 2**32 - 1
    return {
        **{name: chumpy(arrays[name].astype(np.float64)) for name in ("v_template", "shapedirs", "weights")},
        "posedirs": arrays["posedirs"].astype(np.float64),
        "J_regressor": csc_matrix(arrays["J_regressor"].astype(np.float64)),
        "kintree_table": kintree,
        "f": arrays["f"].astype(np.uint32),
        "bs_style": "lbs",
    }


@pytest.mark.parametrize("protocol", [0, 2])
def test_official_pickle_becomes_the_same_body(tmp_path, chumpy, protocol):
    arrays = read_arrays(open_body_path("female"))
    (tmp_path / NAME).write_bytes(pickle.dumps(official(arrays, chumpy), protocol=protocol))
    source = body_source(tmp_path, "female")
    assert source.name == NAME
    convert_body(source, "female", tmp_path / "female.npz")
    converted = BodyModel.load(tmp_path / "female.npz")
    assert converted.gender == "female"
    assert converted.v_template.numpy() == pytest.approx(arrays["v_template"], abs=1e-6)
    original = BodyModel.load(open_body_path("female"))
    assert converted.joint_template.numpy() == pytest.approx(original.joint_template.numpy(), abs=1e-6)


class Evil:
    def __reduce__(self):
        return exec, ("raise SystemExit('ran')",)


def test_a_pickle_that_wants_to_run_code_is_refused(tmp_path):
    (tmp_path / NAME).write_bytes(pickle.dumps({"v_template": Evil()}))
    with pytest.raises(InputError, match=r"exec, which is not allowed"):
        convert_body(tmp_path / NAME, "female", tmp_path / "female.npz")


def test_a_pickle_without_an_array_is_told(tmp_path):
    (tmp_path / NAME).write_bytes(pickle.dumps({"v_template": np.zeros((4, 3))}))
    with pytest.raises(InputError, match="shapedirs"):
        convert_body(tmp_path / NAME, "female", tmp_path / "female.npz")


def test_a_folder_without_the_gender_names_what_it_looked_for(tmp_path):
    with pytest.raises(InputError, match=r"no file of the male body; expected one of SMPL_MALE\.npz"):
        body_source(tmp_path, "male")


def test_shipped_files_are_there():
    for gender in ("neutral", "male", "female"):
        assert body_source("open", gender).is_file()
    assert prior_source("open").is_file()
    with pytest.raises(InputError, match="no such file"):
        prior_source("nowhere.npz")
