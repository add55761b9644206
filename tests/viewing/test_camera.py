"""A cloud tells where it was seen from, an arm stretched forward or not."""

import numpy as np
import pytest

from sshmr.geometry.normals import vertex_normals
from sshmr.viewing.camera import azimuth_of, side_seen


@pytest.mark.parametrize("azimuth", [0.0, 1.2, -2.5])
def test_the_side_is_where_the_points_skin_faces(neutral_body, azimuth):
    vertices, faces = neutral_body.v_template.numpy(), neutral_body.faces.numpy()
    sensor = np.array([np.sin(azimuth), 0, np.cos(azimuth)])
    cloud = vertices[vertex_normals(vertices, faces) @ sensor > 0.3]
    found = azimuth_of(side_seen(vertices, faces, cloud))
    assert abs(np.angle(np.exp(1j * (found - azimuth)))) < 0.3


def test_seen_from_all_around_it_is_next_to_nothing(neutral_body):
    vertices, faces = neutral_body.v_template.numpy(), neutral_body.faces.numpy()
    assert np.linalg.norm(side_seen(vertices, faces, vertices)) < 0.3


def test_azimuth_is_counted_from_z_to_x():
    assert azimuth_of(np.array([0.0, 5.0, 1.0])) == 0
    assert azimuth_of(np.array([1.0, 0.0, 0.0])) == pytest.approx(np.pi / 2)
