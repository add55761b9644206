"""Objects that occlude people: boxes, tables, chairs, and the room itself."""

from collections.abc import Iterable, Sequence

import numpy as np

Triple = Sequence[float] | np.ndarray
Mesh = tuple[np.ndarray, np.ndarray]
"""Vertices (V, 3), metres, and faces (F, 3). A ``Triple`` is three numbers, metres along x, y and z."""

CORNERS = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (0.0, 1.0) for z in (-0.5, 0.5)])
FACES = np.array(
    [
        [0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1],
        [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3],
    ]
)  # fmt: skip

PARTS: dict[str, list[tuple[Triple, Triple]]] = {
    "box": [((0, 0, 0), (0.4, 0.45, 0.3))],
    "table": [
        ((0, 0.7, 0), (1.0, 0.04, 0.6)),
        *(((x, 0, z), (0.05, 0.7, 0.05)) for x in (-0.45, 0.45) for z in (-0.25, 0.25)),
    ],
    "chair": [
        ((0, 0.43, 0), (0.45, 0.04, 0.45)),
        ((0, 0.47, -0.2), (0.45, 0.45, 0.04)),
        *(((x, 0, z), (0.04, 0.43, 0.04)) for x in (-0.2, 0.2) for z in (-0.2, 0.2)),
    ],
}
"""Each thing as boxes: (middle of the bottom face, size), metres, y up."""


def box(bottom: Triple, size: Triple) -> Mesh:
    """Vertices (8, 3) and faces (12, 3) of a box, metres; ``bottom`` is the middle of its bottom face."""
    return CORNERS * size + bottom, FACES


def thing(kind: str, position: Triple, heading: float) -> Mesh:
    """Vertices and faces of one of ``PARTS`` on the ground at (x, z), turned about the vertical."""
    vertices, faces = joined([box(bottom, size) for bottom, size in PARTS[kind]])
    cosine, sine = np.cos(heading), np.sin(heading)
    turn = np.array([[cosine, 0.0, sine], [0.0, 1.0, 0.0], [-sine, 0.0, cosine]])
    return vertices @ turn.T + [position[0], 0.0, position[1]], faces


def joined(meshes: Iterable[Mesh]) -> Mesh:
    """Several (vertices, faces) as one."""
    vertices, faces = zip(*meshes, strict=True)
    starts = np.cumsum([0, *(len(part) for part in vertices[:-1])])
    return np.concatenate(vertices), np.concatenate(
        [part + start for part, start in zip(faces, starts, strict=True)]
    )
