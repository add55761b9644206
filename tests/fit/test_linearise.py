import dataclasses

import pytest
import torch

from sshmr.fit.linearise import State, left_jacobian, linearise, skin
from sshmr.geometry.rotations import rotvec_to_rotmat


def random_state(rows, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)

    def draw(width):
        return torch.randn(rows, width, generator=generator, dtype=dtype)

    return State.from_pose(0.6 * draw(72), draw(10), draw(3))


def test_vertices_are_those_of_the_body_model(small_body):
    state = random_state(3)
    expected = small_body(state.pose, state.betas, state.transl).vertices
    torch.testing.assert_close(skin(small_body, state).vertices, expected)


@pytest.fixture
def few(small_body):
    """Some of its vertices: autograd takes their derivatives one after the other."""
    return small_body.subset(torch.arange(0, len(small_body.v_template), 5))


@pytest.fixture
def plain_body(few):
    """Without pose blend shapes, which the derivatives hold fixed."""
    return dataclasses.replace(few, posedirs=torch.zeros_like(few.posedirs))


def test_every_derivative_agrees_with_autograd(plain_body):
    """In float64 to 1e-10, far below the 1e-4 that an optimiser would notice."""
    state = random_state(2)
    _, jacobian, _ = linearise(plain_body, state)
    automatic = torch.autograd.functional.jacobian(
        lambda step: skin(plain_body, state.moved(step)).vertices.sum(0), torch.zeros(2, 85).double()
    )
    torch.testing.assert_close(jacobian, automatic.permute(2, 3, 1, 0), atol=1e-10, rtol=0)


def test_the_fixed_blend_shapes_cost_little(few):
    """What the derivatives leave out stays within centimetres a radian."""
    state = random_state(2)
    _, jacobian, _ = linearise(few, state)
    automatic = torch.autograd.functional.jacobian(
        lambda step: skin(few, state.moved(step)).vertices.sum(0), torch.zeros(2, 85).double()
    )
    left_out = (jacobian - automatic.permute(2, 3, 1, 0)).norm(dim=2)
    assert left_out.mean() < 0.002
    assert left_out.max() < 0.15


def test_float32_derivatives_stay_within_1e_4(small_body):
    exact, rough = random_state(2), State(*(part.float() for part in random_state(2)))
    _, expected, _ = linearise(small_body, exact)
    single = small_body.to(dtype=torch.float32)
    _, found, _ = linearise(single, rough)
    torch.testing.assert_close(found.double(), expected, atol=1e-4, rtol=0)


def test_left_jacobian_turns_like_a_changed_rotation_vector():
    generator = torch.Generator().manual_seed(1)
    rotvecs = torch.randn(50, 3, generator=generator, dtype=torch.float64)
    small = 1e-6 * torch.randn(50, 3, generator=generator, dtype=torch.float64)
    turn = rotvec_to_rotmat((left_jacobian(rotvecs) @ small[..., None])[..., 0])
    torch.testing.assert_close(
        rotvec_to_rotmat(rotvecs + small), turn @ rotvec_to_rotmat(rotvecs), atol=1e-11, rtol=0
    )
