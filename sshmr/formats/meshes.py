"""Read scans that are meshes: .obj .stl .off .glb, through trimesh, an optional dependency."""

import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np

from sshmr.errors import InputError
from sshmr.formats.extras import require

SAMPLES = 50_000
"""Number of points on a mesh. On a person of 1.7 m², 6,000 points would have 3 cm² each."""
LARGEST_FILE = 2**31


def read_mesh(path: Path, check_count: Callable[[int], None]) -> tuple[np.ndarray, str]:
    """Points of a mesh's surface, spread evenly by area; the vertices where there are no faces.

    Returns:
        (K, 3) float64, and a note about how they were sampled.

    Raises:
        InputError: when trimesh is not installed. ValueError: with what is wrong.
    """
    trimesh = require("trimesh", path, "meshes")
    if path.stat().st_size > LARGEST_FILE:
        raise ValueError(f"it has {path.stat().st_size} bytes, more than {LARGEST_FILE}")
    if path.suffix.lower() == ".glb":
        _check_glb(path, check_count)
    scene = trimesh.load_scene(path, process=False, skip_materials=True)
    parts = scene.dump()
    surfaces = [part for part in parts if len(getattr(part, "faces", ()))]
    if not surfaces:
        points = [np.asarray(part.vertices, np.float64) for part in parts]
        return np.concatenate(points) if points else np.empty((0, 3)), "vertices of meshes without faces"
    mesh = trimesh.util.concatenate(surfaces)
    check_count(len(mesh.vertices))
    if not np.isfinite(mesh.vertices).all() or not mesh.area > 0:
        return np.asarray(mesh.vertices, np.float64), "vertices of meshes without an area"
    points, _ = trimesh.sample.sample_surface(mesh, SAMPLES, seed=0)
    return np.asarray(points, np.float64), f"{SAMPLES} points spread over the surface of meshes"


def _check_glb(path: Path, check_count: Callable[[int], None]) -> None:
    """Refuse accessors with more numbers than any scan has, because memory is reserved for them.

    Source: Khronos, "glTF 2.0 specification", binary glTF and accessors.
    """
    with path.open("rb") as stream:
        head = stream.read(20)
        if len(head) < 20 or head[:4] != b"glTF":
            raise ValueError("it has no header of a .glb file")
        (length,) = struct.unpack_from("<I", head, 12)
        if length > path.stat().st_size:
            raise ValueError("it is cut short")
        content = json.loads(stream.read(length))
    if not isinstance(content, dict):
        raise InputError(path, "its JSON", f"a {type(content).__name__}", "a mapping")
    for accessor in content.get("accessors", []):
        check_count(int(accessor.get("count", 0)) // 3)
