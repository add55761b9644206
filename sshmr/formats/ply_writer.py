"""Write points and meshes as binary .ply files.

Open3D's writer does not say when the disk is full; what is written here is whole or an error.
"""

from pathlib import Path

import numpy as np

from sshmr.files import atomic_path

EXACT = 1000.0
"""Coordinates farther from zero than this need double precision."""
FACE = np.dtype([("count", "u1"), ("vertices", "<i4", 3)])


def write_ply(
    path: Path | str, points: np.ndarray, faces: np.ndarray | None = None, double: bool = False
) -> None:
    """Write points (K, 3), and triangles (F, 3) between them, atomically.

    Args:
        double: write double precision even near the origin.
    """
    wide = double or np.abs(points).max(initial=0.0) > EXACT
    kind, word = ("<f8", "double") if wide else ("<f4", "float")
    header = f"ply\nformat binary_little_endian 1.0\nelement vertex {len(points)}\n"
    header += "".join(f"property {word} {axis}\n" for axis in "xyz")
    content = np.ascontiguousarray(points, kind).tobytes()
    if faces is not None:
        header += f"element face {len(faces)}\nproperty list uchar int vertex_indices\n"
        rows = np.zeros(len(faces), FACE)
        rows["count"], rows["vertices"] = 3, faces
        content += rows.tobytes()
    with atomic_path(path) as temporary:
        temporary.write_bytes(header.encode() + b"end_header\n" + content)
