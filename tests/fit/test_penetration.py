import dataclasses

import numpy as np
import pytest
import torch

from sshmr.config.fit import FitConfig
from sshmr.fit.energy import Problem
from sshmr.fit.gauss_newton import refine
from sshmr.fit.linearise import State, linearise, skin
from sshmr.fit.penetration import (
    FEWEST,
    PRESSED,
    add_separation,
    penetrating,
    separation,
    separation_energy,
)
from sshmr.fit.surface import KEPT_APART, SurfaceElements
from sshmr.geometry.raycast import Surface

RIGHT_SHOULDER = slice(3 * 17, 3 * 18)
ARM_FORWARD_AND_IN = torch.tensor([0.0, 1.9, 0.0])
HIP_IN = torch.tensor([0.0, 0.0, -0.6])


@pytest.fixture(scope="module")
def poses():
    """Arms and legs apart; an arm through the trunk; a shin through the other leg."""
    pose = torch.zeros(3, 72)
    pose[1, 3 * 14 : 3 * 15] = torch.tensor([0.0, 0.6, 0.0])
    pose[1, RIGHT_SHOULDER] = ARM_FORWARD_AND_IN
    pose[1, 3 * 19 : 3 * 20] = torch.tensor([0.0, 1.6, 0.0])
    pose[2, 3:6] = HIP_IN
    return State.from_pose(pose, torch.zeros(3, 10), torch.zeros(3, 3))


def posed(surface, state):
    placed = skin(surface.body, state)
    return placed.vertices, surface.turned_normals(placed.rotations), surface


def test_depths_agree_with_a_loop_over_vertices(surface, poses):
    vertices, normals, _ = posed(surface, poses)
    part = surface.body.weights.argmax(1)
    places, outward = vertices.numpy(), normals.numpy()
    expected = torch.zeros(3, len(part))
    for limb, other in KEPT_APART:
        others = np.flatnonzero(np.isin(part, sorted(other)))
        for row in range(3):
            for i in np.flatnonzero(np.isin(part, sorted(limb))):
                nearest = others[np.linalg.norm(places[row, others] - places[row, i], axis=1).argmin()]
                under = (places[row, nearest] - places[row, i]) @ outward[row, nearest]
                expected[row, i] = max(0.0, float(under) - PRESSED)
    found = penetrating(vertices, normals, surface)
    torch.testing.assert_close(found.depth, expected[:, found.limb], rtol=1e-4, atol=1e-6)
    assert found.depth[0].max() == 0
    assert (found.depth[1:].amax(1) > 0.02).all()
    total = separation_energy(vertices, normals, surface)
    torch.testing.assert_close(total, 0.5 * expected.square().sum(1) / len(part), rtol=1e-4, atol=1e-9)


def test_what_is_found_lies_inside_the_mesh(surface, poses, neutral_body):
    """Held against ray casting: from inside, the first face on the way out is seen from behind."""
    vertices, normals, _ = posed(surface, poses)
    found = penetrating(vertices, normals, surface)
    part, faces = neutral_body.weights.argmax(1), neutral_body.faces
    meshes = neutral_body(poses.pose, poses.betas, poses.transl).vertices
    for row, (joints, _) in ((1, KEPT_APART[0]), (2, KEPT_APART[1])):
        limb = torch.tensor(joints)
        own = torch.isin(part, limb)[faces].any(1)
        rest = faces[~own]
        deep = (found.depth[row] > 0) & torch.isin(surface.body.weights.argmax(1)[found.limb], limb)
        at, out = vertices[row, found.limb[deep]], found.outward[row, deep]
        _, face = Surface(meshes[row].numpy(), rest.numpy()).cast(at.numpy(), out.numpy())
        corners = meshes[row][rest[torch.from_numpy(face)]]
        front = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        assert deep.sum() > 5
        assert (((front * out).sum(1) > 0) & torch.from_numpy(face >= 0)).all()


def test_derivatives_tell_how_depths_fall(surface, poses):
    """Against differences, nearest vertices and normals held, which a step turns only a little."""
    exact = surface.body.to(dtype=torch.float64)
    plain = dataclasses.replace(exact, posedirs=torch.zeros_like(exact.posedirs))
    exact = SurfaceElements(plain, surface.normals.double())
    state = State(*(part.double() for part in poses))
    vertices, jacobian, rotations = linearise(exact.body, state)
    normals = exact.turned_normals(rotations)
    apart = separation(jacobian, vertices, normals, exact)
    found = penetrating(vertices, normals, exact)
    assert apart.rows.tolist() == [1, 2]
    step = 1e-5 * torch.randn(3, 85, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    moved, _, _ = posed(exact, state.moved(step))
    rows = found.skin[..., None].expand(-1, -1, 3)

    def depth(skin_at):
        return ((skin_at.gather(1, rows) - skin_at[:, found.limb]) * found.outward).sum(2)

    change = (depth(moved) - depth(vertices))[apart.rows][:, found.depth.any(0)]
    expected = -(apart.jacobian.transpose(1, 2) @ step[apart.rows][..., None])[..., 0]
    touched = apart.depth > 0
    torch.testing.assert_close(change[touched], expected[touched], rtol=1e-3, atol=1e-10)


def test_springs_are_least_squares(surface, poses):
    vertices, jacobian, rotations = linearise(surface.body, poses)
    apart = separation(jacobian, vertices, surface.turned_normals(rotations), surface)
    hessian, gradient = torch.zeros(3, 85, 85), torch.zeros(3, 85)
    add_separation(hessian, gradient, apart, 7.0)
    assert not hessian[0].any()
    for place, row in enumerate(apart.rows.tolist()):
        rows, depth = apart.jacobian[place].T, apart.depth[place]
        torch.testing.assert_close(hessian[row], 7.0 * rows.T @ rows, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(gradient[row], 7.0 * rows.T @ depth, rtol=1e-4, atol=1e-5)


def test_few_vertices_find_nothing(surface, poses):
    few = surface.first(FEWEST - 1)
    vertices, normals, _ = posed(few, poses)
    assert not separation_energy(vertices, normals, few).any()
    assert separation(torch.zeros(3, 85, 3, FEWEST - 1), vertices, normals, few) is None


def test_the_fit_draws_an_arm_out_of_the_trunk(surface, prior, poses):
    """A cloud that shows no arm: without the term the arm stays in the trunk, with it it comes out."""
    vertices, _, _ = posed(surface, poses)
    part = surface.body.weights.argmax(1)
    shown = ~torch.isin(part, torch.tensor(KEPT_APART[0][0])) & (vertices[1, :, 2] < 0)
    points = vertices[1:2, shown]
    start = poses.rows(torch.tensor([1]))
    left = {}
    for weight in (0.0, 1e6):
        config = FitConfig(pose_weight=0.0, penetration_weight=weight)
        mask = torch.ones(points.shape[:2], dtype=torch.bool)
        state, _ = refine(Problem(surface, prior, points, mask, config), start, [0.03] * 10, 0.2)
        left[weight] = separation_energy(*posed(surface, state)).item()
    assert left[0.0] > 0
    assert left[1e6] < 0.1 * left[0.0]
