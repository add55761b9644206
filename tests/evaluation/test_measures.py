"""Each measure against the obvious slow way of computing it."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from sshmr.body.layout import JOINT_NAMES
from sshmr.body.template import standing_pose
from sshmr.evaluation import measures
from sshmr.geometry.normals import vertex_normals
from sshmr.geometry.open3d_import import open3d
from sshmr.geometry.raycast import Surface


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def ball(radius, resolution=40):
    mesh = open3d().geometry.TriangleMesh.create_sphere(radius, resolution)
    return np.asarray(mesh.vertices), np.asarray(mesh.triangles)


def two_balls(distance):
    """Two closed balls; the second is turned, so that no ray runs along the edges of both."""
    (vertices, faces), (others, other_faces) = ball(0.1), ball(0.1)
    others = Rotation.from_rotvec([0.3, 0.5, 0.7]).apply(others) + np.array([distance, 0, 0])
    return np.concatenate([vertices, others]), np.concatenate([faces, other_faces + len(vertices)])


def test_mpjpe_is_the_mean_distance(rng):
    predicted, true = rng.normal(size=(2, 5, 24, 3))
    slow = [
        np.mean([np.sqrt(((p - t) ** 2).sum()) for p, t in zip(*pair, strict=True)])
        for pair in zip(predicted, true, strict=True)
    ]
    np.testing.assert_allclose(measures.mpjpe(predicted, true), slow)


def test_flip_tolerant_mpjpe_forgives_swapped_sides_only(rng):
    true = rng.normal(size=(4, 24, 3))
    swapped = true.copy()
    for joint, name in enumerate(JOINT_NAMES):
        other = name.replace("left", "LEFT").replace("right", "left").replace("LEFT", "right")
        swapped[:, joint] = true[:, JOINT_NAMES.index(other)]
    np.testing.assert_allclose(measures.flip_tolerant_mpjpe(swapped, true), 0, atol=1e-12)
    np.testing.assert_allclose(measures.flip_tolerant_mpjpe(true + np.array([0, 0.05, 0]), true), 0.05)


def test_procrustes_agrees_with_scipy_frame_by_frame(rng):
    moving, fixed = rng.normal(size=(2, 6, 24, 3))
    aligned = measures.procrustes(moving, fixed)
    for frame in range(6):
        centred, target = moving[frame] - moving[frame].mean(0), fixed[frame] - fixed[frame].mean(0)
        rotation, _ = Rotation.align_vectors(target, centred)
        turned = rotation.apply(centred)
        scale = (turned * target).sum() / (turned**2).sum()
        np.testing.assert_allclose(aligned[frame], scale * turned + fixed[frame].mean(0), atol=1e-9)


def test_pa_mpjpe_forgives_a_similarity_but_no_mirroring(rng):
    true = rng.normal(size=(3, 24, 3))
    moved = 0.4 * Rotation.random(random_state=1).apply(true.reshape(-1, 3)).reshape(true.shape) + [1, 2, 3]
    np.testing.assert_allclose(measures.pa_mpjpe(moved, true), 0, atol=1e-9)
    assert (measures.pa_mpjpe(true * [-1, 1, 1], true) > 0.1).all()


def test_flipped_starts_at_the_angle(rng):
    true = Rotation.random(8, random_state=2)
    axis = rng.normal(size=3) / np.linalg.norm(rng.normal(size=3))
    for degrees, expected in ((80, False), (100, True), (180, True)):
        turn = Rotation.from_rotvec(np.radians(degrees) * axis / np.linalg.norm(axis))
        assert (measures.flipped((turn * true).as_matrix(), true.as_matrix(), 90.0) == expected).all()


def test_correspondence_error_agrees_with_brute_force(rng):
    points, true, predicted = rng.normal(size=(60, 3)), rng.normal(size=(300, 3)), rng.normal(size=(300, 3))
    errors = []
    for point in points:
        mine = min(range(300), key=lambda v: np.linalg.norm(point - predicted[v]))
        right = min(range(300), key=lambda v: np.linalg.norm(point - true[v]))
        errors.append(np.linalg.norm(true[mine] - true[right]))
    found = measures.correspondence_error(
        measures.nearest_vertices(points, predicted), measures.nearest_vertices(points, true), true
    )
    assert found == pytest.approx(np.mean(errors))


def test_point_to_surface_agrees_with_a_densely_sampled_mesh(rng):
    vertices, faces = ball(0.5, resolution=6)
    points = rng.normal(0, 0.5, size=(200, 3))
    weights = rng.dirichlet(np.ones(3), size=(len(faces), 3000))
    samples = np.einsum("fsc,fcx->fsx", weights, vertices[faces]).reshape(-1, 3)
    slow = np.array([np.sqrt(((samples - point) ** 2).sum(1).min()) for point in points])
    mean, median = measures.point_to_surface(points, Surface(vertices, faces))
    # Samples of a triangle lie some millimetres apart, so the nearest is at most that much too far.
    assert mean == pytest.approx(slow.mean(), abs=2e-3)
    assert median == pytest.approx(np.median(slow), abs=2e-3)


def test_vertex_normals_agree_with_a_loop(rng):
    vertices, faces = ball(0.3, resolution=5)
    slow = np.zeros_like(vertices)
    for a, b, c in faces:
        slow[[a, b, c]] += np.cross(vertices[b] - vertices[a], vertices[c] - vertices[a])
    slow /= np.linalg.norm(slow, axis=1, keepdims=True)
    np.testing.assert_allclose(vertex_normals(vertices, faces), slow, atol=1e-12)


def test_penetration_is_the_share_of_skin_inside(rng):
    """Of two overlapping balls the caps inside each other are known in closed form."""
    apart, radius = 0.12, 0.1
    vertices, faces = two_balls(apart)
    directions = rng.normal(size=(20000, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    samples = np.concatenate([0.0999 * directions[:10000], 0.0999 * directions[10000:] + [apart, 0, 0]])
    cap = (1 - apart / (2 * radius)) / 2
    measured = measures.penetration(samples, directions, Surface(vertices, faces), depth=0.0)
    assert measured == pytest.approx(cap, abs=0.01)


def test_shallow_penetration_does_not_count():
    vertices, faces = two_balls(0.199)
    normals = vertex_normals(vertices, faces)
    surface = Surface(vertices, faces)
    assert measures.penetration(vertices, normals, surface, depth=0.01) == 0
    vertices, faces = two_balls(0.1)
    assert (
        measures.penetration(vertices, vertex_normals(vertices, faces), Surface(vertices, faces), depth=0.01)
        > 0.1
    )


def test_penetration_of_a_body_with_an_arm_through_its_trunk(neutral_body):
    pose = standing_pose().reshape(24, 3).repeat(2, 1, 1)
    pose[1, JOINT_NAMES.index("left_shoulder")] = torch.tensor([0.0, 0.0, -2.1])
    posed = neutral_body(pose.reshape(2, 72), torch.zeros(2, 10), torch.zeros(2, 3)).vertices.numpy()
    faces = neutral_body.faces.numpy()
    free, through = (
        measures.penetration(body, vertex_normals(body, faces), Surface(body, faces), depth=0.01)
        for body in posed
    )
    # A few vertices between the toes see the neighbouring toe.
    assert free < 0.002
    assert through > 0.03
