"""The features of all candidates of a scene.

They are lengths and shares that do not depend on the sensor's resolution. Metres, y up, level.
"""

import numpy as np

from sshmr.people.candidates import CELL, Pieces
from sshmr.people.ground import middle_of

SLICES = 10
"""Slices of a piece between the ground and its top."""
FROM_TOP = np.array([0.0, 0.12, 0.25, 0.4, 0.6])
"""Metres under the top: bounds of the slices that show head, neck and shoulders."""
MOST = 400
"""Largest number of a piece's points that are used, evenly spread. The number of all points is a feature,
too."""
AZIMUTH, ELEVATION = np.radians(0.75), np.radians(1.0)
"""Cells of the sensor's view: points in a piece's cells are behind or in front of it."""
DEPTH = 0.4
"""Smallest distance in metres of points behind or in front of a piece."""
BESIDE = 0.3
"""Metres around a piece's box in which other points are counted."""
PER_SLICE = ("share", "width", "depth", "offset")

NAMES = (
    "log_points", "top", "bottom", "middle", "spread_up", "length", "thickness", "length_spread",
    "thickness_spread", "flatness", "roundness", "beside", "tall_within", "tall_beside", "filled", "behind",
    "before",
    *(f"slice{number}_{name}" for number in range(SLICES) for name in PER_SLICE),
    *(f"top{number}_{name}" for number in range(len(FROM_TOP) - 1) for name in PER_SLICE),
)  # fmt: skip
"""The columns of ``describe``."""


def describe(points: np.ndarray, above: np.ndarray, pieces: Pieces) -> np.ndarray:
    """Features (P, len(NAMES)) float32 of candidate pieces.

    Args:
        points: (K, 3) level, metres. above: (K,) heights over the ground. pieces: of ``find_pieces``.
    """
    count = len(pieces.members)
    if not count:
        return np.zeros((0, len(NAMES)), np.float32)
    whole = np.array([len(members) for members in pieces.members])
    pieces = pieces._replace(members=[members[:: -(-len(members) // MOST)] for members in pieces.members])
    size = np.array([len(members) for members in pieces.members])
    who, index = np.repeat(np.arange(count), size), np.concatenate(pieces.members)
    place, height = points[index][:, [0, 2]], above[index]
    starts = np.r_[0, np.cumsum(size)[:-1]]

    centre = np.stack([_mean(place[:, i], who, size) for i in (0, 1)], axis=1)
    from_centre = place - centre[who]
    along, across = _axes(from_centre, who, size)
    along, across = (from_centre * along[who]).sum(1), (from_centre * across[who]).sum(1)
    top, bottom = np.maximum.reduceat(height, starts), np.minimum.reduceat(height, starts)
    middle = _mean(height, who, size)
    variances = _variances(np.column_stack([from_centre, height - middle[who]]), who, size)

    columns = [
        np.log(whole),
        top,
        bottom,
        middle / top,
        np.sqrt(_mean((height - middle[who]) ** 2, who, size)),
        np.maximum.reduceat(along, starts) - np.minimum.reduceat(along, starts),
        np.maximum.reduceat(across, starts) - np.minimum.reduceat(across, starts),
        np.sqrt(_mean(along**2, who, size)),
        np.sqrt(_mean(across**2, who, size)),
        np.sqrt(variances[:, 0] / variances[:, 1]),
        np.sqrt(variances[:, 1] / variances[:, 2]),
        *_surroundings(points, above, place, height, who, starts, size),
        *_view(points, index, who, size, whole / size),
    ]
    relative = np.minimum((height / top[who] * SLICES).astype(np.int64), SLICES - 1)
    columns += _slices(relative, SLICES, along, across, who, size)
    under = np.searchsorted(FROM_TOP, top[who] - height, side="right") - 1
    columns += _slices(under, len(FROM_TOP) - 1, along, across, who, size)
    return np.stack(columns, axis=1).astype(np.float32)


def _mean(values: np.ndarray, who: np.ndarray, size: np.ndarray) -> np.ndarray:
    return np.bincount(who, values, minlength=len(size)) / size


def _axes(from_centre: np.ndarray, who: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors (P, 2) along which each piece, seen from above, is longest and shortest."""
    xx, zz, xz = (
        _mean(from_centre[:, i] * from_centre[:, j], who, size) for i, j in ((0, 0), (1, 1), (0, 1))
    )
    angle = 0.5 * np.arctan2(2 * xz, xx - zz)
    along = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return along, np.stack([-along[:, 1], along[:, 0]], axis=1)


def _variances(centred: np.ndarray, who: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Variances (P, 3) along each piece's principal axes, smallest first, at least a square millimetre."""
    matrix = np.empty((len(size), 3, 3))
    for i in range(3):
        for j in range(i, 3):
            matrix[:, i, j] = matrix[:, j, i] = _mean(centred[:, i] * centred[:, j], who, size)
    return np.maximum(np.linalg.eigvalsh(matrix), 1e-6)


def _slices(
    number: np.ndarray, count: int, along: np.ndarray, across: np.ndarray, who: np.ndarray, size: np.ndarray
) -> list[np.ndarray]:
    """For each slice, NaN where it is empty: share of the points, width, depth, offset of its middle."""
    inside = number < count
    key = who[inside] * count + number[inside]
    order = np.argsort(key, kind="stable")
    filled, starts, held = np.unique(key[order], return_index=True, return_counts=True)
    table = np.full((4, len(size) * count), np.nan)
    if len(filled):
        for row, values in ((1, along[inside][order]), (2, across[inside][order])):
            table[row, filled] = np.maximum.reduceat(values, starts) - np.minimum.reduceat(values, starts)
        table[3, filled] = np.abs(np.add.reduceat(along[inside][order], starts) / held)
    table[0] = 0.0
    table[0, filled] = held
    slices = table.reshape(4, len(size), count)
    slices[0] /= size[:, None]
    return [slices[row, :, column] for column in range(count) for row in range(4)]


def _surroundings(
    points: np.ndarray,
    above: np.ndarray,
    place: np.ndarray,
    height: np.ndarray,
    who: np.ndarray,
    starts: np.ndarray,
    size: np.ndarray,
) -> list[np.ndarray]:
    """The surroundings of each piece: occupied cells beside it, tall ones in and beside it, occupied share of
    its box."""
    low = np.stack([np.minimum.reduceat(place[:, i], starts) for i in (0, 1)], axis=1)
    high = np.stack([np.maximum.reduceat(place[:, i], starts) for i in (0, 1)], axis=1)
    corner = low.min(axis=0) - 2 * BESIDE
    shape = np.ceil((high.max(axis=0) + 2 * BESIDE - corner) / CELL).astype(np.int64) + 1
    cell = np.floor((points[:, [0, 2]] - corner) / CELL).astype(np.int64)
    inside = ((cell >= 0) & (cell < shape)).all(axis=1) & (above > 0.1)
    filled, tall = np.zeros(shape, bool), np.zeros(shape, bool)
    cells = cell[inside]
    filled[tuple(cells[above[inside] < 2.25].T)] = True
    tall[tuple(cells[above[inside] > 2.25].T)] = True
    own = np.floor((place - corner) / CELL).astype(np.int64)
    key = (who * shape[0] + own[:, 0]) * shape[1] + own[:, 1]
    mine = np.bincount(np.unique(key) // (shape[0] * shape[1]), minlength=len(size))
    first = np.floor((low - corner) / CELL).astype(np.int64)
    last = np.floor((high - corner) / CELL).astype(np.int64) + 1
    margin = round(BESIDE / CELL)
    within = _box_sums(tall, first, last)
    area = (last - first).prod(axis=1)
    around = (last - first + 2 * margin).prod(axis=1) - area
    return [
        (_box_sums(filled, first - margin, last + margin) - mine) / around,
        within / area,
        (_box_sums(tall, first - margin, last + margin) - within) / around,
        mine / area,
    ]


def _view(
    points: np.ndarray, index: np.ndarray, who: np.ndarray, size: np.ndarray, weight: np.ndarray
) -> list[np.ndarray]:
    """Numbers of points behind and in front of each piece, as shares of these and its own.

    Objects with holes have many points behind them; occluded objects have many in front of them. NaN
    if the sensor's position is not known.
    """
    if np.any(middle_of(points)):
        return [np.full(len(size), np.nan)] * 2
    flat = np.linalg.norm(points[:, [0, 2]], axis=1)
    distance = np.minimum(np.hypot(flat, points[:, 1]), 900.0)
    azimuth = np.floor(np.arctan2(points[:, 0], points[:, 2]) / AZIMUTH).astype(np.int64) + 500
    elevation = np.floor(np.arctan2(points[:, 1], flat) / ELEVATION).astype(np.int64) + 200
    cell = azimuth * 400 + elevation
    ordered = np.sort(cell * 1000.0 + distance)
    pair = np.unique(who * 500_000 + cell[index])
    piece, view = pair // 500_000, pair % 500_000
    middle = _mean(distance[index], who, size)[piece]
    behind = np.searchsorted(ordered, view * 1000.0 + 1000) - np.searchsorted(
        ordered, view * 1000.0 + middle + DEPTH
    )
    before = np.searchsorted(ordered, view * 1000.0 + middle - DEPTH) - np.searchsorted(
        ordered, view * 1000.0
    )
    own = size * weight
    others = [np.bincount(piece, counts, minlength=len(size)) for counts in (behind, before)]
    return [some / (some + own) for some in others]


def _box_sums(image: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Sums (P,) of an image over boxes of cells, first included, last not."""
    table = np.zeros((image.shape[0] + 1, image.shape[1] + 1), np.int64)
    np.cumsum(np.cumsum(image, axis=0, dtype=np.int64), axis=1, out=table[1:, 1:])
    first, last = (np.clip(bound, 0, image.shape) for bound in (first, last))
    return (
        table[last[:, 0], last[:, 1]]
        - table[first[:, 0], last[:, 1]]
        - table[last[:, 0], first[:, 1]]
        + table[first[:, 0], first[:, 1]]
    )
