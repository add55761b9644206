"""The fit of one shard: from points to params."""

import functools
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import torch

from sshmr.body.model import BodyModel
from sshmr.body.prior import PosePrior
from sshmr.body.template import Template
from sshmr.config.fit import FitConfig
from sshmr.errors import InputError
from sshmr.fit.engine import Engine
from sshmr.fit.linearise import Expected, State
from sshmr.fit.search import Found, found_from_nothing, judged, name_of_start
from sshmr.fit.size import at_size, found_at_any_size
from sshmr.fit.surface import SurfaceElements
from sshmr.progress import track
from sshmr.tables.schemas import valid_mask

CONVERGED = 0.002
"""Metres. A fit has converged if its vertices moved less than this in the last step."""

SMOOTH = 0.5
"""Radians. If a joint rotates by more from the previous to the next frame, their mean has little weight."""


class Surroundings(NamedTuple):
    """The previous round's bodies near each frame: starts by name, ``Expected``, and the person's scale."""

    starts: dict[str, dict[str, np.ndarray]]
    expected: Expected
    scale: np.ndarray

    def rows(self, index: np.ndarray) -> "Surroundings":
        """Those of some frames."""
        starts = {
            name: {key: values[index] for key, values in table.items()} for name, table in self.starts.items()
        }
        expected = self.expected.rows(torch.from_numpy(np.asarray(index)))
        return Surroundings(starts, expected, self.scale[index])


@torch.no_grad()
def fit_shard(
    points: dict[str, Any],
    body: BodyModel,
    template: Template,
    prior: PosePrior,
    config: FitConfig,
    initial: dict[str, Any] | None = None,
    previous: dict[str, Any] | None = None,
    device: torch.device | str = "cpu",
    around: Surroundings | None = None,
    progress: Callable[..., Iterable[Any]] = track,
    search: bool = False,
) -> dict[str, Any]:
    """Register the body to every cloud of a points table.

    Args:
        points: as ``read_points`` returns it. The truth is not used.
        body: the whole BodyModel. template: Template picked from it. prior: PosePrior.
        initial: params of the network's predictions for the same frames, or None at bootstrap.
        previous: params of the round before, tried as one more start, or None.
        around: ``Surroundings`` of these frames if their sequences have frames in other tables.
        progress: function of the list of batches and a word that yields the batches, as ``track`` does.
        search: with ``initial``, search if the fit from the prediction has a low confidence.

    Returns:
        dict of the columns of the params table.
    """
    surface = SurfaceElements.of(body, template.vertex_ids)
    engine = Engine(surface.to(device), prior.to(device), config)
    initial = None if initial is None else _aligned(initial, points, "network")
    places = np.asarray(points.get("sensor", np.nan), np.float32)
    sensors = torch.from_numpy(places).to(device) if np.isfinite(places).any() else None
    given = {"network": initial, "previous": previous if config.previous else None}
    tables = {name: _aligned(table, points, name) for name, table in given.items() if table is not None}
    expected, scales = None, np.ones(len(points["n_points"]), np.float32)
    if previous is not None:
        around = around or surroundings(points, previous)
        expected = Expected(*(part.to(device) for part in around.expected))
        scales = around.scale if config.size == "any" else scales
        if config.neighbours:
            tables |= around.starts
    mask = valid_mask(points)
    order = np.argsort(points["n_points"], kind="stable")
    size = config.clouds_at_once(device)
    batches = [order[i : i + size] for i in range(0, len(order), size)]
    parts = []
    name_of: Callable[[int], str]
    for batch in progress(batches, "fit"):
        cloud = torch.from_numpy(points["points"][batch]).to(device)
        valid = torch.from_numpy(mask[batch]).to(device)
        scale = torch.from_numpy(scales[batch]).to(device)
        sensor = None if sensors is None else sensors[batch]
        if tables and not search:
            predictions = [at_size(_state(table, batch, device), scale) for table in tables.values()]
            known = None if expected is None else expected.rows(batch)
            cloud = cloud / scale[:, None, None]
            sensor = None if sensor is None else sensor / scale[:, None]
            fitted = engine.from_predictions(cloud, valid, predictions, known, sensor)
            found = judged(engine, body, cloud, valid, fitted, sensor)
            name_of = [*tables, "turned"].__getitem__
        else:
            predicted = None if initial is None else _state(initial, batch, device)
            if config.size == "any":
                found, scale = found_at_any_size(engine, body, cloud, valid, predicted, sensor)
            else:
                found = found_from_nothing(engine, body, cloud, valid, predicted, sensor)
            name_of = functools.partial(name_of_start, engine)
        parts.append(columns_of(found, name_of, scale.cpu()))
    columns = {name: np.concatenate([part[name] for part in parts])[np.argsort(order)] for name in parts[0]}
    return {"frame_id": points["frame_id"], **columns}


def surroundings(points: dict[str, Any], previous: dict[str, Any]) -> Surroundings:
    """The previous round's bodies near each frame of a table, or near all frames of a run.

    Args:
        points: the columns sequence, frame, view and offset of a points table. previous: params of the same
            frames.
    """
    starts = neighbour_starts(points, previous)
    return Surroundings(starts, expectation(points, previous, starts), _scales(points, previous)[1])


def _scales(points: dict[str, Any], previous: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Each frame's scale, and that of most of its sequence: (F,), (F,)."""
    _, place = np.unique(points["sequence"], return_inverse=True)
    own = np.asarray(previous.get("scale", np.ones(len(place))), np.float32)
    shared = np.ones(len(place), np.float32)
    for i in np.unique(place):
        values, counts = np.unique(own[place == i], return_counts=True)
        shared[place == i] = values[counts.argmax()]
    return own, shared


def neighbour_starts(points: dict[str, Any], previous: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The bodies of the frame before and after as starts for each frame, moved into its centred frame.

    Args:
        points: as ``read_points`` returns it. previous: params of the same frames.

    Returns:
        dict of two params tables, ``earlier`` and ``later``; a frame at an end of its sequence gets its own.
    """
    rows = np.lexsort((points["frame"], points["view"], points["sequence"]))
    track_of = [(points["sequence"][row], points["view"][row]) for row in rows]
    starts = {}
    for name, step in (("earlier", -1), ("later", 1)):
        source = np.arange(len(rows))
        for place, row in enumerate(rows):
            other = place + step
            if 0 <= other < len(rows) and track_of[other] == track_of[place]:
                source[row] = rows[other]
        moved = {key: previous[key][source] for key in ("pose", "betas", "transl")}
        shift = points["offset"][source] - points["offset"]
        moved["transl"] = moved["transl"] + shift.astype(np.float32)
        starts[name] = moved
    return starts


def expectation(
    points: dict[str, Any], previous: dict[str, Any], starts: dict[str, dict[str, Any]]
) -> Expected:
    """A person's median shape and the mean pose of the neighbouring frames, from the previous round.

    Args:
        points: as ``read_points`` returns it. previous: params of the same frames.
        starts: their ``neighbour_starts``.
    """
    names, place = np.unique(points["sequence"], return_inverse=True)
    own, shared = _scales(points, previous)
    groups = [(place == i) & (own == shared) for i in range(len(names))]
    medians = [np.median(previous["betas"][group], axis=0) for group in groups]
    betas = np.array(medians, np.float32).reshape(-1, 10)[place]
    earlier, later = (table["pose"][:, 3:] for table in starts.values())
    own = previous["pose"][:, 3:]
    alone = (earlier == own).all(1) & (later == own).all(1)
    apart = np.linalg.norm((later - earlier).reshape(-1, 23, 3), axis=2).repeat(3, axis=1)
    agreement = np.where(alone[:, None], 0, 1 / (1 + (apart / SMOOTH) ** 2) ** 2)
    company = np.bincount(place)[place][:, None] > 1
    parts = ((earlier + later) / 2, agreement, betas, company)
    return Expected(*(torch.from_numpy(part.astype(np.float32)) for part in parts))


def columns_of(
    found: Found, name_of: Callable[[int], str], scale: torch.Tensor | None = None
) -> dict[str, Any]:
    """Columns of the params table from a ``Found``; ``name_of``: function of a start's index.

    ``scale``: (B,) by which the clouds were divided; None: by 1.
    """
    scale = torch.ones(len(found.residual)) if scale is None else scale
    fitted = found.fitted
    state = State(*(part.cpu() for part in fitted.state))
    columns = {name: value.cpu().numpy() for name, value in fitted.energy.items()}
    return columns | {
        "pose": state.pose.numpy(),
        "betas": state.betas.numpy(),
        "transl": (scale[:, None] * state.transl).numpy(),
        "scale": scale.numpy(),
        "residual": (scale * found.residual.cpu()).numpy(),
        "far_share": found.far_share.cpu().numpy(),
        "visible": found.visible.cpu().numpy(),
        "hypothesis": np.array([name_of(i) for i in fitted.hypothesis.tolist()]),
        "converged": (fitted.movement < CONVERGED).cpu().numpy(),
        "iterations": np.full(len(found.residual), fitted.iterations),
        "confidence": found.confidence.cpu().numpy(),
    }


def _aligned(table: dict[str, Any], points: dict[str, Any], name: str) -> dict[str, Any]:
    if table["frame_id"] != points["frame_id"]:
        raise InputError(
            name,
            "frame_id",
            "of other frames",
            "the frames of the points table, in their order",
            "Make it again.",
        )
    return table


def _state(table: dict[str, Any], rows: np.ndarray, device: torch.device | str) -> State:
    parts = (torch.from_numpy(table[name][rows]).to(device) for name in ("pose", "betas", "transl"))
    return State.from_pose(*parts)
