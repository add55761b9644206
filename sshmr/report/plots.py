"""Small line plots as inline SVG; the page's style sheet gives colours and type, for light and dark."""

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterator
from html import escape
from typing import Any

import numpy as np

WIDTH, HEIGHT = 300, 168
LEFT, RIGHT, TOP, BOTTOM = 40, 48, 10, 24
LABEL_GAP = 13


@dataclasses.dataclass(frozen=True)
class Line:
    """One line over x.

    Attributes:
        name: shown on hover. style: CSS class.
        x, y: NaN in y leaves a gap.
        low, high: edges of a band around the line, or None.
        notes: a text for each place, shown on hovering instead of x and y.
        sizes: radii of the dots, pixels; 3 if None.
        labelled: the last value is written beside the line.
        dots: a dot at each place.
    """

    name: str
    style: str
    x: np.ndarray
    y: np.ndarray
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    notes: list[str] | None = None
    sizes: np.ndarray | None = None
    labelled: bool = True
    dots: bool = True


def line_plot(
    title: str, unit: str, lines: list[Line], whole_x: bool = True, marks: tuple[float, ...] = ()
) -> str:
    """An SVG of lines over a common axis. It starts at zero if possible.

    Args:
        title: what is drawn, for readers who cannot see it.
        unit: of the values, for the same and for what shows on hover.
        lines: at least one.
        whole_x: x are whole numbers (rounds): a tick at each, as far as there is room.
        marks: places on x of thin upright lines, such as where a round begins.
    """
    x = np.concatenate([line.x for line in lines]).astype(float)
    edges = [edge for line in lines for edge in (line.y, line.low, line.high) if edge is not None]
    y = np.concatenate(edges).astype(float)
    y = y[np.isfinite(y)]
    y_ticks = _ticks(min(0.0, y.min()), y.max()) if len(y) else [0.0, 1.0]
    x_low, x_high = float(x.min()), float(x.max())

    def across(value: float) -> float:
        share = 0.5 if x_high == x_low else (value - x_low) / (x_high - x_low)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def down(value: float) -> float:
        return HEIGHT - BOTTOM - (value - y_ticks[0]) / (y_ticks[-1] - y_ticks[0]) * (HEIGHT - TOP - BOTTOM)

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">']
    for tick in y_ticks:
        level = down(tick)
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{level:.1f}" y2="{level:.1f}"/>'
        )
        parts.append(
            f'<text class="tick" x="{LEFT - 6}" y="{level + 3.5:.1f}" text-anchor="end">{tick:g}</text>'
        )
    for mark in marks:
        parts.append(
            f'<line class="mark" x1="{across(mark):.1f}" x2="{across(mark):.1f}"'
            f' y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
        )
    for tick in _whole_ticks(x_low, x_high) if whole_x else _ticks(x_low, x_high):
        if x_low <= tick <= x_high:
            place = f'x="{across(tick):.1f}" y="{HEIGHT - 7}" text-anchor="middle"'
            parts.append(f'<text class="tick" {place}>{tick:g}</text>')
    for line in lines:
        parts.extend(_band(line, across, down))
    for line in lines:
        parts.extend(_drawn(line, unit, across, down))
    parts.extend(_end_labels(lines, across, down))
    parts.append("</svg>")
    return "".join(parts)


def band(value: np.ndarray, spread: np.ndarray, unit: str) -> tuple[np.ndarray, np.ndarray]:
    """Low and high edge of a standard deviation about values, no farther than a length or a share can go."""
    most = 100.0 if unit == "%" else np.inf
    return np.clip(value - spread, 0.0, most), np.clip(value + spread, 0.0, most)


def _band(line: Line, across: Callable[[float], float], down: Callable[[float], float]) -> Iterator[str]:
    if line.low is None or line.high is None:
        return
    inside = np.flatnonzero(np.isfinite(line.low) & np.isfinite(line.high))
    above = [(line.x[i], line.high[i]) for i in inside]
    below = [(line.x[i], line.low[i]) for i in inside[::-1]]
    if len(inside) > 1:
        path = " ".join(f"{across(x):.1f},{down(y):.1f}" for x, y in above + below)
        yield f'<polygon class="band {line.style}" points="{path}"/>'
    elif len(inside):
        (x, high), (_, low) = above[0], below[0]
        ends = f'x1="{across(x):.1f}" x2="{across(x):.1f}" y1="{down(low):.1f}" y2="{down(high):.1f}"'
        yield f'<line class="band {line.style}" {ends}/>'


def _drawn(
    line: Line, unit: str, across: Callable[[float], float], down: Callable[[float], float]
) -> Iterator[str]:
    numbers = np.flatnonzero(np.isfinite(line.y))
    places = [(across(float(line.x[i])), down(float(line.y[i]))) for i in numbers]
    path = " ".join(f"{'L' if i else 'M'}{px:.1f} {py:.1f}" for i, (px, py) in enumerate(places))
    yield f'<path class="line {line.style}" d="{path}"/>'
    if line.dots:
        for i, (px, py) in zip(numbers, places, strict=True):
            note = f"{line.x[i]:g}: {shown(float(line.y[i]))} {unit}" if line.notes is None else line.notes[i]
            radius = 3.0 if line.sizes is None else float(line.sizes[i])
            place = f'cx="{px:.1f}" cy="{py:.1f}" r="{radius:g}"'
            label = escape(f"{line.name}, {note}")
            yield f'<circle class="dot {line.style}" {place}><title>{label}</title></circle>'


def _end_labels(
    lines: list[Line], across: Callable[[float], float], down: Callable[[float], float]
) -> Iterator[str]:
    """The last value of each labelled line, at its end, moved apart where they would touch."""
    ends: list[list[Any]] = []
    for line in lines:
        finite = np.flatnonzero(np.isfinite(line.y))
        if line.labelled and len(finite):
            last = finite[-1]
            ends.append(
                [down(float(line.y[last])), across(float(line.x[last])), line.style, float(line.y[last])]
            )
    ends.sort()
    for above, below in itertools.pairwise(ends):
        below[0] = max(below[0], above[0] + LABEL_GAP)
    overflow = max((ends[-1][0] - (HEIGHT - BOTTOM)) if ends else 0, 0)
    for level, right, style, value in ends:
        place = f'x="{right + 7:.1f}" y="{level - overflow + 4:.1f}"'
        yield f'<text class="end {style}" {place}>{shown(value)}</text>'


def shown(value: float) -> str:
    """A number with three significant digits."""
    if not math.isfinite(value):
        return "–"
    if abs(value) >= 100:
        return f"{value:.0f}"
    if abs(value) >= 10 or value == 0:
        return f"{value:.1f}"
    return f"{value:.2g}" if abs(value) < 0.1 else f"{value:.2f}"


def _ticks(low: float, high: float, most: int = 4) -> list[float]:
    """Round numbers, evenly spaced, from at or below ``low`` to at or above ``high``."""
    span = (high - low) or abs(high) or 1.0
    step = 10.0 ** math.floor(math.log10(span / most))
    step = next(step * factor for factor in (1, 2, 2.5, 5, 10) if span / (step * factor) <= most)
    first, last = math.floor(low / step), math.ceil(high / step - 1e-9)
    return [round(step * number, 12) for number in range(first, max(last, first + 1) + 1)]


def _whole_ticks(low: float, high: float, most: int = 8) -> list[int]:
    step = max(1, math.ceil((high - low) / most))
    return list(range(math.ceil(low), math.floor(high) + 1, step))
