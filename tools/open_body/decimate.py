"""Decimate a half mesh: collapse vertices into their neighbours.

The remaining vertices are original ones, so weights and shapes need no interpolation. The cost is the
quadric error of Garland & Heckbert, "Surface simplification using quadric error metrics", SIGGRAPH 1997, plus
a term against long edges and one against crossing from one joint's region into another's.
"""

import heapq

import numpy as np

from tools.open_body.skin import MIRROR

LENGTH_COST = 0.03
"""Cost per area and squared length of the collapsed edge."""
WEIGHT_COST = 2e-4
"""Cost, square metres, per area and squared change of skinning weights."""
LEAST_TURN_COSINE = 0.3
"""A collapse may not turn a triangle's normal further than this."""
LEAST_SHAPE = 0.05
"""Least allowed ratio of twice the area to the longest side squared (an equilateral triangle has 0.87)."""


def decimate_half(vertices, faces, weights, on_midline, locked, target):
    """Collapse vertices until the mirrored whole has ``target`` vertices.

    Args:
        vertices: (H, 3) metres, x ≥ 0. faces: (F, 3). weights: (H, J) skinning weights.
        on_midline: (H,) bool, the half's border. locked: (H,) bool, vertices that must remain.
        target: vertex count of the whole.

    Returns:
        kept: (K,) ascending indices of the remaining vertices; faces: (G, 3), indices into ``kept``.
    """
    return _Collapser(vertices, faces, weights, on_midline, locked).run(target)


class _Collapser:
    def __init__(self, vertices, faces, weights, on_midline, locked):
        self.vertices, self.weights = vertices, weights
        self.on_midline, self.locked = on_midline, locked
        self.faces = dict(enumerate(map(tuple, faces.tolist())))
        self.around = [set() for _ in vertices]
        for index, face in self.faces.items():
            for vertex in face:
                self.around[vertex].add(index)
        self.alive = np.ones(len(vertices), dtype=bool)
        self.version = np.zeros(len(vertices), dtype=int)
        self.quadrics = self._initial_quadrics(faces)
        self.queue = []

    def run(self, target):
        for vertex in range(len(self.vertices)):
            self._enqueue(vertex)
        excess = 2 * len(self.vertices) - int(self.on_midline.sum()) - target
        while excess > 0:
            if not self.queue:
                raise ValueError(f"{excess} vertices too many and nothing left to collapse")
            _, gone, heir, stamp = heapq.heappop(self.queue)
            worth = 1 if self.on_midline[gone] else 2
            stale = not self.alive[gone] or stamp != self.version[gone]
            if stale or worth > excess or not self._allowed(gone, heir):
                continue
            self._collapse(gone, heir)
            excess -= worth
        kept = np.flatnonzero(self.alive)
        return kept, np.searchsorted(kept, np.array(list(self.faces.values())))

    def _initial_quadrics(self, faces):
        corners = self.vertices[faces]
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        doubled = np.linalg.norm(normals, axis=1, keepdims=True)
        normals = normals / np.maximum(doubled, 1e-12)
        quadrics = np.zeros((len(self.vertices), 4, 4))
        for mirror in (False, True):
            normal = normals * MIRROR if mirror else normals
            origin = corners[:, 0] * MIRROR if mirror else corners[:, 0]
            plane = np.concatenate([normal, -(normal * origin).sum(1, keepdims=True)], axis=1)
            outer = plane[:, :, None] * plane[:, None] * doubled[:, :, None] / 2
            for corner in range(3):
                mine = self.on_midline[faces[:, corner]] if mirror else slice(None)
                np.add.at(quadrics, faces[mine, corner], outer[mine])
        return quadrics

    def _neighbours(self, vertex):
        return {other for index in self.around[vertex] for other in self.faces[index]} - {vertex}

    def _area(self, vertex):
        return sum(np.linalg.norm(self._normal(self.faces[index])) for index in self.around[vertex]) / 2

    def _normal(self, face):
        a, b, c = self.vertices[list(face)]
        (x, y, z), (u, v, w) = b - a, c - a
        return np.array([y * w - z * v, z * u - x * w, x * v - y * u])

    def _enqueue(self, gone):
        """Queue the collapse of one vertex into each neighbour."""
        if self.locked[gone] or not self.alive[gone]:
            return
        area = self._area(gone)
        for heir in self._neighbours(gone):
            if self.on_midline[gone] and not self.on_midline[heir]:
                continue
            place = np.append(self.vertices[heir], 1.0)
            quadric = place @ (self.quadrics[gone] + self.quadrics[heir]) @ place
            length = ((self.vertices[gone] - self.vertices[heir]) ** 2).sum()
            change = ((self.weights[gone] - self.weights[heir]) ** 2).sum()
            cost = max(quadric, 0.0) + LENGTH_COST * area * length + WEIGHT_COST * area * change
            heapq.heappush(self.queue, (cost, gone, heir, self.version[gone]))

    def _allowed(self, gone, heir):
        """Whether the whole stays a closed, unfolded surface."""
        if not self.alive[heir]:
            return False
        shared = self.around[gone] & self.around[heir]
        if len(shared) != (1 if self.on_midline[gone] else 2):
            return False
        apexes = {vertex for index in shared for vertex in self.faces[index]} - {gone, heir}
        theirs = self._neighbours(heir)
        if self._neighbours(gone) & theirs != apexes:
            return False
        if self.on_midline[heir] and not self.on_midline[gone]:
            # An inner edge between two midline vertices would lie in both halves.
            others = self._neighbours(gone) - theirs - {heir}
            if any(self.on_midline[other] for other in others):
                return False
        return all(self._keeps_shape(index, gone, heir) for index in self.around[gone] - shared)

    def _keeps_shape(self, index, gone, heir):
        before = self.faces[index]
        after = tuple(heir if vertex == gone else vertex for vertex in before)
        old, new = self._normal(before), self._normal(after)
        old_size, new_size = np.linalg.norm(old), np.linalg.norm(new)
        if old @ new < LEAST_TURN_COSINE * old_size * new_size:
            return False
        return new_size / self._longest(after) > min(LEAST_SHAPE, old_size / self._longest(before))

    def _longest(self, face):
        corners = self.vertices[list(face)]
        return ((corners - np.roll(corners, 1, axis=0)) ** 2).sum(axis=1).max()

    def _collapse(self, gone, heir):
        for index in list(self.around[gone]):
            face = self.faces[index]
            if heir in face:
                for vertex in face:
                    self.around[vertex].discard(index)
                del self.faces[index]
            else:
                self.faces[index] = tuple(heir if vertex == gone else vertex for vertex in face)
                self.around[heir].add(index)
        self.around[gone].clear()
        self.alive[gone] = False
        self.quadrics[heir] += self.quadrics[gone]
        for vertex in self._neighbours(heir) | {heir}:
            self.version[vertex] += 1
            self._enqueue(vertex)
