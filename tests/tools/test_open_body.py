"""The builder's steps compared with simple references, and its result with the shipped body."""

import itertools
import os
import sys

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from sshmr.body.layout import JOINT_NAMES
from sshmr.body.model import PARENTS, open_body_path
from tools.open_body.__main__ import main
from tools.open_body.correctives import SHARE, pose_correctives
from tools.open_body.decimate import decimate_half
from tools.open_body.landmarks import SMPL_VERTEX_IDS, vertex_order
from tools.open_body.regressor import fit_regressor
from tools.open_body.shapes import principal_shapes
from tools.open_body.skin import half_skin, mirrored_closed_mesh
from tools.open_body.tpose import local_rotations, rest_joints, sculpt_rotations, unpose


@pytest.fixture(scope="module")
def shipped():
    with np.load(open_body_path("neutral")) as archive:
        return {name: archive[name] for name in archive.files}


def half_ball(rings=24, segments=16):
    """The half x ≥ 0 of a unit ball as a grid between its poles: vertices, faces, which are at x = 0."""
    turn, tilt = np.meshgrid(
        np.linspace(-np.pi / 2, np.pi / 2, segments), np.linspace(0, np.pi, rings + 2)[1:-1], indexing="xy"
    )
    grid = np.stack([np.sin(tilt) * np.cos(turn), np.cos(tilt), np.sin(tilt) * np.sin(turn)], axis=-1)
    grid[:, [0, -1], 0] = 0
    vertices = np.concatenate([grid.reshape(-1, 3), [[0, 1, 0], [0, -1, 0]]])
    number = np.arange(rings * segments).reshape(rings, segments)
    a, b = number[:-1, :-1].ravel(), number[:-1, 1:].ravel()
    c, d = number[1:, :-1].ravel(), number[1:, 1:].ravel()
    top, bottom = np.full(segments - 1, len(vertices) - 2), np.full(segments - 1, len(vertices) - 1)
    caps = [
        np.stack([top, number[0, 1:], number[0, :-1]], 1),
        np.stack([bottom, number[-1, :-1], number[-1, 1:]], 1),
    ]
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1), *caps])
    return vertices, faces, vertices[:, 0] == 0


def edges_of(faces):
    return [tuple(edge) for face in faces.tolist() for edge in zip(face, face[1:] + face[:1], strict=True)]


@pytest.mark.parametrize("target", [200, 201, 400])
def test_decimation_keeps_a_closed_symmetric_surface_of_original_vertices(target):
    vertices, faces, on_midline = half_ball()
    locked = np.zeros(len(vertices), dtype=bool)
    locked[[100, 200]] = True
    weights = np.stack([vertices[:, 1] > 0, vertices[:, 1] <= 0], axis=1).astype(float)
    kept, thinned = decimate_half(vertices, faces, weights, on_midline, locked, target)
    assert locked[kept].sum() == 2
    whole, counterpart = mirrored_closed_mesh(thinned, on_midline[kept])
    assert len(counterpart) == target
    assert len(whole) == 2 * target - 4
    edges = edges_of(whole)
    assert len(set(edges)) == len(edges)
    assert {(b, a) for a, b in edges} == set(edges)
    corners = vertices[kept][thinned]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert ((normals * corners.mean(axis=1)).sum(axis=1) * np.sign(_first_normal(vertices, faces)) > 0).all()
    # A ball of this many flat triangles stays within a few per cent of the round one.
    assert np.linalg.norm(corners.mean(axis=1), axis=1).min() > 0.93


def _first_normal(vertices, faces):
    a, b, c = vertices[faces[0]]
    return np.cross(b - a, c - a) @ (a + b + c)


def test_decimation_says_when_it_cannot_go_on():
    vertices, faces, on_midline = half_ball(6, 6)
    with pytest.raises(ValueError, match="too many"):
        decimate_half(vertices, faces, np.ones((len(vertices), 1)), on_midline, on_midline, 4)


def test_an_asymmetric_source_is_refused():
    vertices = np.random.default_rng(0).normal(size=(10, 3))
    with pytest.raises(ValueError, match="not symmetric"):
        half_skin(vertices, np.array([[0, 1, 2]]), np.zeros(10, dtype=bool))


def test_regressor_finds_joints_that_ride_on_the_skin(shipped):
    generator = np.random.default_rng(0)
    shapes = generator.normal(size=(60, 10))
    vertices = shipped["v_template"] + np.einsum("vcs,ns->nvc", shipped["shapedirs"], shapes)
    joints = shipped["J_regressor"].astype(float) @ vertices
    x = shipped["v_template"] * [-1, 1, 1]
    counterpart = np.lexsort(shipped["v_template"].T)[np.argsort(np.lexsort(x.T))]
    regressor = fit_regressor(vertices[:50], joints[:50], counterpart)
    assert regressor.min() >= 0
    np.testing.assert_allclose(regressor.sum(axis=1), 1)
    error = np.linalg.norm(regressor @ vertices[50:] - joints[50:], axis=-1)
    assert error.max() < 0.001


def test_unposing_inverts_skinning(shipped):
    generator = np.random.default_rng(1)
    weights = shipped["weights"].astype(float)
    rest = (shipped["J_regressor"] @ shipped["v_template"])[None].repeat(2, 0).astype(float)
    rotations = Rotation.from_rotvec(0.3 * generator.normal(size=(48, 3))).as_matrix().reshape(2, 24, 3, 3)
    joints = generator.normal(size=(2, 24, 3))
    at_rest = shipped["v_template"].astype(float)
    posed = np.zeros((2, *at_rest.shape))
    for body in range(2):
        for joint in range(24):
            moved = (at_rest - rest[body, joint]) @ rotations[body, joint].T + joints[body, joint]
            posed[body] += weights[:, joint : joint + 1] * moved
    np.testing.assert_allclose(unpose(posed, weights, joints, rest, rotations), [at_rest, at_rest], atol=1e-9)


def test_relaxed_arms_come_to_lie_along_x_and_bones_keep_their_lengths():
    joints = np.random.default_rng(2).normal(scale=0.05, size=(3, 24, 3))
    for side, sign in (("left_", 1), ("right_", -1)):
        places = {
            "hip": (0.1, 0, 0), "knee": (0.12, -0.4, 0.05), "ankle": (0.15, -0.8, 0),
            "foot": (0.15, -0.85, 0.1), "shoulder": (0.2, 0.5, 0), "elbow": (0.35, 0.3, 0),
            "wrist": (0.45, 0.2, 0.15), "hand": (0.5, 0.15, 0.22),
        }  # fmt: skip
        for name, (x, y, z) in places.items():
            joints[:, JOINT_NAMES.index(side + name)] += [sign * x, y, z]
    rotations = sculpt_rotations(joints)
    np.testing.assert_allclose(np.linalg.det(rotations), 1)
    rest = rest_joints(joints, rotations)
    for side, sign in (("left_", 1), ("right_", -1)):
        arm = [rest[:, JOINT_NAMES.index(side + name)] for name in ("shoulder", "elbow", "wrist", "hand")]
        for start, end in itertools.pairwise(arm):
            np.testing.assert_allclose((end - start)[:, 1:], 0, atol=1e-12)
            assert (sign * (end - start)[:, 0] > 0).all()
        # The elbow only has its hinge left: it bends about the vertical.
        bend = local_rotations(rotations)[:, JOINT_NAMES.index(side + "elbow")]
        np.testing.assert_allclose(Rotation.from_matrix(bend).as_rotvec()[:, [0, 2]], 0, atol=1e-9)
    for joint, parent in enumerate(PARENTS[1:], start=1):
        np.testing.assert_allclose(
            np.linalg.norm(rest[:, joint] - rest[:, parent], axis=1),
            np.linalg.norm(joints[:, joint] - joints[:, parent], axis=1),
        )


def test_correctives_lead_towards_blending_rotations_instead_of_matrices():
    """A vertex half on each side of a bent elbow: linear blending pulls it in, correction pushes it out."""
    elbow, wrist = JOINT_NAMES.index("left_elbow"), JOINT_NAMES.index("left_wrist")
    joints = np.zeros((24, 3))
    vertices = np.array([[0.0, 0.0, -0.05], [0.0, 0.03, 0.0], [0.5, 0.0, 0.0]])
    weights = np.zeros((3, 24))
    weights[:2, [JOINT_NAMES.index("left_shoulder"), elbow]] = 0.5
    weights[2, wrist] = 1
    posedirs = pose_correctives(vertices, joints, weights, seed=0).reshape(3, 3, 23, 9)
    bend = Rotation.from_rotvec([0, -np.pi / 2, 0])
    offset = posedirs[:, :, elbow - 1] @ (bend.as_matrix() - np.eye(3)).ravel()
    half = (np.eye(3) + bend.as_matrix()) / 2
    smooth = Rotation.from_rotvec([0, -np.pi / 4, 0]).apply(vertices)
    linear = vertices @ half.T
    corrected = (vertices + offset) @ half.T
    wanted = linear + SHARE * (smooth - linear)
    # The regression is linear in the matrix, the truth is not: it keeps within a quarter of the step.
    assert np.linalg.norm(corrected[0] - wanted[0]) < 0.25 * np.linalg.norm(wanted[0] - linear[0])
    np.testing.assert_allclose(corrected[1], linear[1], atol=0.001)
    assert not posedirs[2].any(), "a vertex on one joint only needs no correction"


def test_principal_shapes_rebuild_their_samples_and_start_with_stature(shipped):
    generator = np.random.default_rng(3)
    coefficients = generator.normal(size=(40, 10))
    vertices = shipped["v_template"] + np.einsum("vcs,ns->nvc", shipped["shapedirs"], coefficients)
    mean, components = principal_shapes(vertices, shipped["f"].astype(int))
    flat, basis = (vertices - mean).reshape(40, -1), components.reshape(-1, 10)
    scores, *_ = np.linalg.lstsq(basis, flat.T, rcond=None)
    np.testing.assert_allclose(basis @ scores, flat.T, atol=1e-5)
    np.testing.assert_allclose(scores.std(axis=1), 1, atol=1e-6)
    assert np.ptp((mean + components[..., 0])[:, 1]) > np.ptp(mean[:, 1])


def test_vertex_order_puts_landmarks_on_their_numbers():
    counterpart = np.arange(6890).reshape(-1, 2)[:, ::-1].ravel()
    counterpart[:2] = [0, 1]
    stems = {name.removeprefix("left_") for name in SMPL_VERTEX_IDS if name.startswith("left_")}
    left = {"nose": 0, **{stem: 100 + 2 * i for i, stem in enumerate(sorted(stems))}}
    order = vertex_order(left, counterpart)
    np.testing.assert_array_equal(np.sort(order), np.arange(6890))
    assert order[SMPL_VERTEX_IDS["nose"]] == 0
    assert order[SMPL_VERTEX_IDS["left_big_toe"]] == left["big_toe"]
    assert order[SMPL_VERTEX_IDS["right_big_toe"]] == counterpart[left["big_toe"]]


def test_without_anny_the_builder_says_what_to_install(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "anny", None)
    assert main(["--output", str(tmp_path)]) == 1
    assert 'pip install "sshmr[body]"' in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_builder_makes_what_is_shipped(tmp_path, shipped):
    pytest.importorskip("anny", reason="needs anny (the body extra) to rebuild the body")
    if "ANNY_CACHE_DIR" not in os.environ:
        from anny.paths import set_anny_cache_path

        set_anny_cache_path(tmp_path / "anny")
    assert main(["--output", str(tmp_path), "--gender", "neutral"]) == 0
    with np.load(tmp_path / "open_neutral.npz") as archive:
        built = {name: archive[name] for name in archive.files}
    assert built.keys() == shipped.keys()
    np.testing.assert_array_equal(built["f"], shipped["f"])
    # Other linear algebra libraries round differently; 0.1 mm is far below what anyone can measure.
    for name in ("v_template", "shapedirs", "posedirs"):
        np.testing.assert_allclose(built[name], shipped[name], atol=1e-4)
    np.testing.assert_allclose(built["weights"], shipped["weights"], atol=1e-3)
    joints = [arrays["J_regressor"] @ arrays["v_template"] for arrays in (built, shipped)]
    np.testing.assert_allclose(*joints, atol=1e-3)
