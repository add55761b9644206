import dataclasses
import math

import numpy as np
import pytest
import torch

from sshmr.fit.linearise import State
from sshmr.geometry.rotations import rotation_about_y
from sshmr.tracking.bodies import stacked
from sshmr.tracking.follow import FOLLOWED, STEADY, Frame, Memory, expected_body

from .conftest import RATE


def test_a_body_that_turns_is_expected_to_turn_on(walk):
    """Across half a turn, where rotation vectors jump."""
    first, second = (
        walk.truth.rows(slice(i, i + 1))._replace(root=rotation_about_y(torch.tensor([angle])))
        for i, angle in ((0, math.pi - 0.2), (1, math.pi))
    )
    places = [walk.frames[i].offset for i in range(3)]
    memory = Memory([(first, places[0], 0.0), (second, places[1], 0.1)])
    found = expected_body(memory, Frame(walk.frames[2].points, places[2], 0.2))
    wanted = rotation_about_y(torch.tensor([math.pi + 0.2 * STEADY]))
    torch.testing.assert_close(found.root, wanted, atol=1e-5, rtol=0)
    step = 0.05
    world = found.transl.numpy() + places[2] - second.transl.numpy() - places[1]
    np.testing.assert_allclose(world[0, 0], STEADY * step, atol=1e-5)


def test_a_person_who_stops_at_once_is_followed(walk, follower, joint_error):
    """The last two bodies turn by 1 rad and move by half a metre; the next cloud is where the last was."""
    last, frame = walk.truth.rows(slice(1, 2)), walk.frames[1]
    before = last._replace(root=rotation_about_y(torch.tensor([1.0])) @ last.root)
    memory = Memory([(before, frame.offset - [0.5, 0, 0], 0.0), (last, frame.offset, 0.1)])
    state = follower.step(frame._replace(time=0.2), memory)
    assert joint_error(state, last) < 0.03


def test_a_person_is_followed(walk, follower, joint_error):
    memory = Memory()
    memory.add(walk.truth.rows(slice(1)), walk.frames[0])
    founds = [follower.follow(walk.frames[start : start + 4], memory) for start in (1, 5)]
    state = stacked([found.fitted.state for found in founds])
    assert joint_error(state, walk.truth.rows(slice(1, 9))) < 0.03
    for found in founds:
        assert (found.fitted.hypothesis == FOLLOWED).all()
        assert found.confidence.isfinite().tolist() == [False, False, False, True]
    assert memory.frames == 8
    assert memory.confidence > 0
    assert float(memory.betas[0]) > 0.3


def test_all_frames_are_judged_where_one_leaves_points(walk, follower):
    memory = Memory()
    memory.add(walk.truth.rows(slice(1)), walk.frames[0])
    first, *rest = walk.frames[1:4]
    beside = torch.cat([first.points, first.points[:40] + torch.tensor([0.0, 0.0, 0.5])])
    found = follower.follow([first._replace(points=beside), *rest], memory)
    assert found.confidence.isfinite().all()


def test_a_person_who_walks_is_followed_from_the_first_frame_on(walk, follower, joint_error):
    """Nothing tells the velocity of 1.5 m/s at first."""
    steps = [frame._replace(time=i / RATE) for i, frame in enumerate(walk.frames[::3])]
    memory = Memory()
    memory.add(walk.truth.rows(slice(1)), steps[0])
    found = follower.follow(steps[1:], memory)
    assert (found.fitted.hypothesis == FOLLOWED).all()
    assert joint_error(found.fitted.state, walk.truth.rows(slice(3, 12, 3))) < 0.03


def test_a_lost_person_is_found_again_and_followed_back(walk, follower, joint_error):
    """The memory says that the person faces away and lies a metre off."""
    wrong = walk.truth.rows(slice(1))
    half = rotation_about_y(torch.tensor([math.pi]))
    wrong = State(half @ wrong.root, wrong.body, wrong.betas, wrong.transl + torch.tensor([0.3, 0, 0.3]))
    memory = Memory(confidence=0.9, frames=30, unchecked=100)
    memory.add(wrong, walk.frames[0])
    found = follower.follow(walk.frames[1:5], memory)
    assert joint_error(found.fitted.state, walk.truth.rows(slice(1, 5))) < 0.06
    assert joint_error(memory.bodies[-1][0], walk.truth.rows(slice(4, 5))) < 0.06


def test_after_a_gap_the_person_is_looked_for(walk, follower):
    memory = Memory()
    memory.add(walk.truth.rows(slice(1)), walk.frames[0])
    late = walk.frames[1]._replace(time=10.0)
    found = follower.follow([late], memory)
    assert (found.fitted.hypothesis != FOLLOWED).all()
    assert memory.bodies[-1][2] == pytest.approx(10.0)
    assert len(memory.bodies) == 1


def test_what_is_known_of_the_shape_settles(walk, follower):
    memory = Memory()
    memory.add(walk.truth.rows(slice(1)), walk.frames[0])
    found = follower.judge(walk.frames[:1], walk.truth.rows(slice(1)))
    for _ in range(40):
        memory.learn(found)
    before = dataclasses.replace(memory).betas
    memory.learn(found)
    torch.testing.assert_close(memory.betas, before)
    torch.testing.assert_close(memory.betas, walk.truth.betas[0])
