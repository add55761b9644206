"""Tracks of people who cross, leave, vanish and come back."""

import numpy as np

from sshmr.people.detect import Found
from sshmr.people.track import follow

RATE = 10.0


def found(x, z, score=0.9):
    place = np.array([x, 0.9, z])
    half = np.array([0.25, 0.9, 0.25])
    return Found(place[None], 50, score, place - half, place + half)


def walks(count, *ways):
    """Frames in which each way (function of the frame) has a detection, unless it returns None."""
    frames = []
    for number in range(count):
        places = [way(number) for way in ways]
        frames.append((number, [found(*place) for place in places if place is not None]))
    return frames


def people(frames, least=0.0):
    return [track for track in follow(frames, RATE, least) if not track.reason]


def test_two_who_cross_keep_their_tracks():
    frames = walks(40, lambda n: (-2 + 0.1 * n, 0.0), lambda n: (2 - 0.1 * n, 0.4))
    tracks = people(frames)
    assert [len(track.frames) for track in tracks] == [40, 40]
    for track in tracks:
        steps = np.diff([one.place[0] for one in track.found])
        assert (np.sign(steps) == np.sign(steps[0])).all()


def test_who_is_hidden_for_a_second_is_the_same_person():
    frames = walks(40, lambda n: (0.1 * n, 0.0) if not 15 <= n < 25 else None)
    assert [len(track.frames) for track in people(frames)] == [30]


def test_who_leaves_and_somebody_far_away_are_two():
    frames = walks(40, lambda n: (0.0, 0.0) if n < 15 else (6.0, 0.0))
    assert [len(track.frames) for track in people(frames)] == [15, 25]


def test_a_step_of_a_metre_is_one_person_where_the_frame_rate_is_a_guess():
    frames = walks(3, lambda n: (1.2 * n, 0.0), lambda n: (1.2 * n, 3.0))
    assert [len(track.frames) for track in people(frames)] == [1] * 6
    assert [len(track.frames) for track in follow(frames, RATE, 0.0, slowest=1.0)] == [3, 3]


def test_unsure_detections_continue_a_track_but_start_none():
    frames = walks(20, lambda n: (0.05 * n, 0.0))
    weak = [(n, [one._replace(score=0.3) for one in found]) for n, found in frames]
    assert people(weak) == []
    mixed = [frame if n % 2 else weaker for n, (frame, weaker) in enumerate(zip(frames, weak, strict=True))]
    assert [len(track.frames) for track in people(mixed)] == [19]


def test_rejected_tracks_say_why():
    once = [(n, [found(0, 0)] if n == 3 else []) for n in range(20)]
    assert follow(once, RATE, 0.0)[0].reason == "seen in 1 frames only"
    doubtful = [(n, [found(0, 0, 0.5)]) for n in range(20)]
    assert follow(doubtful, RATE, 0.6)[0].reason == "mean score 0.50, below 0.6"
