"""The frames of a report: their choice, their pictures of all rounds, and their 3D figures."""

import base64
import dataclasses

import numpy as np

from sshmr.config.report import ReportConfig
from sshmr.report.frame_errors import FrameErrors
from sshmr.viewing.camera import azimuth_of, side_seen
from sshmr.viewing.frames import Frame, Run, Sequence
from sshmr.viewing.payload import pack, quantise, shares
from sshmr.viewing.render import FAR_DISTANCE, render, side_by_side, view_around, webp

ELEVATION = 0.12
ASPECT = 0.62
TURNS = (0.0, np.pi / 2)
"""Cameras: a little above the horizon, first as the sensor saw the person, then from that view's right."""


@dataclasses.dataclass(frozen=True)
class Picture:
    """One tile.

    Attributes:
        round, stage: whose mesh it shows; None and "truth" for the truth.
        error: MPJPE, or the residual without truth, mm.
        image: a data URI.
        mesh: the mesh's number in the strip's figure.
    """

    round: int | None
    stage: str
    error: float
    image: str
    mesh: int


@dataclasses.dataclass(frozen=True)
class Strip:
    """One frame in all rounds: a column for the truth, if it is known, and one per round.

    ``figure`` holds the cloud and all meshes for the page, base64; ``azimuth`` is the direction of the
    sensor.
    """

    rank: str
    frame_id: str
    columns: list[list[Picture]]
    figure: str
    azimuth: float


@dataclasses.dataclass(frozen=True)
class Chosen:
    """A chosen frame: its position, and its rank in words."""

    sequence: Sequence
    row: int
    rank: str


def shown_rounds(rounds: int, most: int) -> list[int]:
    """Round 0, the last one, and some between them, at most ``most``."""
    return sorted({round(number) for number in np.linspace(0, rounds, min(most, rounds + 1))})


def choose(run: Run, errors: FrameErrors, split: str, rounds: int, count: int) -> tuple[list[Chosen], str]:
    """Frames from the best to the worst by the last round's fit, and the name of the error that ranks them.

    That is the MPJPE if there is truth, else the residual, the median distance of the cloud to the mesh.

    Args:
        split: whose frames; all if it has none.
        rounds: the last round. count: how many frames at most.
    """
    table = errors.of(round=rounds, stage="fit").table
    if (table["split"] == split).any():
        table = table[table["split"] == split]
    measure = "error" if table["error"].notna().any() else "residual"
    table = table[table[measure].notna()].sort_values(measure, kind="stable")
    sequences = {(one.split, one.source_name, one.view): one for one in run.sequences}
    picked = np.unique(np.linspace(0, len(table) - 1, min(count, len(table))).round().astype(int))
    chosen = []
    for number, place in enumerate(picked):
        line = table.iloc[place]
        rank = _rank(place, len(table), number, len(picked))
        chosen.append(
            Chosen(sequences[line["split"], line["sequence"], line["view"]], int(line["row"]), rank)
        )
    return chosen, "mpjpe" if measure == "error" else "residual"


def _rank(place: int, total: int, number: int, count: int) -> str:
    if number == 0:
        return "best"
    if number == count - 1:
        return "worst"
    return "median" if 2 * number == count - 1 else f"rank {place + 1} of {total}"


def strip(run: Run, chosen: Chosen, rounds: int, settings: ReportConfig) -> Strip:
    """One chosen frame through the rounds, all seen by the same cameras."""
    frames = [
        (round_, stage, run.frame(chosen.sequence, chosen.row, round_, stage))
        for round_ in shown_rounds(rounds, settings.rounds)
        for stage in ("network", "fit")
        if run.has(chosen.sequence, round_, stage)
    ]
    last = frames[-1][2]
    meshes: list[tuple[int | None, str, np.ndarray]] = [
        (round_, stage, frame.vertices) for round_, stage, frame in frames
    ]
    if last.truth is not None:
        meshes.insert(0, (None, "truth", last.truth))
    reference = meshes[0][2] if last.truth is not None else last.vertices
    azimuth = azimuth_of(side_seen(reference, run.faces, last.cloud))
    both = np.concatenate([reference, last.cloud])
    views = [view_around(both, azimuth + turn, ELEVATION, ASPECT, margin=0.15) for turn in TURNS]
    columns: dict[int | None, list[Picture]] = {}
    for number, (round_, stage, vertices) in enumerate(meshes):
        frame = None if round_ is None else frames[number - (last.truth is not None)][2]
        drawn = (settings.picture_height, vertices, run.faces, last.cloud)
        shown = None if frame is None else frame.shown
        tile = side_by_side([render(view, *drawn, shown=shown) for view in views])
        error = 0.0 if frame is None else _error(frame)
        image = f"data:image/webp;base64,{base64_of(webp(tile))}"
        columns.setdefault(round_, []).append(Picture(round_, stage, 1000 * error, image, number))
    figure = base64_of(_figure(meshes, last, [frame for _, _, frame in frames]))
    return Strip(chosen.rank, last.frame_id, list(columns.values()), figure, azimuth)


def _error(frame: Frame) -> float:
    return frame.residual if frame.truth is None else frame.mpjpe


def _figure(meshes: list[tuple[int | None, str, np.ndarray]], last: Frame, frames: list[Frame]) -> bytes:
    """Cloud and meshes in one piece: mesh0, mesh1 … as in ``meshes``, with each one's colours."""
    positions = {"cloud": last.cloud} | {f"mesh{i}": mesh for i, (_, _, mesh) in enumerate(meshes)}
    unit, arrays = quantise(positions)
    first = len(meshes) - len(frames)
    for number, frame in enumerate(frames, start=first):
        arrays[f"distances{number}"] = shares(frame.distances, FAR_DISTANCE)
        if frame.errors is not None:
            arrays[f"errors{number}"] = shares(frame.errors, FAR_DISTANCE)
    return pack({"unit": unit}, arrays)


def base64_of(content: bytes) -> str:
    """Bytes as text for a page."""
    return base64.b64encode(content).decode()
