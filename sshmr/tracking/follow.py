"""Follow one person from frame to frame: each fit starts where the motion of the frames before leads."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch

from sshmr.body.model import BodyModel
from sshmr.body.prior import PosePrior
from sshmr.config.fit import FitConfig
from sshmr.fit.confidence import FAR
from sshmr.fit.energy import Problem, energies, soft_correspondence, view_direction
from sshmr.fit.engine import Engine, Fitted, thinned
from sshmr.fit.gauss_newton import RELAXED, refine
from sshmr.fit.linearise import Expected, State, skin
from sshmr.fit.search import SEARCHED_BELOW, Found, found_from_nothing, judged, name_of_start
from sshmr.fit.surface import SurfaceElements
from sshmr.geometry.rotations import rotmat_to_rotvec, rotvec_to_rotmat
from sshmr.tracking.bodies import joined, not_judged, rows_of, stacked

VERTICES, FINE_VERTICES, POINTS = 512, 1024, 512
"""With 512 vertices in the fine steps, too, bodies drift off sparse clouds."""
COARSE, FINE = (0.08, 0.05, 0.03), (0.015, 0.0075)
"""Spreads of the correspondence, metres."""
SLIDING, FINE_SLIDING = 0.2, 0.03
"""Weights of a residual along the surface."""
WIDE = (0.12, 0.08)
"""Spreads before these where the velocity is not known: at a walk, people move 15 cm in 0.1 s."""
STEADY = 0.8
"""Share of the last velocity that the next frame is expected to have."""
START_POINTS, START_REACH, STOPPED = 128, 0.2, 1.3
"""Points that choose between two starts; metres, to which their distances are cut; and how many times farther
from the cloud the expected body must be than the last one. In steady motion it is nearer, or as near."""
GAP = 1.0
"""Seconds without a frame, after which the person is looked for again."""
LOST, WRONG = 0.3, 0.5
"""A frame is in doubt if its confidence is below this share of the usual one, or below ``WRONG``: then it is
more probably wrong than right."""
LEFT = 0.05
"""Share of points farther than ``FAR`` from the body, from which on all frames are judged."""
CHECKED, SEARCHED = 25, 6
"""Frames after which the network's prediction is tried beside the followed body; and frames after a search
that found nothing better, before a frame in doubt is searched again."""
CORRECTIONS = 3
"""Searches of one call of ``follow`` at most."""
BETTER = 6.0
"""Nats by which another body must be better than the followed one."""
KNOWN = 30
"""Frames whose shapes count; then the shape is as good as known."""
FOLLOWED = -3
"""Index of the start from the frame before. The others are those of a search: -2 is the prediction, -1 the
first start rotated by 180°."""


class Frame(NamedTuple):
    """One cloud: points (N, 3) centred, metres; offset (3,) float64 to the world; time, seconds."""

    points: torch.Tensor
    offset: np.ndarray
    time: float


@dataclasses.dataclass
class Memory:
    """What is known of a person from the frames so far.

    Attributes:
        bodies: the last two, as (State of one row, offset (3,), seconds). betas: (10,) mean shape.
        frames: how many went into it. confidence: the usual one. unchecked: frames since the last check.
    """

    bodies: list[tuple[State, np.ndarray, float]] = dataclasses.field(default_factory=list)
    betas: torch.Tensor = dataclasses.field(default_factory=lambda: torch.zeros(10))
    frames: int = 0
    confidence: float = 0.0
    unchecked: int = 0

    def add(self, state: State, frame: Frame) -> None:
        """Take a frame's body into account."""
        self.bodies = [*self.bodies[-1:], (state, frame.offset, frame.time)]

    def learn(self, found: Found) -> None:
        """Take the shapes and the confidence of some frames into account."""
        for betas, sure in zip(found.fitted.state.betas, found.confidence.tolist(), strict=True):
            self.frames += 1
            share = 1 / min(self.frames, KNOWN)
            self.betas = self.betas + share * (betas - self.betas)
            if not math.isnan(sure):
                self.confidence += share * (sure - self.confidence)


def expected_body(memory: Memory, frame: Frame) -> State:
    """Where the motion of the last two bodies leads, in the frame's own coordinates.

    A single body moves as the centre of the clouds does, and keeps its pose.
    """
    state, offset, time = memory.bodies[-1]
    if len(memory.bodies) < 2:
        return state
    before, earlier_offset, earlier = memory.bodies[-2]
    ratio = STEADY * min(2.0, (frame.time - time) / max(time - earlier, 1e-6))
    turn = rotmat_to_rotvec(state.root @ before.root.transpose(1, 2))
    way = state.transl - before.transl + torch.from_numpy(offset - earlier_offset).to(state.transl)
    return State(
        rotvec_to_rotmat(ratio * turn) @ state.root,
        state.body + ratio * (state.body - before.body),
        state.betas,
        standing_still(memory, frame).transl + ratio * way,
    )


def standing_still(memory: Memory, frame: Frame) -> State:
    """The last body at its place in the world, in the frame's own coordinates."""
    state, offset, _ = memory.bodies[-1]
    return state._replace(transl=state.transl + torch.from_numpy(offset - frame.offset).to(state.transl))


class Follower:
    """Follows one person.

    Args:
        body: the whole BodyModel. vertex_ids: the template's. prior: PosePrior.
        predict: function of points (B, N, 3) and mask (B, N) that gives the network's State, or None.
    """

    def __init__(
        self,
        body: BodyModel,
        vertex_ids: torch.Tensor,
        prior: PosePrior,
        config: FitConfig,
        predict: Callable[[torch.Tensor, torch.Tensor], State] | None = None,
    ) -> None:
        self.body, self.config, self.predict = body, config, predict
        self.engine = Engine(SurfaceElements.of(body, vertex_ids), prior, config)
        self.surface, self.fine = (self.engine.surface.first(count) for count in (VERTICES, FINE_VERTICES))

    @torch.no_grad()
    def follow(self, frames: Sequence[Frame], memory: Memory) -> Found:
        """Find the bodies of the next frames; ``memory`` is brought up to date.

        All of them are followed, then the last one is judged; the others only if that one is in doubt, or if
        one leaves many points. The first one in doubt is searched. A better body is then followed to the
        end, and back as long as it stays better. The qualities of bodies that were not judged are NaN.
        """
        fresh = not memory.bodies or frames[0].time - memory.bodies[-1][2] > GAP
        if fresh:
            memory.bodies = []
            first = self._search(frames[0])
            memory.add(first.fitted.state, frames[0])
            founds = [first, *self._followed(frames[1:], memory)]
        else:
            founds = self._followed(frames, memory)
        memory.unchecked += len(frames)
        searched = 0 if fresh else -1
        for _ in range(CORRECTIONS):
            place = self._doubtful(founds, memory, searched + 1)
            if place is None:
                break
            better = self._corrected(frames, founds, place, memory)
            # Where the person was lost once, the next doubt is followed up at once.
            memory.unchecked = 0 if better is founds else SEARCHED
            founds, searched = better, place
        found = joined(founds)
        memory.learn(found)
        return found

    def name_of(self, index: int) -> str:
        """Name of the start with this index."""
        return "followed" if index == FOLLOWED else name_of_start(self.engine, index)

    def judge(self, frames: Sequence[Frame], state: State, start: int = FOLLOWED) -> Found:
        """What is known of the bodies of some frames."""
        points, mask = padded(frames)
        movement = torch.zeros(len(frames))
        few, seen = thinned(points, mask, POINTS)
        posed, variance = skin(self.surface.body, state), few.new_full((len(frames),), FINE[-1] ** 2)
        match = soft_correspondence(posed.vertices, few, seen, variance, self.config.outlier_weight)
        view = view_direction(match.mass, self.surface.turned_normals(posed.rotations))
        terms, _ = energies(self._problem(few, seen), state, view)
        index = torch.full((len(frames),), start)
        steps = len(COARSE) + len(FINE)
        return judged(self.engine, self.body, points, mask, Fitted(state, terms, index, movement, steps))

    def _problem(self, points: torch.Tensor, mask: torch.Tensor, expected: Expected | None = None) -> Problem:
        """To fit the coarse vertices to clouds."""
        return self.engine.problem(points, mask, expected=expected)._replace(surface=self.surface)

    def _doubtful(self, founds: list[Found], memory: Memory, first: int) -> int | None:
        """The first frame in doubt from ``first`` on; else the last one, once in a while."""
        if memory.unchecked < SEARCHED:
            return None
        for place in range(first, len(founds)):
            if _in_doubt(founds[place], memory):
                return place
        return len(founds) - 1 if memory.unchecked > CHECKED else None

    def _followed(self, frames: Sequence[Frame], memory: Memory) -> list[Found]:
        if not frames:
            return []
        states = [self.step(frame, memory) for frame in frames]
        last = self.judge(frames[-1:], states[-1])
        if _in_doubt(last, memory) or self._far_share(frames, stacked(states)) > LEFT:
            return rows_of(self.judge(frames, stacked(states)))
        return [*(not_judged(last, state) for state in states[:-1]), last]

    def _far_share(self, frames: Sequence[Frame], state: State) -> float:
        """The largest share of a frame's points that are far from its body."""
        points, mask = thinned(*padded(frames), POINTS)
        far = torch.cdist(points, skin(self.fine.body, state).vertices).amin(2) > FAR
        return float(((far & mask).sum(1) / mask.sum(1).clamp_min(1)).max())

    def step(self, frame: Frame, memory: Memory) -> State:
        """The body of the next frame."""
        start = self._start(frame, memory)
        known = min(memory.frames, KNOWN)
        expected = Expected(
            start.body, torch.full_like(start.body, 0.5), memory.betas[None], torch.full((1, 1), float(known))
        )
        if known:
            start = start._replace(betas=memory.betas[None])
        points, mask = thinned(*padded([frame]), POINTS)
        coarse = COARSE if len(memory.bodies) > 1 else (*WIDE, *COARSE)
        problem = self._problem(points, mask, expected)
        state, view = refine(problem, start, coarse, SLIDING)
        state, _ = refine(problem._replace(surface=self.fine), state, FINE, FINE_SLIDING, view, RELAXED)
        memory.add(state, frame)
        return state

    def _start(self, frame: Frame, memory: Memory) -> State:
        """The expected body; or the last one, if it is much nearer to the cloud: people may turn back."""
        expected = expected_body(memory, frame)
        if len(memory.bodies) < 2:
            return expected
        both = stacked([expected, standing_still(memory, frame)])
        points, mask = thinned(*padded([frame]), START_POINTS)
        apart = torch.cdist(points[mask].expand(2, -1, -1), skin(self.surface.body, both).vertices).amin(2)
        moving, still = apart.clamp_max(START_REACH).mean(1).tolist()
        return both.rows(slice(1, 2)) if STOPPED * still < moving else expected

    def _search(self, frame: Frame, followed: State | None = None) -> Found:
        """The body of a frame from the network and the search.

        With the ``followed`` body, this and the prediction are tried first. Where that is sure, it is enough.
        """
        data = padded([frame])
        predicted = None if self.predict is None else self.predict(*data)
        if followed is not None:
            starts = [followed] if predicted is None else [predicted, followed]
            names = torch.tensor([*([] if predicted is None else [-2]), FOLLOWED, -1])
            fitted = self.engine.from_predictions(*data, starts)
            fitted = fitted._replace(hypothesis=names[fitted.hypothesis])
            found = judged(self.engine, self.body, *data, fitted)
            if found.confidence[0] >= SEARCHED_BELOW:
                return found
        return found_from_nothing(self.engine, self.body, *data, predicted)

    def _corrected(
        self, frames: Sequence[Frame], founds: list[Found], place: int, memory: Memory
    ) -> list[Found]:
        """The bodies with a searched one at ``place``, and what follows from it, where that is better."""
        other = self._search(frames[place], founds[place].fitted.state)
        state = other.fitted.state
        other = self.judge([frames[place]], state, int(other.fitted.hypothesis[0]))
        if _energy(other) + BETTER > _energy(founds[place]):
            return founds
        later = dataclasses.replace(memory, bodies=[])
        later.add(state, frames[place])
        after = self._followed(frames[place + 1 :], later)
        memory.bodies = later.bodies
        before: list[Found] = []
        back = dataclasses.replace(memory, bodies=[])
        back.add(state, frames[place])
        for row in reversed(range(place)):
            again, found = self._followed([frames[row]], back)[0], founds[row]
            if math.isnan(_energy(found)):
                found = self.judge([frames[row]], found.fitted.state)
            if _energy(again) > _energy(found):
                break
            before.insert(0, again)
        return [*founds[: place - len(before)], *before, other, *after]


def as_points(points: np.ndarray) -> torch.Tensor:
    """A cloud (N, 3) as a ``Frame`` has it."""
    return torch.from_numpy(points.astype(np.float32))


def padded(frames: Sequence[Frame]) -> tuple[torch.Tensor, torch.Tensor]:
    """Clouds (B, N, 3) with zero rows behind, and their mask (B, N)."""
    points = torch.nn.utils.rnn.pad_sequence([frame.points for frame in frames], batch_first=True)
    counts = torch.tensor([len(frame.points) for frame in frames])
    return points, torch.arange(points.shape[1]) < counts[:, None]


def _in_doubt(found: Found, memory: Memory) -> bool:
    """Whether the body of one frame is in doubt."""
    return float(found.confidence[0]) < max(LOST * memory.confidence, WRONG)


def _energy(found: Found) -> float:
    return float(found.fitted.energy["energy"][0])
