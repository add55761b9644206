"""Training clouds with their pseudo labels, from the Parquet tables. Ground truth is not read."""

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
import torch

from sshmr.body.model import BodyModel
from sshmr.errors import InputError
from sshmr.geometry.rotations import rotvec_to_rotmat
from sshmr.network.head import Prediction
from sshmr.tables.schemas import read_frame_ids, read_params, read_points, read_pseudo_labels
from sshmr.training.batch import Batch, recentre, take

Table = dict[str, Any]
Row = tuple[str, Table, int]
"""A table's path, the table, and the row of a frame in it."""


class Clouds:
    """All training clouds in memory, as one ``Batch``.

    Attributes:
        batch: F clouds. frame_ids: their names. skipped: frames that no fit or label covers.
    """

    def __init__(self, batch: Batch, frame_ids: Sequence[str], skipped: int = 0) -> None:
        self.batch, self.frame_ids, self.skipped = batch, frame_ids, skipped

    def __len__(self) -> int:
        return len(self.frame_ids)

    def take(self, indices: torch.Tensor) -> Batch:
        """The clouds at these indices, as a ``Batch``."""
        return take(self.batch, indices)

    def equally_weighted(self) -> Self:
        """The same clouds with weight and trust 1 wherever they are not 0."""
        weight, trust = ((part > 0).float() for part in (self.batch.weight, self.batch.trust))
        batch = self.batch._replace(weight=weight, trust=trust)
        return type(self)(batch, self.frame_ids, self.skipped)

    @classmethod
    def load(
        cls,
        points: Sequence[str],
        labels: Sequence[str],
        params: Sequence[str],
        body: BodyModel,
        vertices: int,
    ) -> Self:
        """Read tables and join them by frame.

        Args:
            points, labels, params: lists of paths; the tables of one kind may be in any order. Of labels and
                params only those are read that have frames of ``points``.
            body: the neutral body, for its pelvis. vertices: size of the template.

        Raises:
            InputError: when no frame has both a fit and labels, or a label names no template vertex.
        """
        tables = [read_points(path) for path in points]
        wanted = {name for table in tables for name in table["frame_id"]}
        known = _rows(labels, read_pseudo_labels, wanted)
        fits = _rows(params, read_params, wanted)
        clouds, skipped = [], 0
        for table in tables:
            for i, name in enumerate(table["frame_id"]):
                if name in known and name in fits and table["n_points"][i] > 0:
                    clouds.append((name, table["points"][i], int(table["n_points"][i])))
                else:
                    skipped += 1
        if not clouds:
            raise InputError(
                ", ".join(map(str, points)), "frame_id", "in no labels or fits", "frames with both",
                "Fit and relabel these points first.",
            )  # fmt: skip
        width = max(len(cloud) for _, cloud, _ in clouds)
        count = len(clouds)
        arrays: dict[str, np.ndarray] = {
            "points": np.zeros((count, width, 3), np.float32),
            "segment": np.full((count, width), -1, np.int64),
            "weight": np.zeros((count, width), np.float32),
        }
        for i, (name, cloud, n) in enumerate(clouds):
            path, table, row = known[name]
            segment = table["segment"][row]
            if len(segment) < n or segment[:n].max() >= vertices:
                raise InputError(
                    path, f'segment of "{name}"', f"up to {segment.max()} for {len(segment)} points",
                    f"below {vertices} for {n} points", "Relabel with this template and these points.",
                )  # fmt: skip
            # The network learns people of an adult's size.
            fit, at = fits[name][1:]
            arrays["points"][i, :n] = cloud[:n] / fit["scale"][at]
            arrays["segment"][i, :n] = segment[:n]
            arrays["weight"][i, :n] = table["weight"][row][:n]
        mask = torch.arange(width)[None] < torch.tensor([n for _, _, n in clouds])[:, None]
        target = _targets([fits[name] for name, _, _ in clouds], body)
        trust = torch.tensor([float(known[name][1]["trust"][known[name][2]]) for name, _, _ in clouds])
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        batch = recentre(Batch(mask=mask, target=target, trust=trust, **tensors))
        return cls(batch, [name for name, _, _ in clouds], skipped)


def _rows(paths: Sequence[str], read: Callable[[str], Table], wanted: set[str]) -> dict[str, Row]:
    """Where each frame is: name → (path, table, row), of the tables that have any of those wanted."""
    rows: dict[str, Row] = {}
    for path in paths:
        if wanted.isdisjoint(read_frame_ids(path)):
            continue
        table = read(path)
        rows.update({name: (path, table, i) for i, name in enumerate(table["frame_id"])})
    return rows


def _targets(rows: Sequence[Row], body: BodyModel) -> Prediction:
    def column(name: str) -> torch.Tensor:
        return torch.from_numpy(np.stack([table[name][row] for _, table, row in rows]).astype(np.float32))

    betas = column("betas")
    pelvis = column("transl") / column("scale")[:, None] + body.rest_joints(betas)[:, 0]
    rotmats = rotvec_to_rotmat(column("pose").unflatten(1, (24, 3)))
    return Prediction(rotmats, pelvis, betas)
