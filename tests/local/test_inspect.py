"""What `sshmr init` finds out: units, and what it says of people who are too small."""

import numpy as np
import pytest

from sshmr.config.extract import CloudsConfig
from sshmr.errors import InputError
from sshmr.geometry.raycast import Surface
from sshmr.local.inputs import find_inputs
from sshmr.local.inspect import guess


@pytest.fixture(scope="module")
def person(neutral_body):
    """1,500 points of a standing person's front, y up."""
    vertices = neutral_body.v_template.numpy().astype(np.float64)
    front = vertices[vertices[:, 2] > np.median(vertices[:, 2]) - 0.05]
    return front[np.random.default_rng(0).choice(len(front), 1500, replace=False)]


def look(folder, points):
    np.save(folder / "1.npy", points)
    return guess(find_inputs([str(folder)], [], CloudsConfig()))


def test_sixteen_rings_in_feet_show_a_person_who_stands(tmp_path, neutral_body):
    """A simulated cloud of a spinning LiDAR 6 m away, z up."""
    person = neutral_body.v_template.numpy().astype(np.float64)[:, [2, 0, 1]] * [-1, -1, 1] + [6.0, 0, -0.3]
    ring, step = np.radians(np.meshgrid(np.arange(-15, 16, 2), np.arange(-10, 10, 0.25)))
    ray = np.stack([np.cos(ring) * np.cos(step), np.cos(ring) * np.sin(step), np.sin(ring)], 2).reshape(-1, 3)
    distance, face = Surface(person, neutral_body.faces.numpy()).cast(np.zeros(3), ray)
    distance = distance + np.random.default_rng(0).normal(0, 0.01, len(ray))
    found = look(tmp_path, distance[face >= 0, None] * ray[face >= 0] / 0.3048)
    assert (found.unit, found.up, found.notes) == (0.3048, "z", [])
    assert 50 < found.points < 150
    assert found.tilt < 10


def test_a_bust_keeps_its_unit_and_its_up_axis_and_gets_a_word(tmp_path, person):
    bust = person[(person[:, 1] > person[:, 1].max() - 0.65) & (np.abs(person[:, 0]) < 0.25)]
    found = look(tmp_path, bust[:, [2, 0, 1]])
    assert (found.unit, found.up) == ("m", "z")
    assert "children, people who sit or parts of people" in found.notes[0]
    assert "unit can also be a number" in found.notes[0]


def test_points_all_around_do_not_hide_the_person(tmp_path, person):
    strays = np.random.default_rng(1).uniform(-1.5, 1.5, (300, 3))
    found = look(tmp_path, np.concatenate([person, strays]))
    assert (found.unit, found.up) == ("m", "y")


def test_why_nothing_can_be_read_is_reported(tmp_path):
    (tmp_path / "1.ply").write_bytes(b"ply\nbroken")
    with pytest.raises(InputError, match="its header has the line 'broken'"):
        guess(find_inputs([str(tmp_path)], [], CloudsConfig()))
