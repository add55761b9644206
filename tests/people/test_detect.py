"""Ground, background and people in single frames of simulated scenes."""

import numpy as np
import pytest

from sshmr.geometry.up_axes import TO_Y_UP
from sshmr.people.axes import guess_axes, scene_word
from sshmr.people.background import Background
from sshmr.people.candidates import find_pieces
from sshmr.people.detect import find_people
from sshmr.people.ground import find_ground

SURE = 0.5


def upright(points, up):
    return points.astype(np.float64) @ np.array(TO_Y_UP[up]).T


def places_of(scene, seen, up):
    """Where people of whom enough is seen stand, x and z."""
    counts = np.bincount(seen.sweep.person, minlength=len(scene.people) + 1)[1:]
    clear = (counts > 40) & (counts > 0.5 * seen.sweep.free)
    return upright(seen.centres[clear], up)[:, [0, 2]]


@pytest.mark.parametrize(("place", "up"), [("street", "z"), ("room", "-y")])
def test_everybody_in_clear_view_is_found_with_their_own_points(place, up, request):
    scene = request.getfixturevalue(place)
    seen = scene.frame(0)
    points = upright(seen.sweep.points, up)
    found = find_people(points).found
    people = places_of(scene, seen, up)
    assert len(people) >= 2
    for person in people:
        one = min(found, key=lambda one: np.linalg.norm(one.place - person))
        assert np.linalg.norm(one.place - person) < 0.4
        assert one.score > SURE
        row = {tuple(point): number for point, number in zip(points, seen.sweep.person, strict=True)}
        owners = [row[tuple(point)] for point in one.points]
        assert np.mean(np.array(owners) == np.bincount(owners).argmax()) > 0.8
        assert np.bincount(owners).argmax() > 0


def test_people_around_the_middle_stay_whole_in_files_with_another_origin_than_the_sensor():
    rng = np.random.default_rng(0)
    angle, height = rng.uniform(0, 2 * np.pi, 300), rng.uniform(0.2, 1.7, 300)
    person = np.column_stack([0.2 * np.cos(angle), height, 0.2 * np.sin(angle)])
    points = np.concatenate([np.add(person, [east, 0, 50]) for east in (195.0, 200.0, 205.0)])
    pieces = find_pieces(points, points[:, 1])
    assert sorted(map(len, pieces.members))[-3:] == [300] * 3


def test_the_ground_follows_a_slope_and_forgets_what_stands_on_it():
    rng = np.random.default_rng(0)
    plain = rng.uniform(-12, 12, (20_000, 2))
    height = 0.08 * plain[:, 0] + 0.1 * np.sin(plain[:, 1] / 2)
    wall = np.column_stack([np.full(3000, 5.0), rng.uniform(0.4, 3.4, 3000), rng.uniform(-8, 8, 3000)])
    stray = [[2.0, -9.0, 2.0], [-4.0, -6.0, 1.0]]
    ground = np.column_stack([plain[:, 0], height, plain[:, 1]])
    points = np.concatenate([ground, wall, stray])
    found = find_ground(points)
    above = found.above(points @ found.turn.T)
    inner = np.abs(plain).max(axis=1) < 11
    assert np.abs(above[: len(plain)][inner]).max() < 0.15
    assert above[len(plain) : -2].min() > -0.1
    assert above[len(plain) : -2].max() > 2.7


def test_no_ground_is_made_up_under_a_person_cut_out():
    rng = np.random.default_rng(0)
    person = rng.normal(0, [0.15, 0.4, 0.1], (500, 3))
    assert find_ground(person).support == 0


def test_what_an_empty_recording_shows_is_left_out(street):
    seen = street.frame(0)
    points = upright(seen.sweep.points, "z")
    background = Background(upright(street.empty(), "z"))
    covered = background.covers(points)
    person = seen.sweep.person > 0
    assert covered[~person].mean() > 0.95
    found = [one for one in find_people(points, background).found if one.score > SURE]
    people = places_of(street, seen, "z")
    assert all(min(np.linalg.norm(one.place - person) for one in found) < 0.4 for person in people)
    owners = upright(seen.centres[np.isfinite(seen.centres).all(axis=1)], "z")[:, [0, 2]]
    assert all(np.linalg.norm(owners - one.place, axis=1).min() < 0.6 for one in found)


@pytest.mark.parametrize(
    ("place", "up", "unit", "scale"), [("street", "z", "m", 1.0), ("room", "-y", "mm", 1000.0)]
)
def test_axes_and_unit_of_a_scene_are_found(request, place, up, unit, scale):
    scene = request.getfixturevalue(place)
    assert guess_axes([scene.frame(0).sweep.points * scale])[:2] == (up, unit)


def test_a_scene_several_people_and_one_person_are_distinguished(street):
    seen = street.frame(0)
    points, person = seen.sweep.points.astype(np.float64), seen.sweep.person
    assert scene_word(points).startswith("a whole scene (")
    one = points[person == np.bincount(person)[1:].argmax() + 1]
    assert scene_word(one) == ""
    assert scene_word(one * 100) == ""
    beside = one + np.array([0.0, 1.2, 0.0])
    assert scene_word(np.concatenate([one, beside])) == "2 people"
