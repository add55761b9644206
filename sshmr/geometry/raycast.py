"""Rays and distances against one triangle mesh, through Open3D's ray tracer on one thread."""

from typing import Any

import numpy as np

from sshmr.geometry.open3d_import import open3d


class Surface:
    """A triangle mesh for ray casting and for distances of points."""

    def __init__(self, vertices: np.ndarray, faces: np.ndarray) -> None:
        """Build the ray tracer's tree.

        Args:
            vertices: (V, 3) float, metres.
            faces: (F, 3) int, vertex numbers, counter-clockwise from outside.
        """
        self._o3d = open3d()
        # One thread: the callers process one frame after the other beside a solver or a network, and several
        # jobs share the machine.
        self._scene = self._o3d.t.geometry.RaycastingScene(nthreads=1)
        self._scene.add_triangles(
            self._tensor(vertices), self._o3d.core.Tensor(np.ascontiguousarray(faces, dtype=np.uint32))
        )

    def distances(self, points: np.ndarray) -> np.ndarray:
        """Distance of each point to the surface, unsigned, (..., 3) -> (...), metres."""
        return self._scene.compute_distance(self._tensor(points), nthreads=1).numpy()

    def closest(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The nearest point on the surface to each point, (..., 3) metres, and its unit normal."""
        found = self._scene.compute_closest_points(self._tensor(points), nthreads=1)
        return found["points"].numpy(), found["primitive_normals"].numpy()

    def cast(self, origins: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First hit of each ray.

        Args:
            origins, directions: (..., 3) float, metres; distances are in lengths of the direction.

        Returns:
            distance: (...) float32, infinite where nothing is hit.
            face: (...) int64, -1 where nothing is hit.
        """
        return self.hits(origins, directions)[:2]

    def hits(self, origins: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As ``cast``, and the barycentric weights (..., 3) of the face's corners at the hit."""
        hits = self._scene.cast_rays(self._rays(origins, directions), nthreads=1)
        face = hits["primitive_ids"].numpy().astype(np.int64)
        second, third = np.moveaxis(hits["primitive_uvs"].numpy(), -1, 0)
        weights = np.stack([1 - second - third, second, third], axis=-1)
        return hits["t_hit"].numpy(), np.where(face == self._scene.INVALID_ID, -1, face), weights

    def crossings(self, origins: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """How often each ray crosses the surface, (...) int. Odd: the origin is inside a closed mesh."""
        return self._scene.count_intersections(self._rays(origins, directions), nthreads=1).numpy()

    def _rays(self, origins: np.ndarray, directions: np.ndarray) -> Any:
        origins, directions = np.broadcast_arrays(origins, directions)
        return self._tensor(np.concatenate([origins, directions], axis=-1))

    def _tensor(self, array: np.ndarray) -> Any:
        return self._o3d.core.Tensor(np.ascontiguousarray(array, dtype=np.float32))
