"""Facades and cars with windows that rays pass through, for simulated streets. Metres, y up."""

import numpy as np

from sshmr.capture.props import Mesh, box, joined
from tools.scenes.things import junk, placed


def facade(long: float, rng: np.random.Generator) -> Mesh:
    """The front of a building along x, facing −z: walls, recesses, doors and windows with objects behind
    them."""
    high, parts, x = rng.uniform(3.0, 9.0), [], -long / 2
    while x < long / 2:
        wide = rng.uniform(0.3, 2.5)
        kind = rng.choice(["wall", "recess", "window", "door"], p=[0.45, 0.2, 0.25, 0.1])
        middle = x + wide / 2
        if kind in ("wall", "recess"):
            back = rng.uniform(0.0, 0.15) if kind == "wall" else rng.uniform(0.15, 2.0)
            parts.append(box((middle, -1.5, back + 0.15), (wide, high + 1.5, 0.3)))
        else:
            sill = rng.uniform(0.3, 1.2) if kind == "window" else 0.05
            head = rng.uniform(1.9, 2.8)
            parts.append(box((middle, -1.5, 0.15), (wide, sill + 1.5, 0.3)))
            parts.append(box((middle, head, 0.15), (wide, high - head, 0.3)))
            parts.append(box((middle, -1.5, rng.uniform(1.5, 5.0)), (wide + 2, high, 0.2)))
            for _ in range(rng.integers(0, 4)):
                place = np.array(
                    [middle + rng.uniform(-0.6, 0.6) * wide, sill * rng.random(), rng.uniform(0.4, 1.5)]
                )
                parts.append(placed(junk(rng), place, rng.uniform(0, 6.3)))
        x += wide
    return joined(parts)


def glass_car(rng: np.random.Generator) -> Mesh:
    """A car with its length along x, whose seats show through the windows."""
    long, high, wide = rng.uniform(3.6, 5.0), rng.uniform(1.4, 2.0), rng.uniform(1.6, 1.9)
    floor, belt = rng.uniform(0.18, 0.3), high * rng.uniform(0.55, 0.65)
    cabin, back = long * rng.uniform(0.35, 0.55), long * rng.uniform(-0.2, 0.0)
    parts = [
        box((0, floor, 0), (long, belt - floor, wide)),
        box((back, high - 0.06, 0), (cabin, 0.06, wide * 0.85)),
    ]
    for end in (-1, 1):
        for side in (-1, 1):
            top = box((back + end * cabin / 2, belt, side * wide * 0.43), (0.07, high - belt, 0.07))
            parts.append(
                (top[0] + [[0.5 * end * (0 if y > belt + 0.1 else 1), 0, 0] for y in top[0][:, 1]], top[1])
            )
    for row in rng.choice([-0.25, 0.25], rng.integers(1, 3), replace=False):
        for across in (-0.22, 0.22):
            seat = (back + row * cabin, belt - 0.2, across * wide)
            parts.append(box(seat, (0.12, rng.uniform(0.35, 0.55), 0.45)))
            parts.append(box((seat[0], seat[1] + 0.55, seat[2]), (0.08, 0.18, 0.25)))
    parts += [
        box((x * long, 0, z * (wide / 2 - 0.1)), (0.6, 0.6, 0.18)) for x in (-0.32, 0.32) for z in (-1, 1)
    ]
    return joined(parts)
