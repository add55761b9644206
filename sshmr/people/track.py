"""Track people through the frames of a scene.

Each track predicts where its person is next, at a steady speed; an assignment gives every track at most one
detection. Sure detections come first, then unsure ones, which only continue tracks (Zhang et al.,
"ByteTrack", ECCV 2022). Tracks that end where another starts a little later are joined. Metres, y up.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

from sshmr.people.detect import Found

SURE, UNSURE = 0.45, 0.2
"""Scores that start a track, and that continue one."""
FASTEST = 3.0
"""Largest error of a person's predicted position, metres per second."""
SLACK = 0.35
"""Metres by which two detections of one person differ in any case, as limbs are not always visible."""
PLACE_GAIN, SPEED_GAIN = 0.6, 0.2
"""Gains of the alpha-beta filter: by how much position and speed follow a detection."""
PATIENCE = 1.5
"""Seconds that a person may be hidden without losing the track."""
JOINED, JOINED_SPEED = 3.0, 1.2
"""Largest time in seconds between a track's end and its continuation; error in metres per second."""
SHORTEST = 3
"""Smallest number of detections of a track in a recording of ``LONG`` frames or more."""
LONG = 5
LEAST, LEAST_ALONE = 0.45, 0.62
"""Smallest mean score of a person's detections in such a recording, and in a shorter one."""


@dataclass
class Track:
    """One person: frame numbers, and the detection in each.

    Attributes:
        reason: why it is not a person; empty for a person.
    """

    frames: list[int] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)
    place: np.ndarray = field(default_factory=lambda: np.zeros(2))
    speed: np.ndarray = field(default_factory=lambda: np.zeros(2))
    height: float = 0.0
    reason: str = ""

    def predict(self, frame: int, rate: float) -> np.ndarray:
        """The predicted position in a later frame, (2,) metres."""
        return self.place + self.speed * min((frame - self.frames[-1]) / rate, 1.0)

    def add(self, frame: int, found: Found, rate: float) -> None:
        """Add a detection, and correct position and speed."""
        if self.frames:
            seconds = (frame - self.frames[-1]) / rate
            expected = self.predict(frame, rate)
            wrong = found.place - expected
            self.place = expected + PLACE_GAIN * wrong
            self.speed = self.speed + SPEED_GAIN * wrong / seconds
            size = float(np.linalg.norm(self.speed))
            self.speed = self.speed * min(1.0, 2 * FASTEST / max(size, 1e-9))
            self.height += 0.3 * (found.high[1] - self.height)
        else:
            self.place, self.height = found.place.copy(), float(found.high[1])
        self.frames.append(frame)
        self.found.append(found)


def follow(
    frames: list[tuple[int, list[Found]]], rate: float, least: float, slowest: float | None = None
) -> list[Track]:
    """Tracks of a recording, those of people and those rejected, in order of their start.

    Args:
        frames: (frame number, detections) in order. rate: frames per second; numbers count frames.
        least: mean score of a person's detections; 0 for the usual one.
        slowest: smallest frames per second, if ``rate`` is a guess.
    """
    done: list[Track] = []
    running: list[Track] = []
    for number, found in frames:
        sure = [one for one in found if one.score >= SURE]
        unsure = [one for one in found if UNSURE <= one.score < SURE]
        left, sure = _assign(running, sure, number, rate)
        _assign(left, unsure, number, rate)
        for one in sure:
            track = Track()
            track.add(number, one, rate)
            running.append(track)
        ended = [track for track in running if (number - track.frames[-1]) / rate > PATIENCE]
        done += ended
        running = [track for track in running if track not in ended]
    tracks = _joined(done + running, rate, slowest or rate)
    count = len(frames)
    least = least or (LEAST if count >= LONG else LEAST_ALONE)
    for track in tracks:
        track.reason = _reason(track, count, least)
    return sorted(tracks, key=lambda track: (track.frames[0], *track.found[0].place.tolist()))


def _assign(
    tracks: list[Track], found: list[Found], number: int, rate: float
) -> tuple[list[Track], list[Found]]:
    """Assign detections to tracks; returns the tracks and the remaining detections."""
    if not tracks or not found:
        return tracks, found
    cost = np.full((len(tracks), len(found)), 1e3)
    for row, track in enumerate(tracks):
        seconds = (number - track.frames[-1]) / rate
        reach = SLACK + min(FASTEST * seconds, 2.0)
        expected = track.predict(number, rate)
        for column, one in enumerate(found):
            apart = float(np.linalg.norm(one.place - expected))
            if apart < reach:
                cost[row, column] = apart + 0.5 * min(abs(float(one.high[1]) - track.height), 1.0)
    rows, columns = linear_sum_assignment(cost)
    pairs = [(row, column) for row, column in zip(rows, columns, strict=True) if cost[row, column] < 1e3]
    for row, column in pairs:
        tracks[row].add(number, found[column], rate)
    taken_rows, taken_columns = {row for row, _ in pairs}, {column for _, column in pairs}
    return (
        [track for row, track in enumerate(tracks) if row not in taken_rows],
        [one for column, one in enumerate(found) if column not in taken_columns],
    )


def _joined(tracks: list[Track], rate: float, slowest: float) -> list[Track]:
    """Join tracks with their continuations: a person who disappears and later appears nearby is the same."""
    while len(tracks) > 1:
        cost = np.full((len(tracks), len(tracks)), 1e3)
        for row, first in enumerate(tracks):
            for column, second in enumerate(tracks):
                seconds = (second.frames[0] - first.frames[-1]) / rate
                if row != column and 0 < seconds <= JOINED:
                    apart = np.linalg.norm(first.predict(second.frames[0], rate) - second.found[0].place)
                    # More time may have passed between two frames than was guessed.
                    longest = max(seconds, min(seconds * rate, 1.0) / slowest)
                    if apart < SLACK + JOINED_SPEED * longest:
                        cost[row, column] = apart + 0.2 * seconds
        row, column = divmod(int(cost.argmin()), len(tracks))
        if cost[row, column] >= 1e3:
            break
        first, second = tracks[row], tracks[column]
        first.frames += second.frames
        first.found += second.found
        first.place, first.speed, first.height = second.place, second.speed, second.height
        tracks = [track for track in tracks if track is not second]
    return tracks


def _reason(track: Track, count: int, least: float) -> str:
    mean = float(np.mean([one.score for one in track.found]))
    if count >= LONG and len(track.frames) < SHORTEST:
        return f"seen in {len(track.frames)} frames only"
    if mean < least:
        return f"mean score {mean:.2f}, below {least:g}"
    return ""
