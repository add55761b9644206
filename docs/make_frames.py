"""Draw the axes of each source, from the matrices that the readers use: ``python -m docs.make_frames``."""

from pathlib import Path

import numpy as np

from sshmr.geometry.frames import Y_DOWN_TO_Y_UP, Z_UP_TO_Y_UP
from sshmr.sources.cloud_axes import TO_Y_UP

OUTPUT = Path(__file__).resolve().parent / "pictures" / "frames.svg"
SOURCES = {
    "here": (np.eye(3), "y up"),
    "SLOPER4D, LiDARs": (Z_UP_TO_Y_UP, "z up"),
    "BEHAVE, cameras": (Y_DOWN_TO_Y_UP, "y down, z ahead"),
    "clouds, up: x": (np.asarray(TO_Y_UP["x"]), "x up"),
}
COLOURS = {"x": "#d1495b", "y": "#2e8b57", "z": "#2f6fb3"}
SCREEN = np.array([[1.0, 0.0, -0.5], [0.0, -1.0, 0.45]])
"""Canonical (x, y, z) → right and down on the page; z comes out of it, to the lower left."""
WIDE, HIGH, LONG = 200, 240, 62


def triad(rotation):
    """(3, 2): where the tips of a source's axes lie on the page, seen from the canonical frame.

    Args:
        rotation: (3, 3), source frame → canonical frame; its columns are the source's axes.
    """
    return (SCREEN @ rotation).T


def draw(sources):
    """The SVG's text: one triad a source, side by side, two a row."""
    rows = (len(sources) + 1) // 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * WIDE} {rows * HIGH}" '
        f'width="{2 * WIDE}" height="{rows * HIGH}" font-family="sans-serif" text-anchor="middle">',
        '<rect width="100%" height="100%" fill="#fff"/>',
    ]
    for number, (name, (rotation, about)) in enumerate(sources.items()):
        left, top = WIDE * (number % 2), HIGH * (number // 2)
        x, y = left + WIDE / 2, top + 105
        parts.append(f'<text x="{x}" y="{top + 206}" font-size="14" font-weight="bold">{name}</text>')
        parts.append(f'<text x="{x}" y="{top + 224}" font-size="12" fill="#555">{about}</text>')
        for axis, tip in zip("xyz", triad(rotation), strict=True):
            end, label = tip * LONG + (x, y), tip * (LONG * 1.25) + (x, y + 5)
            parts.append(
                f'<line x1="{x}" y1="{y}" x2="{end[0]:.1f}" y2="{end[1]:.1f}" stroke="{COLOURS[axis]}" '
                f'stroke-width="4" stroke-linecap="round"/>'
                f'<text x="{label[0]:.1f}" y="{label[1]:.1f}" font-size="16" fill="{COLOURS[axis]}">'
                f"{axis}</text>"
            )
        parts.append(f'<circle cx="{x}" cy="{y}" r="4" fill="#333"/>')
    return "\n".join([*parts, "</svg>"]) + "\n"


if __name__ == "__main__":
    OUTPUT.write_text(draw(SOURCES))
