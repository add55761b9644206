"""What is odd about people, in words."""

import numpy as np

from sshmr.cli.remarks import confirmed, posture, sizes
from sshmr.export.axes import Axes
from sshmr.sources.cloud_axes import UpsideDown

STANDING, LYING = [0.0, 1.0, 0.0], [0.98, 0.1, 0.1]


def test_people_who_all_lie_alike_may_have_another_up_axis():
    lines = posture(np.array([LYING, LYING]), Axes("y").rotation(), ["a.ply", "b.ply"])
    assert lines == [
        "2 of 2 bodies lie, crawl or are upside down, heads along x: if these people stand, set "
        "extract.clouds.up x"
    ]


def test_the_axis_is_the_files_own():
    upside_down = np.array([[0.0, -1.0, 0.0]])
    assert "heads along -z" in posture(upside_down, Axes("z").rotation(), ["a.ply"])[0]


def test_mixed_axes_are_reported_with_the_files_of_the_fewer():
    lines = posture(np.array([STANDING, LYING, STANDING]), Axes("y").rotation(), ["a.ply", "b.ply", "c.ply"])
    assert "1 of 3 bodies lie" in lines[0]
    assert lines[0].endswith("if they stand, these have another up axis: b.ply")


def test_people_who_stand_and_adults_need_no_word():
    assert posture(np.array([STANDING]), Axes("y").rotation(), ["a.ply"]) == []
    assert sizes(np.ones(2), np.array([1.6, 1.9])) == []


def test_small_people_are_reported_with_their_heights():
    assert (
        "2 of 3 bodies are 1.09 to 1.12 m high, smaller than an adult's"
        in sizes(np.array([0.64, 0.64, 1.0]), np.array([1.7, 1.75, 1.8]))[0]
    )
    assert (
        "1 of 1 bodies are 1.30 m high, low for an adult: set fit.size: any"
        in sizes(np.ones(1), np.array([1.3]))[0]
    )


def test_bodies_that_surely_stand_outweigh_the_guess_that_they_are_upside_down():
    notes = [
        "walk: ground removed from 2",
        UpsideDown('walk: they may be upside down: if so, set extract.clouds.up to "-z"'),
    ]
    assert confirmed(notes, True, np.array([0.9, 0.7])) == notes[:1]
    assert confirmed(notes, True, np.array([0.3, 0.1])) == notes
    assert confirmed(notes, False, np.array([0.9, 0.7])) == notes
