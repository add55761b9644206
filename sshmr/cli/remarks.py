"""Warnings about the bodies of a run: people who lie but may stand, and small people."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sshmr.cli.verdicts import SURE_FROM
from sshmr.sources.cloud_axes import UpsideDown

if TYPE_CHECKING:
    from sshmr.body.model import BodyModel
    from sshmr.tables.run_folder import RunFolder

TILTED = 60.0
"""Degrees between the trunk and the up axis. With a larger angle, a body lies or is upside down."""
ALONG = 0.8
"""Smallest length of the mean direction of heads that point the same way."""
SHORT = 1.42
"""Metres; few adults are shorter."""
AT_ONCE = 256
NAMED = 3


def remarks(run: "RunFolder", tables: Sequence[tuple[Path, Path]], notes: Sequence[str]) -> list[str]:
    """Lines for the user about all bodies of pairs of a points table and the params table of its frames.

    Args:
        notes: of the reader; they follow, without those that the bodies contradict.
    """
    import torch

    from sshmr.body.model import BodyModel
    from sshmr.export.axes import axes_of_source
    from sshmr.geometry.rotations import rotvec_to_rotmat
    from sshmr.tables.schemas import provenance, read_params, read_table

    fits = [read_params(params) for _, params in tables]
    sources = [name for points, _ in tables for name in read_table(points, ["source"], {})["source"]]
    pose, betas, scale = (
        np.concatenate([fit[name] for fit in fits]).astype(np.float32) for name in ("pose", "betas", "scale")
    )
    axes = axes_of_source(provenance(tables[0][0]))
    upward = rotvec_to_rotmat(torch.from_numpy(pose[:, :3]))[:, :, 1].numpy()
    lines = posture(upward, axes.rotation(), sources)
    model = BodyModel.load(run.neutral)
    confidence = np.concatenate([fit["confidence"] for fit in fits])
    return [*lines, *sizes(scale, _heights(model, betas)), *confirmed(notes, not lines, confidence)]


def posture(upward: np.ndarray, rotation: np.ndarray, sources: list[str]) -> list[str]:
    """A warning about people who do not stand, with the axis along which they would.

    Args:
        upward: (F, 3) unit, from pelvis to head, y up. rotation: (3, 3) to the axes of the files.
        sources: F names of files.
    """
    lying = np.flatnonzero(upward[:, 1] < np.cos(np.radians(TILTED)))
    if not len(lying):
        return []
    heads = (upward[lying] @ rotation.T).mean(0)
    text = f"{len(lying)} of {len(upward)} bodies lie, crawl or are upside down"
    if np.linalg.norm(heads) < ALONG:
        return [text]
    axis = int(np.abs(heads).argmax())
    up = f"{'-' if heads[axis] < 0 else ''}{'xyz'[axis]}"
    if len(lying) == len(upward):
        return [f"{text}, heads along {up}: if these people stand, set extract.clouds.up {up}"]
    names = ", ".join(sources[row] for row in lying[:NAMED])
    more = ", …" if len(lying) > NAMED else ""
    return [f"{text}, heads along {up}: if they stand, these have another up axis: {names}{more}"]


def confirmed(notes: Sequence[str], upright: bool, confidence: np.ndarray) -> list[str]:
    """The reader's notes, without its guess of upside-down people if all are upright and most sure."""
    stand = upright and np.median(confidence) >= SURE_FROM
    return [note for note in notes if not (stand and isinstance(note, UpsideDown))]


def sizes(scale: np.ndarray, heights: np.ndarray) -> list[str]:
    """A warning about people smaller than adults: scale (F,); heights (F,) metres of the bodies before
    scaling."""
    small, short = scale < 1, (scale == 1) & (heights < SHORT)
    lines = []
    for chosen, rest in (
        (small, "smaller than an adult's, by the column scale: children, or the unit is wrong"),
        (short, "low for an adult: set fit.size: any for children, or the unit is wrong"),
    ):
        if chosen.any():
            low, high = (scale * heights)[chosen].min(), (scale * heights)[chosen].max()
            span = f"{low:.2f} m" if high - low < 0.01 else f"{low:.2f} to {high:.2f} m"
            lines.append(f"{chosen.sum()} of {len(scale)} bodies are {span} high, {rest}")
    return lines


def _heights(model: "BodyModel", betas: np.ndarray) -> np.ndarray:
    """(F,) metres from head to foot at rest."""
    template, shapes = model.v_template[:, 1].numpy(), model.shapedirs[:, 1].numpy()
    parts = [betas[at : at + AT_ONCE] for at in range(0, len(betas), AT_ONCE)]
    return np.concatenate([np.ptp(template[:, None] + shapes @ part.T, axis=0) for part in parts])
