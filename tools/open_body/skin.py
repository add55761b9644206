"""The closed outer skin: no eyeballs, no mouth cavity, and exactly symmetric.

Only the left half (x ≥ 0) is processed. The right half is its mirror image.
"""

import dataclasses

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

MIRROR = np.array([-1.0, 1.0, 1.0])
MIRROR_TOLERANCE = 1e-4


@dataclasses.dataclass(frozen=True, eq=False)
class HalfSkin:
    """The left half of the skin, a disc whose border is the midline.

    Attributes:
        mixing: (H, V) sparse; row i makes skin vertex i from source vertices: a single 1, or the mean of an
            eye's rim.
        mirror_mixing: (H, V) sparse; the same for vertex i's mirror image.
        faces: (F, 3) triangles of the half, outward.
        on_midline: (H,) bool.
        eye: index of the vertex that closes the eye.
    """

    mixing: coo_matrix
    mirror_mixing: coo_matrix
    faces: np.ndarray
    on_midline: np.ndarray
    eye: int


def half_skin(vertices, faces, cavity):
    """Extract the outer skin from the source mesh, close its three holes and keep the left half.

    Args:
        vertices: (V, 3) metres, standard shape. faces: (F, 3). cavity: (V,) bool, vertices to leave out.
    """
    counterpart = _counterparts(vertices)
    own_side = counterpart == np.arange(len(vertices))
    left = own_side | (vertices[:, 0] > 0)
    keep = _largest_component(faces, len(vertices)) & ~cavity & left
    faces = faces[keep[faces].all(axis=1)]

    eye_rim, mouth = _holes(faces, own_side)
    eye = len(vertices)
    fan = [(b, a, eye) for a, b in zip(eye_rim, np.roll(eye_rim, -1), strict=True)]
    faces = np.concatenate([faces, fan, _zip(mouth, vertices)])
    used, compact = np.unique(faces, return_inverse=True)
    rows = [(i, [v]) if v != eye else (i, eye_rim) for i, v in enumerate(used)]
    return HalfSkin(
        mixing=_mixing(rows, len(vertices)),
        mirror_mixing=_mixing([(i, counterpart[sources]) for i, sources in rows], len(vertices)),
        faces=compact.reshape(-1, 3),
        on_midline=np.append(own_side, False)[used],
        eye=int(np.searchsorted(used, eye)),
    )


def mirrored_closed_mesh(faces, on_midline):
    """Complete a half mesh with its mirror image.

    Args:
        faces: (F, 3) triangles of the half; on_midline: (H,) bool.

    Returns:
        faces (2F, 3) of the whole; counterpart (V,) index of each vertex's mirror image. Vertices are the H
        of the half followed by the mirror images of those off the midline, in the same order.
    """
    half = len(on_midline)
    counterpart = np.arange(half)
    counterpart[~on_midline] = half + np.arange((~on_midline).sum())
    whole = np.concatenate([faces, counterpart[faces][:, ::-1]])
    back = np.concatenate([counterpart, np.flatnonzero(~on_midline)])
    return whole, back


def _counterparts(vertices):
    distance, counterpart = cKDTree(vertices).query(vertices * MIRROR)
    if distance.max() > MIRROR_TOLERANCE or (counterpart[counterpart] != np.arange(len(vertices))).any():
        raise ValueError(f"source mesh is not symmetric: {distance.max():.2g} m off at worst")
    return counterpart


def _largest_component(faces, count):
    pairs = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]]])
    graph = coo_matrix((np.ones(len(pairs)), pairs.T), shape=(count, count))
    labels = connected_components(graph, directed=False)[1]
    return labels == np.bincount(labels).argmax()


def _holes(faces, on_midline):
    """The eye's rim (a loop off the midline) and the half mouth (a path from midline to midline)."""
    edges = {(a, b) for face in faces.tolist() for a, b in zip(face, face[1:] + face[:1], strict=True)}
    border = {a: b for a, b in edges if (b, a) not in edges and not (on_midline[a] and on_midline[b])}
    starts = [a for a in border if on_midline[a]]
    if len(starts) != 1:
        raise ValueError(f"expected one half mouth on the midline, found {len(starts)}")
    mouth = [starts[0]]
    while mouth[-1] in border:
        mouth.append(border.pop(mouth[-1]))
    rim = [next(iter(border))]
    while border[rim[-1]] != rim[0]:
        rim.append(border[rim[-1]])
    if len(rim) != len(border):
        raise ValueError(f"expected one eye rim, found {len(border) - len(rim)} border edges more")
    return rim, mouth


def _zip(path, vertices):
    """Triangles between the two ends of a border path, advancing along the shorter diagonal."""
    triangles, low, high = [], 0, len(path) - 1
    while high - low > 1:
        from_low = np.linalg.norm(vertices[path[low + 1]] - vertices[path[high]])
        from_high = np.linalg.norm(vertices[path[low]] - vertices[path[high - 1]])
        if from_low <= from_high:
            triangles.append((path[low + 1], path[low], path[high]))
            low += 1
        else:
            triangles.append((path[low], path[high], path[high - 1]))
            high -= 1
    return np.array(triangles)


def _mixing(rows, columns):
    entries = [(i, source, 1 / len(sources)) for i, sources in rows for source in sources]
    i, j, value = zip(*entries, strict=True)
    return coo_matrix((value, (i, j)), shape=(len(rows), columns)).tocsr()
