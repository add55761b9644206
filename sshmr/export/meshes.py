"""One mesh as a file."""

from pathlib import Path

import numpy as np

from sshmr.files import atomic_path


def write_obj(path: str | Path, vertices: np.ndarray, faces: np.ndarray) -> None:
    """Write an .obj, positions to six decimals: (V, 3) and (F, 3)."""
    lines = [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in vertices.tolist()]
    lines += [f"f {a} {b} {c}" for a, b, c in (faces + 1).tolist()]
    with atomic_path(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n")
