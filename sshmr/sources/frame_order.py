"""The order, the numbers and the times of a sequence's frames, from the names of their files.

The workflow uses this while it plans, so this module imports only the standard library.

Sources: ``rosrun pcl_ros bag_to_pcd`` writes ``sec.nsec.pcd``; PCL's grabbers write
``frame_20121214T142255.814212.pcd``.
"""

import datetime
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

EPOCH = (946_684_800, 4_102_444_800)
"""Seconds since 1970 that count as a time: the years 2000 to 2099."""
SECONDS = re.compile(r"(?<![\d.])(\d{9,10})[._](\d{1,9})(?![\d])")
STAMP = re.compile(r"(?<!\d)(\d{8})T?_?(\d{6})[.,](\d{1,9})(?!\d)")
WHOLE = re.compile(r"(?<![\d.])(\d{13}|\d{16}|\d{19})(?![\d.])")
"""Milliseconds, microseconds or nanoseconds since 1970."""
LARGEST = 2**31


class Numbered(NamedTuple):
    """One file's place in its sequence: frame number, and seconds since 1970 if its name has a time."""

    frame: int
    time: float | None
    path: Path


def stem_of(path: Path) -> str:
    """A file's name without its ending; a name that ends in a fraction of a second keeps it."""
    suffix = path.suffix
    return path.name if re.fullmatch(r"\.\d+", suffix) else path.name.removesuffix(suffix)


def numbers_of(name: str) -> tuple[int, ...]:
    """All whole numbers in a name, from left to right."""
    return tuple(int(digits) for digits in re.findall(r"\d+", name))


def numbered(paths: Sequence[Path], given: Sequence[int | None] | None = None) -> list[Numbered]:
    """Files of one sequence in order.

    If all names contain different times, they determine the order. Otherwise all numbers of the names do,
    from left to right, and letters last. A frame's number is the one that differs from name to name, else its
    place.

    Args:
        given: frame numbers that a pattern took from the paths; None for a file without one.
    """
    names = [stem_of(path) for path in paths]
    times = times_of(names)
    if given and None not in given:
        frames = [number for number in given if number is not None]
    else:
        frames = _varying(names)
    unique = len(set(frames)) == len(paths) and (not frames or max(frames) < LARGEST)
    if unique and not (times and _sorted_by(times) != _sorted_by(frames)):
        order = _sorted_by(frames)
    else:
        unique = False
        keys = [(numbers_of(name), name, str(path)) for name, path in zip(names, paths, strict=True)]
        order = _sorted_by(times) if times else _sorted_by(keys)
    return [
        Numbered(frames[row] if unique else place, times[row] if times else None, paths[row])
        for place, row in enumerate(order)
    ]


def _sorted_by(keys: Sequence[Any]) -> list[int]:
    return sorted(range(len(keys)), key=lambda row: keys[row])


def _varying(names: Sequence[str]) -> list[int]:
    """The one number that differs from name to name; nothing if none or several do."""
    rows = [numbers_of(name) for name in names]
    if not rows or len({len(row) for row in rows}) > 1:
        return []
    if len(rows) == 1:
        return [rows[0][-1]] if rows[0] and len(rows[0]) == 1 else []
    varying = [column for column in zip(*rows, strict=True) if len(set(column)) > 1]
    return list(varying[0]) if len(varying) == 1 else []


def times_of(names: Sequence[str]) -> list[float]:
    """Seconds since 1970 if all names contain a time; nothing if one does not, or two are the same."""
    for read in (_stamps, _seconds, _whole):
        times = read(names)
        if len(times) == len(names) and len(set(times)) == len(times):
            return times
    return []


def _seconds(names: Sequence[str]) -> list[float]:
    found = [match for name in names if (match := SECONDS.search(name))]
    if not all(EPOCH[0] <= int(match[1]) < EPOCH[1] for match in found):
        return []
    widths = {len(match[2]) for match in found}
    # Nanoseconds without leading zeros have different lengths, at most nine digits; a fraction has one.
    whole = len(widths) > 1 and max(widths) == 9
    return [int(match[1]) + (int(match[2]) * 1e-9 if whole else float(f"0.{match[2]}")) for match in found]


def _stamps(names: Sequence[str]) -> list[float]:
    times = []
    for name in names:
        match = STAMP.search(name)
        try:
            if match:
                at = datetime.datetime.strptime(match[1] + match[2], "%Y%m%d%H%M%S").replace(
                    tzinfo=datetime.UTC
                )
                times.append(at.timestamp() + float(f"0.{match[3]}"))
        except ValueError:
            return []
    return times


def _whole(names: Sequence[str]) -> list[float]:
    times = []
    for name in names:
        match = WHOLE.search(name)
        if match:
            times.append(int(match[1]) / 10 ** (len(match[1]) - 10))
    return times if all(EPOCH[0] <= time < EPOCH[1] for time in times) else []
