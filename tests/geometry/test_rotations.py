import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from sshmr.geometry.frames import Z_UP_TO_Y_UP, turn_body
from sshmr.geometry.rotations import (
    rot6d_to_rotmat,
    rotation_about_y,
    rotmat_to_rot6d,
    rotmat_to_rotvec,
    rotvec_to_rotmat,
)


@pytest.fixture
def rotvecs():
    """Axis-angle vectors of every size: tiny, ordinary, and close to half a turn."""
    generator = torch.Generator().manual_seed(0)
    axes = torch.nn.functional.normalize(torch.randn(300, 3, generator=generator, dtype=torch.float64), dim=1)
    sizes = torch.cat([10.0 ** torch.linspace(-12, -2, 100), torch.linspace(0.01, torch.pi - 1e-6, 200)])
    return axes * sizes.double()[:, None]


def test_rotvec_to_rotmat_agrees_with_scipy(rotvecs):
    expected = Rotation.from_rotvec(rotvecs.numpy()).as_matrix()
    np.testing.assert_allclose(rotvec_to_rotmat(rotvecs).numpy(), expected, atol=1e-12)


def test_rotmat_to_rotvec_inverts_up_to_half_a_turn(rotvecs):
    back = rotmat_to_rotvec(rotvec_to_rotmat(rotvecs))
    torch.testing.assert_close(back, rotvecs, atol=1e-8, rtol=0)


def test_gradient_through_the_zero_rotation_is_finite_and_right():
    zero = torch.zeros(1, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(rotvec_to_rotmat, (zero,))


def test_six_numbers_survive_the_round_trip_and_any_six_give_a_rotation(rotvecs):
    rotmats = rotvec_to_rotmat(rotvecs)
    torch.testing.assert_close(rot6d_to_rotmat(rotmat_to_rot6d(rotmats)), rotmats)
    loose = rot6d_to_rotmat(torch.randn(50, 6, dtype=torch.float64))
    torch.testing.assert_close(loose @ loose.mT, torch.eye(3).double().expand(50, 3, 3))
    torch.testing.assert_close(torch.linalg.det(loose), torch.ones(50).double())


def test_rotation_about_y_takes_forward_to_the_left():
    turned = rotation_about_y(torch.tensor(torch.pi / 2)) @ torch.tensor([0.0, 0.0, 1.0])
    torch.testing.assert_close(turned, torch.tensor([1.0, 0.0, 0.0]), atol=1e-6, rtol=0)


def test_z_up_to_y_up_keeps_up_up_and_is_a_rotation():
    np.testing.assert_array_equal(Z_UP_TO_Y_UP @ [0, 0, 1], [0, 1, 0])
    assert np.linalg.det(Z_UP_TO_Y_UP) == pytest.approx(1.0)


def test_turning_a_body_turns_every_vertex(small_body):
    """The field's most common mistake: the translation must change, since the root turns about the pelvis."""
    generator = torch.Generator().manual_seed(1)
    pose = 0.5 * torch.randn(4, 72, generator=generator, dtype=torch.float64)
    betas = torch.randn(4, 10, generator=generator, dtype=torch.float64)
    transl = torch.randn(4, 3, generator=generator, dtype=torch.float64)
    rotation = rotvec_to_rotmat(torch.tensor([0.3, 1.2, -0.8], dtype=torch.float64))
    pelvis = small_body.rest_joints(betas)[:, 0]
    root, moved = turn_body(rotation, pose[:, :3], transl, pelvis)
    turned = small_body(torch.cat([root, pose[:, 3:]], 1), betas, moved)
    expected = small_body(pose, betas, transl)
    torch.testing.assert_close(turned.vertices, expected.vertices @ rotation.T)
    torch.testing.assert_close(turned.joints, expected.joints @ rotation.T)
