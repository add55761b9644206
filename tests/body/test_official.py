"""Official files become SMPL bodies: the same vertices and joints, without chumpy; damaged ones are told."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import smplx.lbs
import torch
from scipy.sparse import csc_matrix

from sshmr.body.layout import SMPLH_PARENTS, read_arrays
from sshmr.body.model import BodyModel, open_body_path
from sshmr.body.official import convert_body
from sshmr.errors import InputError
from sshmr.geometry.smplh import SMPLH_OF_SMPL, smplh_to_smpl_pose

NAME = "basicModel_f_lbs_10_207_0_v1.0.0.pkl"


@pytest.fixture
def convert(tmp_path):
    """Convert a file's bytes, or arrays as an .npz, and load what comes out."""

    def convert(content, name=NAME, gender="female"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            np.savez(path, **content)
        convert.line = convert_body(path, gender, tmp_path / "out.npz")
        return BodyModel.load(tmp_path / "out.npz")

    return convert


def same(body, arrays):
    for name in ("v_template", "posedirs", "weights"):
        np.testing.assert_allclose(getattr(body, name), arrays[name], atol=1e-6)
    np.testing.assert_allclose(body.shapedirs, arrays["shapedirs"][:, :, :10], atol=1e-6)
    np.testing.assert_array_equal(body.faces, arrays["f"])
    np.testing.assert_allclose(body.joint_template, arrays["J_regressor"] @ arrays["v_template"], atol=1e-5)


def test_a_pickle_of_python_2_becomes_the_same_body(convert, official, python2_pickle):
    arrays = read_arrays(open_body_path("female"))
    body = convert(python2_pickle(official(arrays)))
    same(body, arrays)
    assert (body.gender, body.name) == ("female", NAME.removesuffix(".pkl"))
    assert convert.line == f"{NAME}: SMPL, female"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_saved_again_is_read_too(convert, official, small_arrays, protocol):
    content = official(small_arrays)
    content["v_template"]._dirty_vars = {"x"}
    same(convert(pickle.dumps(content, protocol=protocol), "SMPL_FEMALE.pkl"), small_arrays)


def test_shapes_picked_from_an_array_of_more(convert, official, python2_pickle, chumpy, small_arrays):
    """So MANO's pickles, of the same download as SMPL-H's, hold theirs."""
    more = np.concatenate([small_arrays["shapedirs"]] * 2, axis=0).astype(np.float64)
    picked = small_arrays["shapedirs"]
    content = official(small_arrays)
    content["shapedirs"] = chumpy.Select(more, np.arange(picked.size), picked.shape)
    same(convert(python2_pickle(content)), small_arrays)


def test_npz_files_are_read_whatever_else_they_hold(convert, small_arrays):
    kintree = small_arrays["kintree_table"].astype(np.int64)
    kintree[0, 0] = -1
    extra = {"bs_style": np.array("lbs", dtype=object), "kintree_table": kintree}
    body = convert({**small_arrays, **extra}, "SMPL_MALE.npz", "male")
    same(body, small_arrays)
    assert body.gender == "male"


def test_a_stand_in_keeps_its_own_gender(convert, small_arrays):
    body = convert(small_arrays, "SMPL_MALE.npz", "neutral")
    assert body.gender == "male"
    assert "replaces the neutral body" in convert.line


@pytest.mark.parametrize("name", ["mano_v1_2/models/SMPLH_female.pkl", "smplh/female/model.npz"])
def test_smplh_is_posed_as_by_the_reference(convert, official, python2_pickle, smplh_arrays, name):
    content = smplh_arrays
    if name.endswith(".pkl"):
        content = python2_pickle(official(smplh_arrays))
    body = convert(content, name)
    assert body.name.lower() == "smplh_female"
    assert convert.line.endswith(": SMPL-H, female")
    rng = np.random.default_rng(2)
    pose, betas = rng.normal(0, 0.4, (4, 156)), rng.normal(0, 1, (4, 10))
    pose[2:, 66:] = 0
    tensor = {name: torch.tensor(smplh_arrays[name]) for name in smplh_arrays}
    vertices, joints = smplx.lbs.lbs(
        torch.tensor(betas, dtype=torch.float32),
        torch.tensor(pose, dtype=torch.float32),
        tensor["v_template"][None],
        tensor["shapedirs"][:, :, :10],
        tensor["posedirs"].reshape(-1, 459).T,
        tensor["J_regressor"],
        torch.tensor(SMPLH_PARENTS),
        tensor["weights"],
    )
    short = torch.tensor(smplh_to_smpl_pose(pose), dtype=torch.float32)
    posed = body(short, torch.tensor(betas, dtype=torch.float32), torch.zeros(4, 3))
    torch.testing.assert_close(posed.joints, joints[:, list(SMPLH_OF_SMPL)], atol=1e-5, rtol=0)
    # Fingers at rest: the whole mesh; bent fingers: all but the hands.
    torch.testing.assert_close(posed.vertices[2:], vertices[2:], atol=1e-5, rtol=0)
    elsewhere = smplh_arrays["weights"][:, 22:].sum(axis=1) == 0
    torch.testing.assert_close(posed.vertices[:, elsewhere], vertices[:, elsewhere], atol=1e-5, rtol=0)


BROKEN = [
    (lambda a: a.pop("shapedirs"), '"shapedirs" is missing'),
    (lambda a: a.pop("J_regressor"), '"J_regressor" is missing'),
    (lambda a: a.update(weights=a["weights"][:-1]), '"weights" is of shape'),
    (lambda a: a.update(posedirs=a["posedirs"][:, :, :200]), r'"posedirs" is of shape .*207'),
    (lambda a: a.update(v_template=a["v_template"].astype("S8")), r'"v_template" is of dtype \|S8'),
    (lambda a: a.update(v_template=a["v_template"] * np.nan), '"v_template" is not finite'),
    (
        lambda a: a.update(v_template=a["v_template"] * 1000),
        '"v_template" is 1.*e.03 wide or high',
    ),
    (lambda a: a.update(weights=a["weights"] * 0.5), '"weights" is up to 0.5 away'),
    (lambda a: a.update(f=a["f"] + 100000), '"f" is from'),
    (lambda a: a.update(f=a["f"][:0]), '"f" is of shape'),
    (lambda a: a.update(v_template=a["v_template"][:0]), '"v_template" is of shape'),
    (lambda a: a.update(kintree_table=a["kintree_table"][:, ::-1]), "SMPL's tree"),
    (lambda a: a.update(kintree_table=np.zeros((2, 55), int)), "SMPL-X"),
    (lambda a: a.update(kintree_table=np.zeros((2, 16), int)), "MANO, a hand"),
    (lambda a: a.update(shapedirs=a["shapedirs"][:, :, :4]), "10 shapes or more"),
]


@pytest.mark.parametrize(("change", "message"), BROKEN)
@pytest.mark.parametrize("suffix", [".npz", ".pkl"])
def test_broken_bodies_are_reported_by_array(
    convert, small_arrays, change, message, suffix, tmp_path, python2_pickle
):
    arrays = dict(small_arrays)
    change(arrays)
    content = arrays if suffix == ".npz" else python2_pickle(arrays)
    with pytest.raises(InputError, match=message) as caught:
        convert(content, f"SMPL_FEMALE{suffix}")
    assert f"SMPL_FEMALE{suffix}" in str(caught.value)
    assert not (tmp_path / "out.npz").exists()


@pytest.mark.parametrize("suffix", [".npz", ".pkl"])
def test_files_that_are_not_bodies_are_reported(convert, small_arrays, tmp_path, suffix, python2_pickle):
    whole = tmp_path / "whole"
    np.savez(whole, **small_arrays)
    good = (tmp_path / "whole.npz").read_bytes() if suffix == ".npz" else python2_pickle(small_arrays)
    for content in (b"", b"x, y, z\n", good[: len(good) // 2], b"\0" * 1000, pickle.dumps([1, 2])):
        with pytest.raises(InputError, match=rf"SMPL_FEMALE\{suffix}"):
            convert(content, f"SMPL_FEMALE{suffix}")
    for path in (tmp_path / f"nobody{suffix}", tmp_path):
        with pytest.raises(InputError):
            convert_body(path, "female", tmp_path / "out.npz")


def test_the_workflows_script_takes_a_folder_of_smplh_alone(tmp_path, official, python2_pickle, smplh_arrays):
    folder = tmp_path / "mano_v1_2" / "models"
    folder.mkdir(parents=True)
    for gender in ("male", "female"):
        (folder / f"SMPLH_{gender}.pkl").write_bytes(python2_pickle(official(smplh_arrays)))
    script = Path(__file__).parents[2] / "workflow_scripts" / "body.py"
    said = {}
    for gender in ("neutral", "female"):
        output = tmp_path / f"{gender}.npz"
        command = [sys.executable, script, "--body", tmp_path, "--gender", gender, "--output", output]
        said[gender] = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "SMPLH_male.pkl: SMPL-H, male; replaces the neutral body" in said["neutral"]
    assert BodyModel.load(tmp_path / "neutral.npz").gender == "male"
    assert BodyModel.load(tmp_path / "female.npz").gender == "female"


def cyclic(chumpy):
    array = chumpy.Ch(None)
    array.x = array
    return array


def hollow(chumpy):
    array = chumpy.Ch(None)
    del array.x
    return array


def sparse(**changes):
    matrix = csc_matrix(np.eye(24, 30))
    for name, value in changes.items():
        setattr(matrix, name, value)
    return matrix


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("v_template", cyclic),
        ("v_template", hollow),
        ("v_template", lambda chumpy: chumpy.Ch([1, 2, 3])),
        ("v_template", lambda chumpy: chumpy.Ch(np.array([None]))),
        ("v_template", lambda chumpy: [[0.0, 0.0, 0.0]]),
        ("shapedirs", lambda chumpy: chumpy.Select(np.ones(3), np.array([5]), (1, 1, 1))),
        ("shapedirs", lambda chumpy: chumpy.Select(np.ones(3), np.array([1]), (10**9, 10**9, 1))),
        ("J_regressor", lambda chumpy: sparse(indices=np.full(24, 10**6, np.int32))),
        ("J_regressor", lambda chumpy: sparse(indices=np.full(24, -7, np.int32))),
        ("J_regressor", lambda chumpy: sparse(indptr=np.full(31, 9999, np.int32))),
        ("J_regressor", lambda chumpy: sparse(_shape=(10**6, 10**6))),
        ("J_regressor", lambda chumpy: sparse(_shape="wide")),
    ],
)
def test_stand_ins_believe_nothing(convert, chumpy, small_arrays, python2_pickle, name, make):
    content = {**small_arrays, name: make(chumpy)}
    with pytest.raises(InputError, match=f'"{name}" is damaged'):
        convert(python2_pickle(content))


@pytest.mark.parametrize(
    "asked",
    [
        "chumpy.ch MatVecMult",
        "chumpy.utils timer",
        "chumpy.ch_ops add",
        "scipy.sparse.linalg spsolve",
        "scipy.io loadmat",
        "smpl_webuser.serialization load_model",
        "__builtin__ eval",
        "posix system",
    ],
)
@pytest.mark.parametrize("way", [b"(VMADE\ntR", b"\x81", b"}b", b""])
def test_every_other_name_is_refused(convert, tmp_path, asked, way):
    module, name = asked.split()
    way = way.replace(b"MADE", str(tmp_path / "made").encode())
    program = b"\x80\x02(Vv_template\n" + f"c{module}\n{name}\n".encode() + way + b"d."
    with pytest.raises(InputError, match=rf"it asks for {module}\.{name}, which is not allowed"):
        convert(program)
    assert not (tmp_path / "made").exists()
