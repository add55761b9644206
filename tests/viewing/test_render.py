"""What a picture shows, judged by its pixels."""

import io

import numpy as np
import pytest
from PIL import Image

from sshmr.geometry.open3d_import import open3d
from sshmr.viewing.render import DISTANCE_COLOURS, GHOST, View, png, render, side_by_side, view_around, webp

FRONT = View(azimuth=0.0, elevation=0.0, centre=np.zeros(3), width=1.0, height=1.0)


@pytest.fixture(scope="module")
def ball():
    mesh = open3d().geometry.TriangleMesh.create_sphere(0.3, 60)
    return np.asarray(mesh.vertices), np.asarray(mesh.triangles)


def changed(picture, bare):
    return np.abs(picture.astype(int) - bare.astype(int)).max(axis=-1) > 40


def test_a_ball_covers_its_disc_and_the_rest_is_transparent(ball):
    picture = render(FRONT, 200, *ball)
    assert picture.shape == (200, 200, 4)
    assert (picture[..., 3] / 255).mean() == pytest.approx(np.pi * 0.3**2, rel=0.01)
    assert picture[0, 0, 3] == 0


@pytest.mark.parametrize("azimuth", [0.0, 0.7, np.pi / 2, -2.0])
def test_projection_agrees_with_turning_the_scene(azimuth):
    """Walking round the scene by an angle shows what turning the scene back by it shows."""
    points = np.random.default_rng(0).normal(size=(20, 3))
    sine, cosine = np.sin(-azimuth), np.cos(-azimuth)
    turned = points @ np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]]).T
    moved = View(azimuth, 0.0, np.zeros(3), 1.0, 1.0)
    np.testing.assert_allclose(moved.project(points), FRONT.project(turned), atol=1e-12)


def test_right_and_up_of_the_picture():
    right, top, near = FRONT.project(np.array([[0.4, 0, 0], [0, 0.4, 0], [0, 0, 0.4]]))
    np.testing.assert_allclose(right, [0.9, 0.5, 0])
    np.testing.assert_allclose(top, [0.5, 0.1, 0])
    np.testing.assert_allclose(near, [0.5, 0.5, 0.4])


def test_points_before_the_mesh_are_seen_and_points_behind_it_hidden(ball):
    bare = render(FRONT, 200, *ball)
    before, behind, beside = (
        np.array([[0.05, 0.1, 0.4]]),
        np.array([[0.05, 0.1, -0.4]]),
        np.array([[0.42, 0, -0.4]]),
    )
    assert changed(render(FRONT, 200, *ball, before), bare)[80, 110]
    assert not changed(render(FRONT, 200, *ball, behind), bare).any()
    assert changed(render(FRONT, 200, *ball, beside), bare)[100, 184]


def test_a_nearer_dot_lies_over_a_farther_one(ball):
    near_mesh, far_off = [0.0, 0.0, 0.3], [0.0, 0.0, 0.45]
    for order in ([near_mesh, far_off], [far_off, near_mesh]):
        colour = render(FRONT, 400, *ball, np.array(order))[200, 200, :3] / 255
        np.testing.assert_allclose(colour, DISTANCE_COLOURS[-1], atol=0.02)


def test_dots_tell_how_far_the_cloud_is_from_the_mesh(ball):
    on, off = (render(FRONT, 400, *ball, np.array([[0, 0, z]]))[200, 200, :3] / 255 for z in (0.3, 0.4))
    np.testing.assert_allclose(on, DISTANCE_COLOURS[0], atol=0.02)
    np.testing.assert_allclose(off, DISTANCE_COLOURS[-1], atol=0.02)


def test_points_outside_the_picture_do_no_harm(ball):
    np.testing.assert_array_equal(render(FRONT, 100, *ball, np.full((3, 3), 9.0)), render(FRONT, 100, *ball))


def test_the_view_holds_everything(ball):
    points = np.random.default_rng(1).normal(0, [0.2, 0.9, 0.3], size=(500, 3)) + 5
    for azimuth, elevation in ((0.0, 0.0), (1.1, 0.4)):
        projected = view_around(points, azimuth, elevation, aspect=0.6).project(points)[:, :2]
        assert projected.min() > 0
        assert projected.max() < 1


def test_files_hold_the_picture(ball):
    picture = render(FRONT, 120, *ball)
    row = side_by_side([picture, picture])
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png(row)))), row)
    lossy = np.asarray(Image.open(io.BytesIO(webp(row))).convert("RGBA")).astype(int)
    solid = row[..., 3] == 255
    assert np.abs(lossy[solid] - row[solid].astype(int)).mean() < 6


def test_skin_that_the_cloud_does_not_show_is_translucent(ball):
    vertices, _ = ball
    picture = render(FRONT, 200, *ball, shown=(vertices[:, 0] > 0).astype(float))
    assert picture[100, 140, 3] == 255
    assert picture[100, 60, 3] == round(255 * GHOST)
    np.testing.assert_allclose(picture[100, 60, :3], render(FRONT, 200, *ball)[100, 60, :3], atol=2)
