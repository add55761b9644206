"""The bodies of a run at their place in the world, sequence by sequence."""

import dataclasses
import functools
import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sshmr.body.model import BodyModel
from sshmr.errors import InputError
from sshmr.export.axes import Axes, axes_of_source
from sshmr.tables.schemas import provenance, read_params, read_table

POSED_AT_ONCE = 64
LONGEST_NAME = 100
"""Bytes of a file's name before its ending."""


@dataclasses.dataclass(frozen=True)
class Bodies:
    """Frames of one sequence and view in order: metres, y up, offsets restored.

    Attributes:
        name: of the sequence, followed by the view if there are several.
        frame_ids, sources: lists of F strings. frames: (F,) numbers. times: (F,) seconds, NaN if unknown.
        pose: (F, 72). betas: (F, 10). transl: (F, 3) float64.
        scale: (F,), of an adult: vertices are scale · body(pose, betas) + transl.
        residual, confidence, far_share: (F,). visible: (F, 24), 1 where the cloud shows the joint.
        axes: ``Axes`` of the files they were read from.
        model: the ``BodyModel``.
    """

    name: str
    frame_ids: list[str]
    sources: list[str]
    frames: np.ndarray
    times: np.ndarray
    pose: np.ndarray
    betas: np.ndarray
    transl: np.ndarray
    scale: np.ndarray
    residual: np.ndarray
    confidence: np.ndarray
    far_share: np.ndarray
    visible: np.ndarray
    axes: Axes
    model: BodyModel

    def moments(self) -> np.ndarray:
        """(F,) int: the time of each frame, from 0, in steps of the sequence. Missing clouds are skipped
        steps.

        A step is the median difference of the frames' times, or else of their numbers, which may be counts or
        times.
        """
        apart = np.diff(self.times) if self.rate() else np.diff(self.frames)
        least = 0 if self.rate() else 1
        steps = np.maximum(np.rint(apart / max(np.median(apart), least)), 1) if len(apart) else apart
        return np.concatenate([[0], np.cumsum(steps)]).astype(np.int64)

    def rate(self) -> float | None:
        """Frames per second from the times of the frames, with three digits; None without times."""
        apart = np.diff(self.times)
        if not len(apart) or not (apart > 0).all():  # NaN also fails.
            return None
        return float(f"{1 / np.median(apart):.3g}")

    def missing(self) -> int:
        """Number of moments between the first and the last frame without a body."""
        return int(self.moments()[-1]) + 1 - len(self.frames)

    def vertices(self, axes: Axes) -> Iterator[np.ndarray]:
        """Yield the vertices (V, 3) float64 of each frame in a frame and unit."""
        for start in range(0, len(self.frames), POSED_AT_ONCE):
            rows = slice(start, start + POSED_AT_ONCE)
            pose, betas = (torch.from_numpy(part[rows]) for part in (self.pose, self.betas))
            with torch.inference_mode():
                local = self.model(pose, betas, torch.zeros(len(pose), 3)).vertices.numpy()
            for vertices, scale, transl in zip(local, self.scale[rows], self.transl[rows], strict=True):
                yield axes.points(scale * vertices.astype(np.float64) + transl)

    def pelvis(self) -> np.ndarray:
        """(F, 3) metres: the pelvis before posing."""
        pelvis = self.model.rest_joints(torch.from_numpy(self.betas))[:, 0].numpy()
        return self.scale[:, None] * pelvis.astype(np.float64)


def sequences_of(tables: Sequence[tuple[Path, Path]], model: BodyModel) -> Iterator[Bodies]:
    """The sequences of some params tables, one after the other.

    Args:
        tables: [(points table, params table)]. model: the ``BodyModel`` that was fitted.

    Yields:
        ``Bodies``. Only one sequence's parameters are in memory at a time.

    Raises:
        InputError: when two tables do not have the same frames.
    """
    members: dict[tuple[str, int], dict[tuple[Path, Path], None]] = {}
    for points, params in tables:
        index = read_table(points, ["sequence", "view"], {})
        for key in zip(index["sequence"], index["view"].tolist(), strict=True):
            members.setdefault(key, {})[points, params] = None
    views: dict[str, list[int]] = {}
    for sequence, view in members:
        views.setdefault(sequence, []).append(view)
    taken: set[str] = set()
    for (sequence, view), pairs in sorted(members.items()):
        full = sequence if len(views[sequence]) == 1 else f"{sequence}_view{view}"
        name = file_name(full)
        if name.lower() in taken:  # Some file systems do not distinguish upper and lower case.
            name = f"{name}_{hashlib.sha256(full.encode()).hexdigest()[:8]}"
        taken.add(name.lower())
        yield _read(name, sequence, view, list(pairs), model)


def file_name(name: str) -> str:
    """A sequence's name as the name of one file or folder: no separators, not hidden, not a parent folder."""
    plain = re.sub(r"[^\w.-]+", "_", name).lstrip(".-")
    return plain.encode()[:LONGEST_NAME].decode(errors="ignore") or "sequence"


def _read(name: str, sequence: str, view: int, pairs: list[tuple[Path, Path]], model: BodyModel) -> Bodies:
    parts = [_part(points, params, sequence, view) for points, params in pairs]
    merged = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    order = np.argsort(merged["frame"], kind="stable")
    merged = {key: values[order] for key, values in merged.items()}
    names = ("pose", "betas", "transl", "scale", "residual", "confidence", "far_share", "visible")
    return Bodies(
        name=name,
        frame_ids=merged["frame_id"].tolist(),
        sources=merged["source"].tolist(),
        frames=merged["frame"],
        times=merged["time"],
        axes=axes_of_source(provenance(pairs[0][0])),
        model=model,
        **{key: merged[key] for key in names},
    )


def _part(points: Path, params: Path, sequence: str, view: int) -> dict[str, np.ndarray]:
    place, body = _tables(points, params)
    chosen = (np.array(place["sequence"]) == sequence) & (np.array(place["view"]) == view)
    values = {name: np.array(place[name])[chosen] for name in ("frame_id", "frame", "time", "source")}
    found = ("pose", "betas", "scale", "residual", "confidence", "far_share", "visible")
    values |= {name: body[name][chosen] for name in found}
    return values | {"transl": (body["transl"] + place["offset"])[chosen]}


@functools.lru_cache(4)
def _tables(points: Path, params: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The index and the bodies of a table. They are cached, because short sequences share a table."""
    columns = ["frame_id", "sequence", "view", "frame", "time", "source", "offset"]
    place = read_table(points, columns, {"offset": (3,)})
    body = read_params(params)
    if place["frame_id"] != body["frame_id"]:
        raise InputError(
            params, "frame_id", "of other frames", f"those of {points}, in their order", "Fit it again"
        )
    return place, body
