"""Body files are found under their official names, and the gender that is missing is stood in for."""

import pytest

from sshmr.body.sources import body_source, gender_of, prior_source
from sshmr.errors import InputError


def put(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


@pytest.mark.parametrize(
    ("names", "genders"),
    [
        (  # SMPL 1.0.0 as downloaded; the neutral body comes from SMPLify
            (
                "SMPL_python_v.1.0.0/smpl/models/basicModel_f_lbs_10_207_0_v1.0.0.pkl",
                "SMPL_python_v.1.0.0/smpl/models/basicmodel_m_lbs_10_207_0_v1.0.0.pkl",
                "smplify_public/code/models/basicModel_neutral_lbs_10_207_0_v1.0.0.pkl",
            ),
            ("female", "male", "neutral"),
        ),
        (
            (
                "basicmodel_f_lbs_10_207_0_v1.1.0.pkl",
                "basicmodel_m_lbs_10_207_0_v1.1.0.pkl",
                "basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl",
            ),
            ("female", "male", "neutral"),
        ),
        (("smpl/SMPL_FEMALE.pkl", "smpl/SMPL_MALE.npz"), ("female", "male")),
        (("mano_v1_2/models/SMPLH_female.pkl", "mano_v1_2/models/SMPLH_male.pkl"), ("female", "male")),
        (("smplh/SMPLH_FEMALE.npz", "smplh/SMPLH_MALE.pkl"), ("female", "male")),
        (("smplh/female/model.npz", "smplh/male/model.npz"), ("female", "male")),
    ],
)
def test_official_names_are_found_anywhere_below(tmp_path, names, genders):
    put(tmp_path, *names, "models/._basicmodel_f_lbs_10_207_0_v1.1.0.pkl", "info.txt")
    for name, gender in zip(names, genders, strict=True):
        assert body_source(tmp_path, gender) == tmp_path / name
        assert gender_of(tmp_path / name) == gender


def test_smpl_comes_before_smplh_and_shallow_files_before_deep_ones(tmp_path):
    put(tmp_path, "SMPLH_male.pkl", "old/copy/SMPL_MALE.pkl")
    assert body_source(tmp_path, "male").name == "SMPL_MALE.pkl"
    put(tmp_path, "new/SMPL_MALE.pkl")
    assert body_source(tmp_path, "male").parent.name == "new"


def test_a_missing_gender_is_stood_in_for(tmp_path):
    put(tmp_path, "SMPLH_male.pkl", "SMPLH_female.pkl")
    assert body_source(tmp_path, "neutral").name == "SMPLH_male.pkl"
    (tmp_path / "SMPLH_male.pkl").unlink()
    assert body_source(tmp_path, "male").name == "SMPLH_female.pkl"


def test_other_models_of_the_same_download_are_left_alone(tmp_path):
    put(tmp_path, "dmpls/male/model.npz", "smplx/male/model.npz", "MANO_LEFT.pkl", "notes.npz")
    with pytest.raises(InputError, match=r"no body model; expected .* such as SMPL_MALE\.pkl"):
        body_source(tmp_path, "male")
    put(tmp_path, "smplh/male/model.npz")
    assert body_source(tmp_path, "male") == tmp_path / "smplh/male/model.npz"


def test_links_are_followed_and_loops_end(tmp_path):
    put(tmp_path, "store/SMPL_MALE.pkl")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "linked").symlink_to(tmp_path / "store")
    (tmp_path / "models" / "loop").symlink_to(tmp_path / "models")
    assert body_source(tmp_path / "models", "male").name == "SMPL_MALE.pkl"


def test_a_folder_that_is_not_there_is_reported(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        body_source(tmp_path / "nowhere", "male")


def test_shipped_files_are_there():
    for gender in ("neutral", "male", "female"):
        assert body_source("open", gender).is_file()
    assert prior_source("open").is_file()
    with pytest.raises(InputError, match="no such file"):
        prior_source("nowhere.npz")
