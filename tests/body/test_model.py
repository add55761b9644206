import numpy as np
import pytest
import smplx
import torch
from smplx.utils import Struct

from sshmr.body.model import BodyModel, open_body_path
from sshmr.errors import InputError


@pytest.fixture
def poses():
    """Random bodies: poses of all sizes, shapes and places."""
    generator = torch.Generator().manual_seed(0)
    pose = torch.randn(16, 72, generator=generator) * torch.linspace(0, 1, 16)[:, None]
    return pose, 2 * torch.randn(16, 10, generator=generator), torch.randn(16, 3, generator=generator)


@pytest.mark.parametrize("gender", ["neutral", "male", "female"])
def test_vertices_and_joints_agree_with_smplx(gender, poses):
    pose, betas, transl = poses
    with np.load(open_body_path(gender)) as archive:
        data = Struct(**{name: archive[name] for name in archive.files})
    reference = smplx.SMPL(model_path="", data_struct=data, batch_size=16, gender=gender)
    expected = reference(global_orient=pose[:, :3], body_pose=pose[:, 3:], betas=betas, transl=transl)
    posed = BodyModel.load(open_body_path(gender))(pose, betas, transl)
    torch.testing.assert_close(posed.vertices, expected.vertices, atol=1e-5, rtol=0)
    torch.testing.assert_close(posed.joints, expected.joints[:, :24], atol=1e-5, rtol=0)


def test_a_subset_is_posed_to_the_same_places_as_in_the_whole_body(neutral_body, poses):
    ids = torch.tensor([0, 5, 6889, 1234, 77])
    whole, part = neutral_body(*poses), neutral_body.subset(ids)(*poses)
    torch.testing.assert_close(part.vertices, whole.vertices[:, ids])
    torch.testing.assert_close(part.joints, whole.joints)


def test_rotation_matrices_and_rotation_vectors_pose_alike(neutral_body, poses):
    from sshmr.geometry.rotations import rotvec_to_rotmat

    pose, betas, transl = poses
    matrices = rotvec_to_rotmat(pose.unflatten(1, (24, 3)))
    torch.testing.assert_close(
        neutral_body(matrices, betas, transl).vertices, neutral_body(pose, betas, transl).vertices
    )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda arrays: arrays.pop("weights"), '"weights" is missing'),
        (lambda arrays: arrays.update(v_template=arrays["v_template"][:, :2]), '"v_template" is of shape'),
        (lambda arrays: arrays.update(weights=arrays["weights"][:-1]), '"weights" is of shape'),
        (lambda arrays: arrays.update(v_template=arrays["v_template"] * np.nan), "not finite"),
        (lambda arrays: arrays.update(kintree_table=arrays["kintree_table"][:, ::-1]), "kintree_table"),
    ],
)
def test_a_broken_body_file_is_reported_by_field(tmp_path, change, says):
    with np.load(open_body_path("neutral")) as archive:
        arrays = {name: archive[name] for name in archive.files}
    change(arrays)
    path = tmp_path / "body.npz"
    np.savez(path, **arrays)
    with pytest.raises(InputError, match=says):
        BodyModel.load(path)


def test_a_missing_body_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nobody\.npz: no such file"):
        BodyModel.load(tmp_path / "nobody.npz")
