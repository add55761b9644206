"""Objects in simulated scenes: ground, walls, cars, poles, trees, furniture. Metres, y up.

Every mesh is (vertices, faces), standing on the ground at the origin; ``placed`` sets it somewhere.
"""

import itertools

import numpy as np

from sshmr.capture.props import Mesh, Triple, box, joined, thing

OUTDOORS = (
    "car", "van", "pole", "sign", "tree", "bush", "hedge", "bin", "bollard", "fence", "bench", "bicycle",
    "pillar", "post_box", "cone", "stump", "junk", "junk", "panels", "panels", "bush", "post_box", "car",
    "shrub", "shrub", "cabinet", "tree", "forked_tree",
)  # fmt: skip
INDOORS = (
    "table", "chair", "box", "cupboard", "shelf", "sofa", "office_chair", "plant", "coat_stand", "pillar",
    "desk", "lamp", "board", "boxes", "junk", "junk", "panels", "cabinet",
)  # fmt: skip


def cylinder(bottom: Triple, radius: float, height: float, top: float | None = None, sides: int = 12) -> Mesh:
    """A standing cylinder, or a truncated cone if ``top`` is another radius; ``bottom`` is its foot."""
    angle = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    ring = np.stack([np.cos(angle), np.zeros(sides), np.sin(angle)], axis=1)
    rings = [ring * radius, ring * (radius if top is None else top) + [0, height, 0]]
    vertices = np.concatenate([*rings, [[0, 0, 0], [0, height, 0]]]) + bottom
    here, there = np.arange(sides), (np.arange(sides) + 1) % sides
    faces = np.concatenate(
        [
            np.stack([here, here + sides, there], 1),
            np.stack([there, here + sides, there + sides], 1),
            np.stack([here, there, np.full(sides, 2 * sides)], 1),
            np.stack([here + sides, np.full(sides, 2 * sides + 1), there + sides], 1),
        ]
    )
    return vertices, faces


def ellipsoid(centre: Triple, radii: Triple, steps: int = 10) -> Mesh:
    """A closed ellipsoid."""
    polar, angle = np.meshgrid(
        np.linspace(0, np.pi, steps), np.linspace(0, 2 * np.pi, 2 * steps, endpoint=False), indexing="ij"
    )
    unit = np.stack([np.sin(polar) * np.cos(angle), np.cos(polar), np.sin(polar) * np.sin(angle)], axis=-1)
    row, column = np.meshgrid(np.arange(steps - 1), np.arange(2 * steps), indexing="ij")
    first, second = row * 2 * steps + column, row * 2 * steps + (column + 1) % (2 * steps)
    lower = 2 * steps
    faces = np.stack(
        [
            np.stack([first, second, first + lower], -1).reshape(-1, 3),
            np.stack([second, second + lower, first + lower], -1).reshape(-1, 3),
        ]
    ).reshape(-1, 3)
    return unit.reshape(-1, 3) * radii + centre, faces


def leaves(centre: Triple, radii: Triple, count: int, size: float, rng: np.random.Generator) -> Mesh:
    """Foliage: small random triangles in an ellipsoid, denser towards its surface."""
    direction = rng.normal(size=(count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    middle = direction * rng.random((count, 1)) ** 0.2 * radii + centre
    vertices = middle[:, None] + rng.normal(0, size, (count, 3, 3))
    return vertices.reshape(-1, 3), np.arange(3 * count).reshape(-1, 3)


def extruded(profile: np.ndarray, width: float) -> Mesh:
    """A convex-topped outline (K, 2) of (x, y), counter-clockwise, given a width along z."""
    count = len(profile)
    sides = [np.column_stack([profile, np.full(count, z)]) for z in (-width / 2, width / 2)]
    middle = np.column_stack([profile.mean(axis=0)[None].repeat(2, 0), [-width / 2, width / 2]])
    here, there = np.arange(count), (np.arange(count) + 1) % count
    faces = [
        np.stack([here, there, here + count], 1),
        np.stack([there, there + count, here + count], 1),
        np.stack([there, here, np.full(count, 2 * count)], 1),
        np.stack([here + count, there + count, np.full(count, 2 * count + 1)], 1),
    ]
    return np.concatenate([*sides, middle]), np.concatenate(faces)


def make_thing(kind: str, rng: np.random.Generator) -> Mesh:
    """One of ``OUTDOORS`` or ``INDOORS``, of a size drawn at random."""
    if kind in ("table", "chair", "box"):
        vertices, faces = thing(kind, (0.0, 0.0), 0.0)
        return vertices * rng.uniform(0.85, 1.2, 3), faces
    return MAKERS[kind](rng)


def placed(mesh: Mesh, position: np.ndarray, heading: float) -> Mesh:
    """A mesh turned about the vertical and moved to (3,)."""
    cosine, sine = np.cos(heading), np.sin(heading)
    turn = np.array([[cosine, 0.0, sine], [0.0, 1.0, 0.0], [-sine, 0.0, cosine]])
    return mesh[0] @ turn.T + position, mesh[1]


def _car(
    rng: np.random.Generator,
    length: tuple[float, float] = (3.6, 4.9),
    height: tuple[float, float] = (1.4, 1.7),
    van: bool = False,
) -> Mesh:
    long, high, wide = rng.uniform(*length), rng.uniform(*height), rng.uniform(1.65, 1.9)
    floor, bonnet = rng.uniform(0.18, 0.3), high * rng.uniform(0.55, 0.65)
    share = [0, 0.0, 0.02, 0.04, 0.98, 1.0] if van else [0, 0.02, 0.25, 0.4, 0.75, 0.97]
    top = np.array(
        [[0, bonnet * 0.9], [share[1], bonnet], [share[2], bonnet], [share[3], high], [share[4], high],
         [share[5], bonnet * 1.05], [1, bonnet * 0.95]]
    )  # fmt: skip
    outline = np.concatenate([[[0, floor], [1, floor]], top[::-1]]) * [long, 1] - [long / 2, 0]
    wheels = [
        cylinder((x * long, 0.0, z * (wide / 2 - 0.1)), 0.18, 0.5) for x in (-0.32, 0.32) for z in (-1, 1)
    ]
    return joined([extruded(outline, wide), *wheels])


def _pole(rng: np.random.Generator) -> Mesh:
    return cylinder((0, 0, 0), rng.uniform(0.03, 0.16), rng.uniform(1.2, 7.0))


def _sign(rng: np.random.Generator) -> Mesh:
    high = rng.uniform(1.5, 2.6)
    plate = box((0, high - rng.uniform(0.3, 0.8), 0), (rng.uniform(0.3, 0.8), 0.6, 0.03))
    return joined([cylinder((0, 0, 0), 0.04, high), plate])


def _tree(rng: np.random.Generator) -> Mesh:
    high, radius = rng.uniform(1.4, 3.0), rng.uniform(0.06, 0.25)
    size = rng.uniform(0.7, 2.5)
    crown = leaves((0, high + size * 0.7, 0), (size, size, size), int(600 * size), 0.06, rng)
    return joined([cylinder((0, 0, 0), radius, high + size, radius * 0.7), crown])


def _bush(rng: np.random.Generator) -> Mesh:
    wide, high = rng.uniform(0.3, 1.2, 2), rng.uniform(0.3, 1.1)
    return leaves((0, high, 0), (wide[0], high, wide[1]), int(rng.uniform(300, 1500)), 0.05, rng)


def _hedge(rng: np.random.Generator) -> Mesh:
    high, long, wide = rng.uniform(0.8, 2.0), rng.uniform(2, 8), rng.uniform(0.4, 0.9)
    core = box((0, 0, 0), (long, high * 0.9, wide * 0.7))
    count = int(400 * long)
    middle = (rng.random((count, 1, 3)) - [0.5, 0, 0.5]) * [long, high, wide]
    strewn = (middle + rng.normal(0, 0.05, (count, 3, 3))).reshape(-1, 3)
    return joined([core, (strewn, np.arange(3 * count).reshape(-1, 3))])


def _bin(rng: np.random.Generator) -> Mesh:
    high, wide = rng.uniform(0.7, 1.3), rng.uniform(0.4, 0.8)
    if rng.random() < 0.5:
        return cylinder((0, 0, 0), wide / 2 * 0.9, high, wide / 2)
    return joined(
        [box((0, 0.05, 0), (wide, high, wide)), box((0, high + 0.05, 0), (wide + 0.05, 0.06, wide))]
    )


def _bollard(rng: np.random.Generator) -> Mesh:
    return cylinder((0, 0, 0), rng.uniform(0.05, 0.15), rng.uniform(0.6, 1.2))


def _fence(rng: np.random.Generator) -> Mesh:
    high, long = rng.uniform(0.8, 2.0), rng.uniform(2, 8)
    posts = [cylinder((x, 0, 0), 0.05, high) for x in np.arange(-long / 2, long / 2 + 0.1, 2.0)]
    bars = [box((0, y, 0), (long, rng.uniform(0.05, 0.3), 0.03)) for y in np.arange(0.2, high - 0.1, 0.35)]
    return joined([*posts, *bars])


def _bench(rng: np.random.Generator) -> Mesh:
    long = rng.uniform(1.2, 2.0)
    parts = [box((0, 0.42, 0), (long, 0.05, 0.4)), box((0, 0.5, -0.2), (long, 0.4, 0.05))]
    return joined([*parts, *(box((x * long, 0, 0), (0.08, 0.45, 0.4)) for x in (-0.4, 0.4))])


def bicycle(rng: np.random.Generator) -> Mesh:
    """Two wheels along z, a frame, a handlebar and a saddle 0.95 m high."""
    tube = 0.025
    wheels = []
    for centre in (-0.52, 0.52):
        angle = np.linspace(0, 2 * np.pi, 25)
        for a, b in itertools.pairwise(angle):
            middle = (a + b) / 2
            wheels.append(
                box((0, 0.33 + 0.32 * np.sin(middle), centre + 0.32 * np.cos(middle)), (0.04, 0.07, 0.07))
            )
    frame = [
        box((0, 0.75, 0), (tube * 2, 0.05, 0.9)),
        box((0, 0.45, 0.0), (tube * 2, 0.05, 0.6)),
        box((0, 0.35, -0.15), (0.04, 0.6, 0.04)),
        box((0, 0.4, 0.45), (0.04, 0.65, 0.04)),
        box((0, 0.92, -0.2), (0.14, 0.06, 0.26)),
        box((0, 1.02, 0.42), (rng.uniform(0.45, 0.65), 0.04, 0.05)),
    ]
    return joined([*wheels, *frame])


def _pillar(rng: np.random.Generator) -> Mesh:
    if rng.random() < 0.5:
        return cylinder((0, 0, 0), rng.uniform(0.12, 0.4), rng.uniform(2.2, 4.0))
    return box((0, 0, 0), (rng.uniform(0.2, 0.7), rng.uniform(2.2, 4.0), rng.uniform(0.2, 0.7)))


def _post_box(rng: np.random.Generator) -> Mesh:
    return joined(
        [
            cylinder((0, 0, 0), 0.05, 0.9),
            box((0, 0.8, 0), (rng.uniform(0.3, 0.5), rng.uniform(0.4, 0.9), 0.35)),
        ]
    )


def _cone(rng: np.random.Generator) -> Mesh:
    return cylinder((0, 0, 0), 0.18, rng.uniform(0.5, 0.9), 0.03)


def _stump(rng: np.random.Generator) -> Mesh:
    return cylinder((0, 0, 0), rng.uniform(0.15, 0.35), rng.uniform(0.4, 1.9), rng.uniform(0.1, 0.3))


def _cupboard(rng: np.random.Generator) -> Mesh:
    return box((0, 0, 0), (rng.uniform(0.4, 1.4), rng.uniform(0.7, 2.1), rng.uniform(0.3, 0.7)))


def _shelf(rng: np.random.Generator) -> Mesh:
    long, high, deep = rng.uniform(0.6, 1.6), rng.uniform(1.2, 2.2), 0.35
    boards = [box((0, y, 0), (long, 0.03, deep)) for y in np.linspace(0.05, high, 5)]
    goods = [
        box(
            (rng.uniform(-0.4, 0.4) * long, y + 0.03, 0), (rng.uniform(0.1, 0.4), rng.uniform(0.1, 0.3), 0.25)
        )
        for y in np.linspace(0.05, high, 5)[:-1]
        for _ in range(2)
    ]
    return joined([*boards, *goods, *(box((x * long, 0, 0), (0.03, high, deep)) for x in (-0.5, 0.5))])


def _sofa(rng: np.random.Generator) -> Mesh:
    long = rng.uniform(0.8, 2.2)
    arms = [box((x * long, 0, 0), (0.18, 0.6, 0.85)) for x in (-0.5, 0.5)]
    return joined([box((0, 0.1, 0.05), (long, 0.34, 0.8)), box((0, 0.2, -0.35), (long, 0.6, 0.22)), *arms])


def _office_chair(rng: np.random.Generator) -> Mesh:
    seat = rng.uniform(0.42, 0.52)
    feet = [placed(box((0.16, 0.03, 0), (0.32, 0.05, 0.05)), np.zeros(3), a) for a in np.arange(5) * 1.2566]
    back = box((0, seat + 0.15, -0.22), (0.45, rng.uniform(0.4, 0.65), 0.07))
    return joined([*feet, cylinder((0, 0.05, 0), 0.03, seat), box((0, seat, 0), (0.48, 0.08, 0.48)), back])


def _plant(rng: np.random.Generator) -> Mesh:
    high, wide = rng.uniform(0.3, 0.8), rng.uniform(0.2, 0.5)
    pot = cylinder((0, 0, 0), rng.uniform(0.12, 0.25), 0.4, rng.uniform(0.15, 0.3))
    return joined(
        [pot, leaves((0, 0.4 + high, 0), (wide, high, wide), int(rng.uniform(100, 500)), 0.05, rng)]
    )


def _coat_stand(rng: np.random.Generator) -> Mesh:
    high = rng.uniform(1.6, 1.9)
    coat = ellipsoid(
        (0, high - 0.55, 0), (rng.uniform(0.15, 0.3), rng.uniform(0.35, 0.55), rng.uniform(0.1, 0.2))
    )
    return joined([cylinder((0, 0, 0), 0.025, high), cylinder((0, 0, 0), 0.22, 0.04), coat])


def _desk(rng: np.random.Generator) -> Mesh:
    table = thing("table", (0.0, 0.0), 0.0)
    monitors = [
        box((x, 0.75, -0.1), (rng.uniform(0.4, 0.6), rng.uniform(0.3, 0.45), 0.05))
        for x in rng.uniform(-0.35, 0.35, rng.integers(1, 3))
    ]
    return joined([(table[0] * [1.5, 1, 1.2], table[1]), *monitors])


def _lamp(rng: np.random.Generator) -> Mesh:
    high = rng.uniform(1.3, 1.9)
    shade = cylinder((0, high - 0.3, 0), rng.uniform(0.15, 0.3), 0.35, 0.15)
    return joined([cylinder((0, 0, 0), 0.02, high), cylinder((0, 0, 0), 0.18, 0.03), shade])


def _board(rng: np.random.Generator) -> Mesh:
    high = rng.uniform(1.4, 2.0)
    plate = box((0, 0.6, 0), (rng.uniform(0.5, 1.5), high - 0.6, 0.04))
    return joined([plate, *(box((x, 0, 0), (0.05, high, 0.4)) for x in (-0.3, 0.3))])


def _boxes(rng: np.random.Generator) -> Mesh:
    parts, top = [], 0.0
    for _ in range(rng.integers(1, 5)):
        size = rng.uniform(0.25, 0.7, 3)
        parts.append(box((*rng.uniform(-0.06, 0.06, 1), top, 0.0), size))
        top += size[1]
    return joined(parts)


def _shrub(rng: np.random.Generator) -> Mesh:
    """Foliage of a person's height, trimmed or not, partly on a stem."""
    high, wide = rng.uniform(0.3, 1.1), rng.uniform(0.2, 0.6, 2)
    low = rng.uniform(0, 0.6) if rng.random() < 0.4 else 0.0
    crown = leaves(
        (0, low + high, 0),
        (wide[0], high, wide[1]),
        int(rng.uniform(300, 2500)),
        rng.uniform(0.02, 0.06),
        rng,
    )
    core = ellipsoid((0, low + high, 0), (wide[0] * 0.8, high * 0.9, wide[1] * 0.8), 6)
    return joined([crown, *([core] if rng.random() < 0.4 else []), cylinder((0, 0, 0), 0.04, low + 0.2)])


def _forked_tree(rng: np.random.Generator) -> Mesh:
    high, size = rng.uniform(0.5, 1.5), rng.uniform(0.8, 2.0)
    parts = [cylinder((0, 0, 0), 0.12, high)]
    for _ in range(rng.integers(2, 5)):
        stem, lean = cylinder((0, 0, 0), rng.uniform(0.04, 0.1), 2.0, 0.03, 6), rng.normal(0, 0.25, 2)
        stem[0][:, [0, 2]] += stem[0][:, 1:2] * lean
        parts.append((stem[0] + [0, high, 0], stem[1]))
    return joined([*parts, leaves((0, high + 1.8, 0), (size, 1.0, size), int(500 * size), 0.06, rng)])


def _cabinet(rng: np.random.Generator) -> Mesh:
    wide, high, deep = rng.uniform((0.2, 1.1, 0.2), (0.7, 2.0, 0.7))
    return joined([box((0, 0, 0), (wide, high, deep)), box((0, 0, 0), (wide * 1.2, 0.08, deep * 1.2))])


def junk(rng: np.random.Generator) -> Mesh:
    """A random object of a person's size or smaller, with one to four parts."""
    high, wide = rng.uniform(0.6, 2.0), rng.uniform(0.2, 0.8)
    parts, low = [], 0.0 if rng.random() < 0.7 else rng.uniform(0, 0.4)
    for _ in range(rng.integers(1, 5)):
        tall = rng.uniform(0.3, 1.0) * (high - low)
        size = wide * rng.uniform(0.4, 1.0, 2)
        x, z = rng.uniform(-0.15, 0.15, 2)
        shape = rng.integers(4)
        if shape == 0:
            parts.append(box((x, low, z), (size[0], tall, size[1])))
        elif shape == 1:
            parts.append(cylinder((x, low, z), size[0] / 2, tall, rng.uniform(0.2, 1.0) * size[0] / 2))
        elif shape == 2:
            parts.append(ellipsoid((x, low + tall / 2, z), (size[0] / 2, tall / 2, size[1] / 2)))
        else:
            count = int(rng.uniform(60, 500))
            parts.append(
                leaves((x, low + tall / 2, z), (size[0] / 2, tall / 2, size[1] / 2), count, 0.04, rng)
            )
        low += tall * rng.uniform(0.5, 1.0)
        if low > high - 0.1:
            break
    return joined(parts)


def _panels(rng: np.random.Generator) -> Mesh:
    """Upright boards of any size beside and behind each other, with gaps: as facades seen through a hedge."""
    parts = []
    for _ in range(rng.integers(2, 9)):
        size = (rng.uniform(0.1, 1.2), rng.uniform(0.2, 1.8), rng.uniform(0.02, 0.15))
        low = 0.0 if rng.random() < 0.4 else rng.uniform(0, 1.4)
        place = np.array([rng.uniform(-1.5, 1.5), 0.0, rng.uniform(-0.6, 0.6)])
        parts.append(placed(box((0, low, 0), size), place, rng.normal(0, 0.3)))
    return joined(parts)


MAKERS = {
    "car": _car,
    "van": lambda rng: _car(rng, (4.6, 6.5), (1.9, 2.7), van=True),
    "pole": _pole,
    "sign": _sign,
    "tree": _tree,
    "bush": _bush,
    "hedge": _hedge,
    "bin": _bin,
    "bollard": _bollard,
    "fence": _fence,
    "bench": _bench,
    "bicycle": bicycle,
    "pillar": _pillar,
    "post_box": _post_box,
    "cone": _cone,
    "stump": _stump,
    "cupboard": _cupboard,
    "shelf": _shelf,
    "sofa": _sofa,
    "office_chair": _office_chair,
    "plant": _plant,
    "coat_stand": _coat_stand,
    "desk": _desk,
    "lamp": _lamp,
    "board": _board,
    "boxes": _boxes,
    "junk": junk,
    "shrub": _shrub,
    "forked_tree": _forked_tree,
    "cabinet": _cabinet,
    "panels": _panels,
}
