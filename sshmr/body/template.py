"""The template: evenly spread vertices of the body, by default 1,024, to which points are matched."""

import dataclasses
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from sshmr.body.model import BodyModel
from sshmr.errors import InputError
from sshmr.files import atomic_path
from sshmr.formats.numpy_files import read_npz

SHOULDER_ANGLE = np.pi / 3
AGAIN = "Delete this file and run the same command again"
LEFT_SHOULDER, RIGHT_SHOULDER = 16, 17


def standing_pose(dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """(72,) rotation vectors: zero except at the shoulders, which are rotated by ∓60° about z so that the
    arms hang."""
    pose = torch.zeros(24, 3, dtype=dtype)
    pose[LEFT_SHOULDER, 2] = -SHOULDER_ANGLE
    pose[RIGHT_SHOULDER, 2] = SHOULDER_ANGLE
    return pose.reshape(72)


@dataclasses.dataclass(frozen=True, eq=False)
class Template:
    """The vertices of the template, and their positions in the standing pose.

    Attributes:
        vertex_ids: (M,) int64, indices into the whole body.
        vertices: (M, 3) float32, metres, standing pose, mean shape, centred on their mean.
        mirror: (M,) int64, index within the template of each vertex's left–right counterpart (the nearest
            template vertex to its mirror image).
        body_digest: digest of the body they were picked from.
    """

    vertex_ids: torch.Tensor
    vertices: torch.Tensor
    mirror: torch.Tensor
    body_digest: str

    def save(self, path: str | Path) -> None:
        """Write as .npz, atomically."""
        with atomic_path(path) as temporary, temporary.open("wb") as handle:
            np.savez(
                handle,
                vertex_ids=self.vertex_ids.numpy(),
                vertices=self.vertices.numpy(),
                mirror=self.mirror.numpy(),
                body_digest=np.array(self.body_digest),
            )

    @classmethod
    def load(cls, path: str | Path, body: BodyModel | None = None) -> Self:
        """Read a template; with ``body`` given, check that it was picked from that body.

        Raises:
            InputError: when the file is missing, damaged or belongs to another body.
        """
        arrays = read_npz(path, ("vertex_ids", "vertices", "mirror", "body_digest"), "a template (.npz)")
        _check_arrays(path, arrays, None if body is None else len(body.v_template))
        digest = str(arrays["body_digest"])
        if body is not None and digest != body.digest:
            raise InputError(
                path, "body_digest", digest[:12], body.digest[:12], "Build the template again for this body"
            )
        return cls(
            torch.from_numpy(arrays["vertex_ids"]),
            torch.from_numpy(arrays["vertices"]),
            torch.from_numpy(arrays["mirror"]),
            digest,
        )


def _check_arrays(path: str | Path, arrays: dict[str, Any], count: int | None) -> None:
    """Refuse arrays that are missing or of another type; ``count``: vertices of the body, or None."""
    expected = {"vertex_ids": ("i", 1), "vertices": ("f", 2), "mirror": ("i", 1), "body_digest": ("U", 0)}
    for name, (kind, axes) in expected.items():
        if name not in arrays:
            raise InputError(path, f'array "{name}"', "missing", ", ".join(expected), AGAIN)
        if arrays[name].dtype.kind != kind or arrays[name].ndim != axes:
            found = f"of shape {arrays[name].shape} and type {arrays[name].dtype}"
            raise InputError(
                path, f'array "{name}"', found, "the type and shape of a template's array", AGAIN
            )
    ids, vertices, mirror = arrays["vertex_ids"], arrays["vertices"], arrays["mirror"]
    fits = vertices.shape == (len(ids), 3) and len(mirror) == len(ids) > 0
    fits = fits and np.isfinite(vertices).all() and 0 <= mirror.min() <= mirror.max() < len(ids)
    if not fits or ids.min() < 0 or (count is not None and ids.max() >= count):
        raise InputError(path, found="its arrays do not match each other or the body", fix=AGAIN)


def build_template(body: BodyModel, count: int = 1024) -> Template:
    """Pick ``count`` vertices of ``body`` by farthest point sampling in the standing pose.

    The first is the vertex farthest from the mean, so that the choice depends on the body alone.
    """
    if not 1 <= count <= len(body.v_template):
        raise InputError("template", "points", count, f"1 to {len(body.v_template)}")
    posed = body(standing_pose(body.v_template.dtype)[None], torch.zeros(1, 10), torch.zeros(1, 3))
    vertices = posed.vertices[0].double()
    distance = (vertices - vertices.mean(0)).square().sum(-1)
    chosen = [int(distance.argmax())]
    distance = (vertices - vertices[chosen[0]]).square().sum(-1)
    while len(chosen) < count:
        chosen.append(int(distance.argmax()))
        distance = torch.minimum(distance, (vertices - vertices[chosen[-1]]).square().sum(-1))
    ids = torch.tensor(chosen)
    picked = vertices[ids]
    mirror = torch.cdist(picked * torch.tensor([-1.0, 1.0, 1.0], dtype=picked.dtype), picked).argmin(1)
    return Template(ids, (picked - picked.mean(0)).float(), mirror, body.digest)
