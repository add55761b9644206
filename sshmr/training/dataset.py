"""Training clouds with their pseudo labels, from the Parquet tables. Ground truth is not read."""

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow.parquet as pq
import torch

from sshmr.body.model import BodyModel
from sshmr.errors import InputError
from sshmr.geometry.rotations import rotvec_to_rotmat
from sshmr.network.head import Prediction
from sshmr.tables.schemas import read_frame_ids, read_params, read_points, read_pseudo_labels, read_table
from sshmr.training.batch import Batch, recentre, take
from sshmr.training.storage import new_array, release

READ_AT_ONCE = 256
"""Clouds that are joined together."""

Table = dict[str, Any]


class Clouds:
    """All training clouds as one ``Batch``, in memory or, where they are many, on disk.

    Attributes:
        batch: F clouds; their ``segment`` may be int16. frame_ids: their names.
        skipped: frames without a fit or pseudo labels.
        equal: whether weight and trust are 1 wherever they are not 0.
    """

    def __init__(
        self,
        batch: Batch,
        frame_ids: Sequence[str],
        skipped: int = 0,
        equal: bool = False,
        arrays: tuple[np.ndarray, ...] = (),
    ) -> None:
        self.batch, self.frame_ids, self.skipped, self.equal = batch, frame_ids, skipped, equal
        self._arrays = arrays

    def __len__(self) -> int:
        return len(self.frame_ids)

    def take(self, indices: torch.Tensor) -> Batch:
        """The clouds at these indices, as a ``Batch``."""
        taken = take(self.batch, indices)
        release(self._arrays)
        taken = taken._replace(segment=taken.segment.long())
        if self.equal:
            weight, trust = ((part > 0).float() for part in (taken.weight, taken.trust))
            taken = taken._replace(weight=weight, trust=trust)
        return taken

    def equally_weighted(self) -> Self:
        """The same clouds with weight and trust 1 wherever they are not 0."""
        return type(self)(self.batch, self.frame_ids, self.skipped, True, self._arrays)

    @classmethod
    def load(
        cls,
        points: Sequence[str],
        pseudo_labels: Sequence[str],
        params: Sequence[str],
        body: BodyModel,
        vertices: int,
        folder: Path | str | None = None,
    ) -> Self:
        """Read tables and join them by frame, a few hundred clouds at a time.

        Args:
            points, pseudo_labels, params: paths; the tables of one kind may be in any order. Of the last two
                only those are read that have frames of ``points``.
            body: the neutral body, for its pelvis. vertices: size of the template.
            folder: for clouds that do not fit into memory.

        Raises:
            InputError: when no frame has both a fit and pseudo labels, or one of these is no template vertex.
        """
        known, fits = _tables_of_frames(pseudo_labels), _tables_of_frames(params)
        chosen, skipped = [], 0
        for path in points:
            index = read_table(path, ["frame_id", "n_points"], {})
            sizes = enumerate(zip(index["frame_id"], index["n_points"], strict=True))
            rows = [row for row, (name, n) in sizes if n > 0 and name in known and name in fits]
            skipped += len(index["frame_id"]) - len(rows)
            chosen.append((path, rows))
        count = sum(len(rows) for _, rows in chosen)
        if not count:
            raise InputError(
                ", ".join(map(str, points)), "frame_id", "missing in pseudo labels or fits",
                "frames with both", "Fit and relabel these points first.",
            )  # fmt: skip
        width = max(pq.read_schema(path).field("points").type.list_size // 3 for path in points)
        arrays = {
            "points": new_array((count, width, 3), np.float32, folder),
            "mask": new_array((count, width), np.bool_, folder),
            "segment": new_array((count, width), np.int16, folder),
            "weight": new_array((count, width), np.float32, folder),
        }
        join = _Join(known, fits, body, vertices, width)
        frame_ids: list[str] = []
        targets: list[Prediction] = []
        trusts: list[torch.Tensor] = []
        for names, batch in join.batches(chosen):
            place = slice(len(frame_ids), len(frame_ids) + len(names))
            for name, array in arrays.items():
                array[place] = getattr(batch, name).numpy()
            release(arrays.values())
            frame_ids += names
            targets.append(batch.target)
            trusts.append(batch.trust)
        target = Prediction(*map(torch.cat, zip(*targets, strict=True)))
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        batch = Batch(target=target, trust=torch.cat(trusts), **tensors)
        return cls(batch, frame_ids, skipped, arrays=tuple(arrays.values()))


class _Join:
    """Points with their pseudo labels and fits; of each kind, the table that was read last is kept."""

    def __init__(
        self, known: dict[str, str], fits: dict[str, str], body: BodyModel, vertices: int, width: int
    ) -> None:
        self.known, self.fits, self.body, self.vertices, self.width = known, fits, body, vertices, width
        self._pseudo_labels = functools.lru_cache(1)(lambda path: _by_frame(read_pseudo_labels(path)))
        self._params = functools.lru_cache(1)(lambda path: _by_frame(read_params(path)))

    def batches(self, chosen: list[tuple[str, list[int]]]) -> Iterator[tuple[list[str], Batch]]:
        """Frame ids and ``Batch`` of some clouds, in their order, from pairs of a points table and rows."""
        for path, rows in chosen:
            if not rows:
                continue
            table = read_points(path)
            for start in range(0, len(rows), READ_AT_ONCE):
                few = rows[start : start + READ_AT_ONCE]
                yield [table["frame_id"][row] for row in few], self._batch(table, few)

    def _batch(self, table: Table, rows: list[int]) -> Batch:
        count = len(rows)
        points = np.zeros((count, self.width, 3), np.float32)
        segments = np.full((count, self.width), -1, np.int64)
        weights = np.zeros((count, self.width), np.float32)
        sizes = table["n_points"][rows]
        fits: list[list[np.ndarray]] = []
        trust: list[float] = []
        for i, (row, n) in enumerate(zip(rows, sizes, strict=True)):
            name = table["frame_id"][row]
            at, found = self._pseudo_labels(self.known[name])
            segment = found["segment"][at[name]]
            if len(segment) < n or segment[:n].max() >= self.vertices:
                stated = f"up to {segment.max()} for {len(segment)} points"
                raise InputError(
                    self.known[name], f'segment of "{name}"', stated,
                    f"below {self.vertices} for {n} points", "Relabel with this template and these points.",
                )  # fmt: skip
            place, params = self._params(self.fits[name])
            # The network learns from clouds at an adult's size.
            scale = params["scale"][place[name]]
            points[i, :n] = table["points"][row][:n] / scale
            segments[i, :n] = segment[:n]
            weights[i, :n] = found["weight"][at[name]][:n]
            trust.append(float(found["trust"][at[name]]))
            pose, betas, transl = (params[column][place[name]] for column in ("pose", "betas", "transl"))
            fits.append([pose, betas, transl / scale])
        tensors = {
            "points": torch.from_numpy(points),
            "mask": torch.from_numpy(np.arange(self.width)[None] < sizes[:, None]),
            "segment": torch.from_numpy(segments),
            "weight": torch.from_numpy(weights),
        }
        return recentre(Batch(target=_targets(fits, self.body), trust=torch.tensor(trust), **tensors))


def _tables_of_frames(paths: Sequence[str]) -> dict[str, str]:
    """Frame → the path of its table."""
    return {name: path for path in paths for name in read_frame_ids(path)}


def _by_frame(table: Table) -> tuple[dict[str, int], Table]:
    """The row of each frame of a table, and the table."""
    return {name: row for row, name in enumerate(table["frame_id"])}, table


def _targets(fits: list[list[np.ndarray]], body: BodyModel) -> Prediction:
    """The bodies of some fits: a list of (pose, betas, transl), of an adult's size."""
    pose, betas, transl = (
        torch.from_numpy(np.stack(column).astype(np.float32)) for column in zip(*fits, strict=True)
    )
    pelvis = transl + body.rest_joints(betas)[:, 0]
    return Prediction(rotvec_to_rotmat(pose.unflatten(1, (24, 3))), pelvis, betas)
