"""The simulated LiDAR measures surfaces as a spinning LiDAR does."""

import numpy as np
import pytest

from sshmr.capture.lidar import scan
from sshmr.config.capture import LidarConfig
from sshmr.geometry.open3d_import import open3d

CLEAN = LidarConfig(range_noise=0, dropout=0, grazing=0)
SENSOR = np.array([0.5, -0.3, 1.7])


def ball(centre, radius=0.5):
    """A finely tessellated sphere: vertices (V, 3), faces (F, 3)."""
    mesh = open3d().geometry.TriangleMesh.create_sphere(radius, resolution=60)
    return np.asarray(mesh.vertices) + centre, np.asarray(mesh.triangles)


def at(distance, azimuth=0.7, height=1.0):
    return np.array([SENSOR[0] + distance * np.cos(azimuth), SENSOR[1] + distance * np.sin(azimuth), height])


def angles(points):
    seen = points - SENSOR
    elevation = np.degrees(np.arctan2(seen[:, 2], np.linalg.norm(seen[:, :2], axis=1)))
    return elevation, np.degrees(np.arctan2(seen[:, 1], seen[:, 0]))


@pytest.mark.parametrize("azimuth", [0.0, 1.0, np.pi, -2.0])
def test_no_ray_that_could_hit_is_left_out(azimuth):
    """Against every ray of the full revolution and the formula of ray and sphere."""
    centre, radius = at(5, azimuth), 0.5
    seen = scan(*ball(centre, radius), SENSOR, CLEAN, np.random.default_rng(0))
    elevation, turn = np.meshgrid(
        np.radians(np.linspace(CLEAN.lowest, CLEAN.highest, CLEAN.rings)),
        np.radians(np.arange(0, 360, CLEAN.azimuth_step)),
    )
    rays = np.stack(
        [np.cos(elevation) * np.cos(turn), np.cos(elevation) * np.sin(turn), np.sin(elevation)], axis=-1
    )
    to_centre = centre - SENSOR
    along = rays @ to_centre
    hits = (along > 0) & (to_centre @ to_centre - along**2 < radius**2)
    # The revolutions start at different angles, which moves the silhouette's edges by up to a shot.
    assert abs(len(seen) - hits.sum()) < 0.03 * hits.sum()


def test_points_lie_on_the_near_side_and_on_the_rings():
    centre = at(6)
    points = scan(*ball(centre), SENSOR, CLEAN, np.random.default_rng(1)).astype(np.float64)
    assert np.abs(np.linalg.norm(points - centre, axis=1) - 0.5).max() < 2e-3  # flat faces cut the sphere
    assert ((points - centre) @ (SENSOR - centre) > 0).all()
    rings = np.linspace(CLEAN.lowest, CLEAN.highest, CLEAN.rings)
    elevation, _ = angles(points)
    assert np.abs(elevation[:, None] - rings).min(axis=1).max() < 1e-3


def test_density_falls_with_the_square_of_the_distance():
    near, far = (
        len(scan(*ball(at(d, height=1.5)), SENSOR, CLEAN, np.random.default_rng(2))) for d in (4, 12)
    )
    assert near / far == pytest.approx(9, rel=0.1)


def test_noise_is_along_the_ray_and_dropout_takes_its_share():
    mesh = ball(at(8))
    clean = scan(*mesh, SENSOR, CLEAN, np.random.default_rng(3)).astype(np.float64)
    settings = LidarConfig(range_noise=0.02, dropout=0, grazing=0)
    noisy = scan(*mesh, SENSOR, settings, np.random.default_rng(3)).astype(np.float64)
    moved = noisy - clean
    rays = (clean - SENSOR) / np.linalg.norm(clean - SENSOR, axis=1, keepdims=True)
    along = (moved * rays).sum(axis=1)
    assert np.abs(moved - along[:, None] * rays).max() < 1e-5
    assert along.std() == pytest.approx(0.02, rel=0.15)
    settings = LidarConfig(range_noise=0, dropout=0.3, grazing=0)
    kept = len(scan(*mesh, SENSOR, settings, np.random.default_rng(4)))
    assert kept / len(clean) == pytest.approx(0.7, abs=0.06)


def test_surfaces_seen_edge_on_fade():
    mesh = ball(at(5))
    full, faded = (
        len(scan(*mesh, SENSOR, LidarConfig(range_noise=0, dropout=0, grazing=g), np.random.default_rng(5)))
        for g in (0.0, 0.5)
    )
    # The squared cosine u is uniform over a far sphere's disc: the integral of 1 − √u / 0.5 for u below 0.5².
    lost = 0.5**2 / 3
    assert 1 - faded / full == pytest.approx(lost, abs=0.03)


def test_an_object_above_all_rings_is_not_seen():
    assert len(scan(*ball(at(3, height=6.0)), SENSOR, CLEAN, np.random.default_rng(6))) == 0
