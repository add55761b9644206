"""Candidates: pieces of a scene that could be a person. The classifier then chooses from them.

Seen from above, people may touch each other, walls and furniture. The scene is therefore split in several
ways: into connected pieces, fine and coarse; the same without points above people; and large pieces
around their highest points, which may be heads. Metres, y up, level.
"""

from typing import NamedTuple

import numpy as np
from scipy.ndimage import grey_dilation, label

from sshmr.people.ground import middle_of

LOW, HIGH = 0.10, 2.25
"""Heights over the ground that people's points have, metres."""
CELL = 0.08
"""Metres: edge of the cells seen from above."""
GAPS = (1, 2, 4)
"""Largest gaps in cells between connected points. Each of them is tried."""
WIDEST, TALLEST, SHORTEST = 2.2, 2.25, 0.55
"""Metres. A piece that is wider, or lower than the last value, is not a person."""
SPLIT = 0.7
"""Metres. Wider pieces are also split around their heads, because they may be several people."""
HEAD = 0.95
"""Smallest height of a head over the ground, metres."""
REACH, AROUND = 0.5, 0.3
"""Metres around a head that belong to it; metres within which it is the highest point."""
LEAST_POINTS = 15
SOLID, THIN = 0.1, 0.15
"""Metres: edge of the cells in which points are counted; smallest share of the usual count on a surface."""
FARTHEST = 30.0
"""Metres from the sensor. Farther people have too few points."""


class Pieces(NamedTuple):
    """Candidates, as numbers of points.

    Attributes:
        members: list of (k,) int arrays. way: name of the cut that each comes from.
    """

    members: list[np.ndarray]
    way: list[str]


def find_pieces(points: np.ndarray, above: np.ndarray) -> Pieces:
    """Candidates among level points (K, 3) with heights (K,) over the ground."""
    middle = middle_of(points)
    away = np.linalg.norm((points - middle)[:, [0, 2]], axis=1)
    chosen = np.flatnonzero((above > LOW) & (above < HIGH) & (away < FARTHEST))
    if not middle.any():  # The sensor is at the origin.
        chosen = chosen[_is_solid(points[chosen], away[chosen])]
    pieces = Pieces([], [])
    if len(chosen) < LEAST_POINTS:
        return pieces
    image = _Image(points, above, chosen)
    seen: set[tuple[int, int, int]] = set()
    for gap in GAPS:
        for way, cells in ((f"gap {gap}", image.filled), (f"gap {gap}, low", image.filled & ~image.tall)):
            groups, widths = image.components(cells, gap)
            for members, width in zip(groups, widths, strict=True):
                if width <= WIDEST:
                    _add(pieces, seen, above, members, way)
                # Coarse large pieces contain the finer ones, whose heads were found before.
                if width > SPLIT and (width <= WIDEST or gap <= 2):
                    parts, part_widths = image.around_heads(members)
                    if len(parts) > 1 or width > WIDEST:
                        for part, part_width in zip(parts, part_widths, strict=True):
                            if part_width <= WIDEST:
                                _add(pieces, seen, above, part, f"head, {way}")
    return pieces


def _is_solid(points: np.ndarray, away: np.ndarray) -> np.ndarray:
    """Which points (K,), at distances (K,) from the sensor, lie on surfaces.

    At edges, depth cameras measure points anywhere between front and back: thin bridges from a person to the
    wall. A surface at that distance would have several times as many points in a cell.
    """
    count = np.zeros(len(points), np.int64)
    for shift in (0.0, 0.5):
        cell = np.floor(points / SOLID + shift).astype(np.int64)
        cell -= cell.min(axis=0, initial=0)
        span = cell.max(axis=0, initial=0) + 1
        key = (cell[:, 0] * span[1] + cell[:, 1]) * span[2] + cell[:, 2]
        _, number, size = np.unique(key, return_inverse=True, return_counts=True)
        count = np.maximum(count, size[number])
    usual = np.median(count * away**2) if len(count) else 0.0
    return count * away**2 >= THIN * usual


def _add(
    pieces: Pieces, seen: set[tuple[int, int, int]], above: np.ndarray, members: np.ndarray, way: str
) -> None:
    """Keep a new piece of a person's height."""
    key = (len(members), int(members.min()), int(members.sum()))
    if key in seen:
        return
    seen.add(key)
    heights = above[members]
    top = np.partition(heights, -2)[-2]  # Ignore single stray points above the head.
    if top >= SHORTEST and top - heights.min() >= 0.35:
        pieces.members.append(members)
        pieces.way.append(way)


class _Image:
    """The points seen from above, on a grid of cells."""

    def __init__(self, points: np.ndarray, above: np.ndarray, chosen: np.ndarray) -> None:
        self.points, self.above, self.chosen = points, above, chosen
        place = points[chosen][:, [0, 2]]
        cell = np.floor((place - place.min(axis=0)) / CELL).astype(np.int64)
        self.shape = tuple(cell.max(axis=0) + 1)
        self.cell = cell[:, 0] * self.shape[1] + cell[:, 1]
        self.order = np.argsort(self.cell, kind="stable")
        self.filled = np.zeros(self.shape, bool)
        self.filled.ravel()[self.cell] = True
        # Walls, trees and pillars: cells with points above a person's height.
        everything = np.flatnonzero((above > LOW) & (above < HIGH + 1.5))
        place_all = np.floor((points[everything][:, [0, 2]] - place.min(axis=0)) / CELL).astype(np.int64)
        inside = ((place_all >= 0) & (place_all < self.shape)).all(axis=1)
        top = np.zeros(self.shape)
        np.maximum.at(top, tuple(place_all[inside].T), above[everything[inside]])
        self.tall = (top > HIGH) & self.filled
        self.top = np.where(top > HIGH, 0.0, top)

    def components(self, cells: np.ndarray, gap: int) -> tuple[list[np.ndarray], np.ndarray | list[float]]:
        """The points of each connected group of cells, as lists of numbers."""
        grown = cells
        if gap > 1:
            # A cell's neighbours within the gap join it: half the gap from either side.
            size = gap if gap % 2 else gap + 1
            grown = grey_dilation(cells.view(np.uint8), size=(size, size)).astype(bool)
        numbers, _ = label(grown, np.ones((3, 3)))
        numbers = np.where(cells, numbers, 0).ravel()[self.cell]
        return _groups(numbers, self.chosen, self.points)

    def around_heads(self, members: np.ndarray) -> tuple[list[np.ndarray], np.ndarray | list[float]]:
        """Parts of a piece: the points near each of its highest points."""
        place = self.points[members][:, [0, 2]]
        low = place.min(axis=0) - CELL
        cell = np.floor((place - low) / CELL).astype(np.int64)
        top = np.zeros(cell.max(axis=0) + 2)
        np.maximum.at(top, tuple(cell.T), self.above[members])
        size = 2 * round(AROUND / CELL) + 1
        peak = (top >= grey_dilation(top, size=(size, size))) & (top > HEAD)
        heads = np.argwhere(peak) * CELL + low + CELL / 2
        if not len(heads) or len(heads) > 400:
            return [], []
        apart = ((place[:, None] - heads[None]) ** 2).sum(axis=-1)
        nearest = apart.argmin(axis=1)
        near = apart[np.arange(len(place)), nearest] < REACH**2
        return _groups(np.where(near, nearest + 1, 0), members, self.points)


def _groups(
    numbers: np.ndarray, members: np.ndarray, points: np.ndarray
) -> tuple[list[np.ndarray], np.ndarray | list[float]]:
    """Members by number, 0 and the smallest left out, and how wide each group is, metres."""
    inside = np.flatnonzero(numbers)
    order = inside[np.argsort(numbers[inside], kind="stable")]
    starts = np.flatnonzero(np.r_[True, np.diff(numbers[order]) != 0]) if len(order) else order
    if not len(starts):
        return [], []
    members, ends = members[order], np.r_[starts[1:], len(order)]
    place = points[members][:, [0, 2]]
    width = (np.maximum.reduceat(place, starts) - np.minimum.reduceat(place, starts)).max(axis=1)
    enough = ends - starts >= LEAST_POINTS
    groups = [members[start:end] for start, end in zip(starts[enough], ends[enough], strict=True)]
    return groups, width[enough]
