"""Animated meshes as binary glTF, which browsers, Blender and game engines play.

A skin with 24 joints would lose the pose correctives, so that the mesh would not be the fitted one. Instead
every frame is a morph target, switched on at its time without blending. Each mesh is then a fitted one, up to
float32's rounding. All frames share one mesh and one index list. The viewer computes normals, as they
would double the file. The last frame lasts as long as the others.

Source: Khronos, "glTF 2.0 Specification", 3.7 (meshes, morph targets), 3.11 (animations), 4 (GLB).
"""

import json
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from sshmr.files import atomic_path

MOST_FRAMES = 250
"""Frames per file. Browsers guarantee room for 256 morph targets."""

FLOAT, SHORT, INT = 5126, 5123, 5125
VERTICES, INDICES = 34962, 34963
"""The specification's numbers for types of components and kinds of buffers."""

SKIN = {
    "name": "skin",
    "pbrMetallicRoughness": {
        "baseColorFactor": [0.80, 0.74, 0.70, 1.0],
        "metallicFactor": 0.0,
        "roughnessFactor": 0.7,
    },
}


def write_glb(
    path: Path,
    name: str,
    vertices: Iterable[np.ndarray],
    faces: np.ndarray,
    seconds: np.ndarray,
    frame_names: Sequence[str],
) -> None:
    """Write one mesh, animated if there are several frames.

    Args:
        path: the .glb. name: of the mesh.
        vertices: (T, V, 3) metres, y up, 1 ≤ T ≤ ``MOST_FRAMES``. faces: (F, 3).
        seconds: (T + 1,) when each frame begins and the last one ends.
        frame_names: T, shown by viewers that list morph targets.
    """
    vertices = np.asarray(vertices, np.float64)
    origin = vertices[0].mean(axis=0)  # float32 is most exact near zero, so move the person there.
    base = (vertices[0] - origin).astype(np.float32)
    moves = ((vertices[1:] - origin) - base).astype(np.float32)
    buffer = _Buffer()
    kind = (np.uint16, SHORT) if len(base) < 65535 else (np.uint32, INT)
    primitive: dict[str, Any] = {
        "attributes": {"POSITION": buffer.add(base, "VEC3", target=VERTICES, bounds=True)},
        "indices": buffer.add(np.asarray(faces).astype(kind[0]).reshape(-1), "SCALAR", kind[1], INDICES),
        "material": 0,
    }
    mesh: dict[str, Any] = {"name": name, "primitives": [primitive]}
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": "sshmr"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"name": name, "mesh": 0, "translation": origin.tolist()}],
        "meshes": [mesh],
        "materials": [SKIN],
    }
    if len(moves):
        primitive["targets"] = [
            {"POSITION": buffer.add(move, "VEC3", target=VERTICES, bounds=True)} for move in moves
        ]
        mesh["weights"] = [0.0] * len(moves)
        mesh["extras"] = {"targetNames": list(map(str, frame_names))[1:]}
        document["animations"] = [_animation(name, len(vertices), seconds, buffer)]
    document |= buffer.document()
    with atomic_path(path) as temporary, temporary.open("wb") as handle:
        _write(handle, document, buffer.chunks)


def _animation(name: str, frames: int, seconds: np.ndarray, buffer: "_Buffer") -> dict[str, Any]:
    weights = np.vstack([np.zeros((1, frames - 1)), np.eye(frames - 1)])
    weights = np.vstack([weights, weights[-1:]]).astype(np.float32)
    times = np.asarray(seconds, np.float32)[:, None]
    sampler = {
        "input": buffer.add(times, "SCALAR", bounds=True),
        "output": buffer.add(weights.reshape(-1, 1), "SCALAR"),
        "interpolation": "STEP",
    }
    channel = {"sampler": 0, "target": {"node": 0, "path": "weights"}}
    return {"name": name, "samplers": [sampler], "channels": [channel]}


class _Buffer:
    """The binary part, and the entries that describe it."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self._views: list[dict[str, Any]] = []
        self._accessors: list[dict[str, Any]] = []
        self._length = 0

    def add(
        self,
        array: np.ndarray,
        shape: str,
        component: int = FLOAT,
        target: int | None = None,
        bounds: bool = False,
    ) -> int:
        """Append an array and return its accessor's index."""
        content = array.tobytes()
        content += b"\0" * (-len(content) % 4)
        view = {"buffer": 0, "byteOffset": self._length, "byteLength": array.nbytes}
        self._views.append(view | ({"target": target} if target else {}))
        accessor = {
            "bufferView": len(self._views) - 1,
            "componentType": component,
            "count": len(array),
            "type": shape,
        }
        if bounds:
            accessor |= {"min": array.min(axis=0).tolist(), "max": array.max(axis=0).tolist()}
        self._accessors.append(accessor)
        self.chunks.append(content)
        self._length += len(content)
        return len(self._accessors) - 1

    def document(self) -> dict[str, Any]:
        return {
            "buffers": [{"byteLength": self._length}],
            "bufferViews": self._views,
            "accessors": self._accessors,
        }


def _write(handle: BinaryIO, document: dict[str, Any], chunks: list[bytes]) -> None:
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    length = sum(map(len, chunks))
    handle.write(struct.pack("<4sII", b"glTF", 2, 12 + 8 + len(text) + 8 + length))
    handle.write(struct.pack("<I4s", len(text), b"JSON") + text)
    handle.write(struct.pack("<I4s", length, b"BIN\0"))
    for chunk in chunks:
        handle.write(chunk)
