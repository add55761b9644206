"""Parts of a recording, from file to file: followed bodies first, then smoothed ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from sshmr.body.model import BodyModel
from sshmr.body.prior import PosePrior
from sshmr.body.template import Template
from sshmr.config.fit import FitConfig
from sshmr.config.infer import InferConfig
from sshmr.errors import InputError
from sshmr.fit.linearise import State
from sshmr.fit.stage import columns_of
from sshmr.geometry.rotations import rotmat_to_rotvec
from sshmr.tables.schemas import params_schema, provenance, read_params, read_points, write_table
from sshmr.tracking.bodies import stacked
from sshmr.tracking.follow import Follower, Frame, Memory
from sshmr.tracking.smooth import AT_ONCE, UNKNOWN, Shape, smoothed

BLOCK = 4
"""Frames that are followed before the last of them is judged."""
OVERLAP = 15
"""Frames of the parts before and after that are smoothed with a part."""


class Part(NamedTuple):
    """A points table, the tables of its followed and its smoothed bodies, and frame numbers a second."""

    points: Path
    followed: Path
    smoothed: Path
    rate: float


def predictor(
    checkpoint: Path, template: Template, body: BodyModel, config: InferConfig
) -> Callable[[torch.Tensor, torch.Tensor], State]:
    """The network of a checkpoint as a function of points (B, N, 3) and mask (B, N)."""
    from sshmr.training.checkpoint import load_checkpoint, network_from
    from sshmr.training.infer import predict_views

    network = network_from(load_checkpoint(str(checkpoint), template), template, str(checkpoint))
    with torch.inference_mode():
        descriptors = network.encode_template()

    def predict(points: torch.Tensor, mask: torch.Tensor) -> State:
        with torch.inference_mode():
            found, _ = predict_views(network, points, mask, descriptors, config)
            parts = rotmat_to_rotvec(found.rotmats).flatten(1), found.betas, found.transl(body)
        return State.from_pose(*(part.clone() for part in parts))

    return predict


def frames_of(points: dict[str, Any], rate: float) -> list[Frame]:
    """The frames of a points table. Times are the table's own, else frame numbers over ``rate``."""
    time = points["time"] if np.isfinite(points["time"]).all() else points["frame"] / rate
    rows = zip(points["points"], points["n_points"], points["offset"], time, strict=True)
    return [
        Frame(torch.from_numpy(cloud[:count].copy()), offset.astype(np.float64), float(when))
        for cloud, count, offset, when in rows
    ]


def follow_part(part: Part, before: Part | None, follower: Follower) -> None:
    """Follow the person through a part and write the bodies, and what the next part has to know.

    Args:
        before: the part of the same recording before this one, where it is known.
    """
    points = read_points(part.points)
    memory = Memory() if before is None else memory_of(before)
    frames = frames_of(points, part.rate)
    columns = []
    for start in range(0, len(frames), BLOCK):
        block = frames[start : start + BLOCK]
        columns.append(columns_of(follower.follow(block, memory), follower.name_of))
    write_followed(part, points["frame_id"], columns, memory, follower)


def write_followed(
    part: Part, frame_ids: list[str], columns: list[dict[str, Any]], memory: Memory, follower: Follower
) -> None:
    """Write the bodies of a part."""
    facts = {
        "betas": memory.betas.tolist(),
        "frames": memory.frames,
        "confidence": memory.confidence,
        "unchecked": memory.unchecked,
    }
    table = {name: np.concatenate([some[name] for some in columns]) for name in columns[0]}
    about = _about(part, follower, "track")
    write_table(part.followed, {"frame_id": frame_ids, **table}, params_schema(), about | {"memory": facts})


def smooth_part(part: Part, before: Part | None, after: Part | None, follower: Follower) -> None:
    """Smooth the bodies of a part, together with some of the parts around it, and write them.

    Args:
        before: the part before this one; it is smoothed already, and what it knows of the shape counts.
        after: the part after this one; it is followed.
    """
    pieces = [(before, slice(-OVERLAP, None)), (part, slice(None)), (after, slice(OVERLAP))]
    frames: list[Frame] = []
    states: list[State] = []
    for piece, rows in pieces:
        if piece is not None:
            frames += frames_of(read_points(piece.points), piece.rate)[rows]
            states.append(state_of(read_params(piece.followed), rows))
    first = 0 if before is None else len(states[0].betas)
    table = read_params(part.followed)
    count = len(table["frame_id"])
    known = UNKNOWN if before is None else Shape(*map(np.array, _recorded(before.smoothed, "shape")))
    betas = known.betas if before else _recorded(part.followed, "memory")["betas"]
    state = stacked(states)
    state = state._replace(betas=torch.as_tensor(betas).to(state.betas).expand(len(frames), -1))
    state, shape = smoothed(frames, state, follower.fine, follower.engine.prior, follower.config, known)
    own = slice(first, first + count)
    founds = [
        follower.judge(
            frames[own][start : start + AT_ONCE], state.rows(own).rows(slice(start, start + AT_ONCE))
        )
        for start in range(0, count, AT_ONCE)
    ]
    columns = [columns_of(found, follower.name_of) for found in founds]
    whole = {name: np.concatenate([some[name] for some in columns]) for name in columns[0]}
    whole["hypothesis"] = table["hypothesis"]
    about = _about(part, follower, "smooth") | {"shape": [value.tolist() for value in shape]}
    write_table(part.smoothed, {"frame_id": table["frame_id"], **whole}, params_schema(), about)


def make_follower(
    body: BodyModel,
    template: Template,
    prior: PosePrior,
    config: FitConfig,
    checkpoint: Path | None,
    infer: InferConfig,
) -> Follower:
    """A ``Follower`` that finds people with the network of a checkpoint, if there is one."""
    predict = None if checkpoint is None else predictor(checkpoint, template, body, infer)
    return Follower(body, template.vertex_ids, prior, config, predict)


def _about(part: Part, follower: Follower, stage: str) -> dict[str, Any]:
    return {
        "stage": stage,
        "settings": follower.config.model_dump(),
        "body": follower.body.digest,
        "simulated": provenance(part.points).get("simulated"),
    }


def memory_of(part: Part) -> Memory:
    """The state that a part passes to the next one."""
    facts = _recorded(part.followed, "memory")
    state, rows = state_of(read_params(part.followed), slice(-2, None)), slice(-2, None)
    frames = frames_of(read_points(part.points), part.rate)[rows]
    bodies = [(state.rows(slice(i, i + 1)), frame.offset, frame.time) for i, frame in enumerate(frames)]
    return Memory(
        bodies, torch.tensor(facts["betas"]), facts["frames"], facts["confidence"], facts["unchecked"]
    )


def _recorded(path: Path, key: str) -> Any:
    """What a table's metadata say for the parts that follow."""
    about = provenance(path)
    if key not in about:
        expected = "a table of this version of sshmr track"
        raise InputError(path, f'metadata "{key}"', "missing", expected, "Use another output folder")
    return about[key]


def state_of(params: dict[str, Any], rows: slice) -> State:
    """The bodies in some rows of a params table, as ``read_params`` returns it."""
    return State.from_pose(*(torch.from_numpy(params[name][rows]) for name in ("pose", "betas", "transl")))
