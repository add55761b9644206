"""Smooth the motion of a sequence: all its bodies at once, to second order.

Each frame's equations say what its cloud leaves open. People accelerate little, and feet that stand do not
move. Together these are a banded system, which one Cholesky factorisation solves forward and backward in
time, as a Kalman smoother would. The shape is one for all frames: the Schur complement of the banded system
gives its equations.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from scipy.linalg import solveh_banded

from sshmr.body.model import BodyModel
from sshmr.body.prior import PosePrior
from sshmr.config.fit import FitConfig
from sshmr.fit.energy import Problem
from sshmr.fit.gauss_newton import RELAXED, equations
from sshmr.fit.linearise import BETAS, BODY, ROOT, TRANSL, UNKNOWNS, State, linearise
from sshmr.fit.surface import SurfaceElements
from sshmr.geometry.rotations import rotmat_to_rotvec
from sshmr.tracking.follow import GAP, Frame, padded

SPREADS = (0.03, 0.015, 0.0075, 0.0075)
"""Of the correspondence in each pass over the sequence, metres."""
SLIDING = 0.03
AT_ONCE = 16
"""Frames that are computed together."""
MOVING = [i for i in range(UNKNOWNS) if not BETAS.start <= i < BETAS.stop]
"""Unknowns that each frame has for itself: all but the shape."""
SIZE = len(MOVING)
SHAPE = BETAS.stop - BETAS.start
TRUST = 0.3
"""Weight of a frame's equations: errors of neighbouring frames are alike, and no new observations."""
ACCELERATION = {"root": 15.0, "body": 25.0, "transl": 4.0}
"""Usual accelerations: radians and metres per square second."""
SUDDEN = 4.0
"""Times the usual acceleration from which on motion counts as sudden and is held less."""
STANDING, SLIPPING = 0.01, 0.25
"""Metres that a standing foot seems to move between frames; metres per second of one that moves."""
DAMPING = 10.0
MOST = 0.3
"""Radians or metres by which one pass moves an unknown at most."""


class Shape(NamedTuple):
    """What is known of a person's shape: betas (10,), and the inverse of their covariance (10, 10)."""

    betas: np.ndarray
    information: np.ndarray


UNKNOWN = Shape(np.zeros(SHAPE), np.zeros((SHAPE, SHAPE)))


def smoothed(
    frames: Sequence[Frame],
    state: State,
    surface: SurfaceElements,
    prior: PosePrior,
    config: FitConfig,
    known: Shape = UNKNOWN,
) -> tuple[State, Shape]:
    """The bodies of successive frames with one shape, their motion smoothed.

    Args:
        frames: of one person, in order of their times. state: their bodies, one row a frame, all of one
            shape. known: the person's shape from earlier frames.

    Returns:
        The bodies, and what is known of the shape with these frames.
    """
    times = np.array([frame.time for frame in frames])
    offsets = np.stack([frame.offset for frame in frames])
    soles = surface.body.subset(sole_vertices(surface))
    shape, view = known, None
    for spread in SPREADS:
        hessian, gradient, view = _data_terms(frames, state, surface, prior, config, spread, view)
        system = System(hessian, gradient)
        system.add_shape(known, state.betas[0].double().numpy())
        _add_motion(system, state, offsets, times)
        _add_feet(system, state, offsets, times, soles)
        step, information = system.solve()
        step[:, MOVING] = step[:, MOVING].clip(-MOST, MOST)
        state = state.moved(torch.from_numpy(RELAXED * step).to(state.body))
        shape = Shape(state.betas[0].double().numpy(), information)
    return state, shape


def sole_vertices(surface: SurfaceElements) -> torch.Tensor:
    """(4,) heel and ball of the left and the right foot, among the surface's vertices."""
    rest, part = surface.body.v_template, surface.body.weights.argmax(1)
    found = []
    for foot in ((7, 10), (8, 11)):
        own = torch.isin(part, torch.tensor(foot)).nonzero()[:, 0]
        low = own[rest[own, 1] < rest[own, 1].min() + 0.04]
        found += [low[rest[low, 2].argmin()], low[rest[low, 2].argmax()]]
    return torch.stack(found)


def _data_terms(
    frames: Sequence[Frame],
    state: State,
    surface: SurfaceElements,
    prior: PosePrior,
    config: FitConfig,
    spread: float,
    view: torch.Tensor | None,
) -> tuple[np.ndarray, np.ndarray, torch.Tensor]:
    """Hessian (T, 85, 85) and negative gradient (T, 85) of the frames' own energies, and the view (T, 3)."""
    parts = []
    for start in range(0, len(frames), AT_ONCE):
        rows = slice(start, start + AT_ONCE)
        problem = Problem(surface, prior, *padded(frames[rows]), config)
        seen = None if view is None else view[rows]
        parts.append(equations(problem, state.rows(rows), spread, SLIDING, seen))
    hessian, gradient, view = (torch.cat(part) for part in zip(*parts, strict=True))
    return TRUST * hessian.double().numpy(), TRUST * gradient.double().numpy(), view


class System:
    """Symmetric equations of T frames and one shape.

    Blocks ``own`` (T, S, S); ``next`` and ``second`` couple t + 1, t + 2; ``coupling`` (T, S, 10) couples the
    shape, whose own block is ``shape`` (10, 10). ``gradient`` (T, S) and ``shape_gradient`` (10,).

    Args:
        hessian: (T, 85, 85) of the frames; gradient: (T, 85).
    """

    def __init__(self, hessian: np.ndarray, gradient: np.ndarray) -> None:
        count = len(hessian)
        self.own = hessian[:, MOVING][:, :, MOVING] + TRUST * DAMPING * np.eye(SIZE)
        self.next = np.zeros((max(count - 1, 0), SIZE, SIZE))
        self.second = np.zeros((max(count - 2, 0), SIZE, SIZE))
        self.coupling, self.gradient = hessian[:, MOVING, BETAS], gradient[:, MOVING]
        self.shape, self.shape_gradient = hessian[:, BETAS, BETAS].sum(0), gradient[:, BETAS].sum(0)

    def add_shape(self, known: Shape, betas: np.ndarray) -> None:
        """Add what is known of the shape; ``betas`` (10,) are the present ones."""
        self.shape += known.information
        self.shape_gradient += known.information @ (known.betas - betas)

    def solve(self) -> tuple[np.ndarray, np.ndarray]:
        """The step (T, 85), and the inverse of the shape's covariance (10, 10)."""
        count = len(self.own)
        banded = np.zeros((3 * SIZE, count, SIZE))
        row, column = np.indices((SIZE, SIZE))
        for distance, blocks in enumerate((self.own, self.next, self.second)):
            below = row - column + distance * SIZE
            kept = below >= 0
            frame = np.arange(len(blocks))[:, None]
            # Lower form: the entry below the diagonal by so many rows, in the column of the earlier frame.
            banded[below[kept], frame, column[kept]] = blocks[:, row[kept], column[kept]]
        coupling = self.coupling.reshape(-1, SHAPE)
        solution = solveh_banded(
            banded.reshape(3 * SIZE, -1),
            np.column_stack([coupling, self.gradient.reshape(-1)]),
            lower=True,
            check_finite=False,
        )
        by_shape, alone = solution[:, :SHAPE], solution[:, SHAPE]
        information = self.shape - coupling.T @ by_shape
        step = np.zeros((count, UNKNOWNS))
        step[:, BETAS] = np.linalg.solve(information, self.shape_gradient - coupling.T @ alone)
        step[:, MOVING] = (alone - by_shape @ step[0, BETAS]).reshape(count, SIZE)
        return step, information


def _add_motion(system: System, state: State, offsets: np.ndarray, times: np.ndarray) -> None:
    """Hold accelerations: of the root, of each joint in its parent, of the place in the world."""
    if len(times) < 3:
        return
    turn = rotmat_to_rotvec(state.root[1:] @ state.root[:-1].transpose(1, 2)).double().numpy()
    body = state.body.double().numpy()
    place = state.transl.double().numpy() + offsets
    ways = np.concatenate([turn, np.diff(body, axis=0), np.diff(place, axis=0)], axis=1)
    usual = np.concatenate(
        [
            np.full(ROOT.stop - ROOT.start, ACCELERATION["root"]),
            np.full(BODY.stop - BODY.start, ACCELERATION["body"]),
            np.full(TRANSL.stop - TRANSL.start, ACCELERATION["transl"]),
        ]
    )
    first, second = np.diff(times)[:-1, None], np.diff(times)[1:, None]
    middle = (first + second) / 2
    found = (ways[1:] / second - ways[:-1] / first) / middle
    size = np.linalg.norm((found / usual).reshape(len(found), -1, 3), axis=2).repeat(3, axis=1)
    weight = 1 / usual**2 / (1 + (size / SUDDEN) ** 2) ** 2
    share = (1 / (first * middle), -(1 / first + 1 / second) / middle, 1 / (second * middle))
    index = np.arange(SIZE)
    for i in range(3):
        rows = slice(i, len(times) - 2 + i)
        system.gradient[rows] -= weight * share[i] * found
        system.own[rows, index, index] += weight * share[i] ** 2
    for i in range(2):
        rows = slice(i, len(times) - 2 + i)
        system.next[rows, index, index] += weight * share[i] * share[i + 1]
    system.second[:, index, index] += weight * share[0] * share[2]


def _add_feet(system: System, state: State, offsets: np.ndarray, times: np.ndarray, soles: BodyModel) -> None:
    """Hold heels and balls of the feet where they are, unless they move. The shape hardly moves them."""
    if len(times) < 2:
        return
    vertices, jacobian, _ = linearise(soles, state)
    place = vertices.double().numpy() + offsets[:, None]
    flat = jacobian[:, MOVING].double().numpy().reshape(len(times), SIZE, -1)
    way = np.diff(place, axis=0)
    speed = np.linalg.norm(way, axis=2) / np.diff(times)[:, None]
    weight = STANDING**-2 / (1 + (speed / SLIPPING) ** 2) ** 2
    weight[np.diff(times) > GAP] = 0
    weights = np.tile(weight, (1, 3))[:, None]
    ways = way.transpose(0, 2, 1).reshape(len(way), -1, 1)
    earlier, later = flat[:-1], flat[1:]
    system.own[:-1] += (earlier * weights) @ earlier.transpose(0, 2, 1)
    system.own[1:] += (later * weights) @ later.transpose(0, 2, 1)
    system.next -= (later * weights) @ earlier.transpose(0, 2, 1)
    system.gradient[:-1] += ((earlier * weights) @ ways)[..., 0]
    system.gradient[1:] -= ((later * weights) @ ways)[..., 0]
