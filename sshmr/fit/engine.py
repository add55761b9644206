"""Register the body to clouds: stages compare and refine hypotheses, and the best one is the fit."""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import torch

from sshmr.body.prior import PosePrior
from sshmr.config.fit import FitConfig, Stage
from sshmr.fit.adam import STEPS, fit_published
from sshmr.fit.energy import NOTHING_KNOWN, Problem, Sight, energies
from sshmr.fit.gauss_newton import refine
from sshmr.fit.hypotheses import mirrored_start, typical_poses
from sshmr.fit.limbs import POINTS, VERTICES, Limb, other_limbs, typical_limbs
from sshmr.fit.linearise import Expected, State, skin
from sshmr.fit.postures import made_poses, with_any_pose
from sshmr.fit.screening import SCREEN_POINTS, SCREEN_VERTICES, screen
from sshmr.fit.starts import Starts
from sshmr.fit.surface import SurfaceElements

WIDER = (4, 2, 2)
"""How many times more hypotheses enter the first stages of a search from any posture."""

PART_COVERAGE = 0.02
"""``screen_coverage`` for clouds that show only a part of a body."""

FEWER_OUTLIERS = 0.1
"""Share of ``outlier_weight`` in the search for missed limbs."""

BEYOND = 9.0
"""Metres, higher and lower than any part of a body in a centred cloud."""

PUBLISHED_POINTS = 1024
"""Largest number of points that the published routine uses, as in its paper."""


class Fitted(NamedTuple):
    """One body per cloud: state of B rows, energies of (B,), index of the winning hypothesis (B,) …

    ``iterations``: optimiser steps of the winner.
    ``movement`` (B,): mean vertex movement in the last step, metres.
    """

    state: State
    energy: dict[str, torch.Tensor]
    hypothesis: torch.Tensor
    movement: torch.Tensor
    iterations: int


class Engine:
    """The template vertices of the body, the prior and the start bodies, which all clouds share.

    Args:
        surface: SurfaceElements of the template, in its order (farthest points first, so that
            the first m of them spread evenly too).
        prior: PosePrior.
        config: FitConfig.
        poses: (config.poses, 72) to start from; those that ship with the package when None.
    """

    def __init__(
        self, surface: SurfaceElements, prior: PosePrior, config: FitConfig, poses: torch.Tensor | None = None
    ) -> None:
        self.surface, self.body, self.config = surface, surface.body, config
        self.searches_again = config.optimiser != "adam" and config.unusual > 0
        self.prior = with_any_pose(prior, config.unusual) if self.searches_again else prior
        self.poses = (typical_poses(config.poses) if poses is None else poses).to(self.body.v_template)
        self._first = functools.cache(self.surface.first)

    @functools.cached_property
    def starts(self) -> Starts:
        """The start bodies: typical poses of upright people at all headings."""
        return Starts.upright(self.body, self.poses, self.config.headings)

    @functools.cached_property
    def limbs(self) -> list[Limb]:
        """The typical poses of each limb."""
        return typical_limbs(self.body, self.poses)

    @functools.cached_property
    def all_starts(self) -> Starts:
        """The start bodies, then those that are seated, crawl, lie or are upside down."""
        few, made = self.surface.first(SCREEN_VERTICES).body, made_poses().to(self.poses)
        seated = Starts.upright(few, made, self.config.headings)
        return self.starts.joined(seated).joined(Starts.tipped_over(few, torch.cat([self.poses, made])))

    def name_of(self, index: int) -> str:
        """A start body's name, by the index that the search returns."""
        starts = self.starts if index < len(self.starts.names) else self.all_starts
        return starts.names[index]

    def problem(
        self,
        points: torch.Tensor,
        mask: torch.Tensor,
        sight: Sight = NOTHING_KNOWN,
        expected: Expected | None = None,
    ) -> Problem:
        """B clouds (B, N, 3) with their mask (B, N), to be fitted with this engine's settings."""
        return Problem(self.surface, self.prior, points, mask, self.config, sight, expected)

    def from_nothing(
        self, points: torch.Tensor, mask: torch.Tensor, sensor: torch.Tensor | None = None
    ) -> Fitted:
        """Fit B clouds, points (B, N, 3) and mask (B, N), starting from typical poses at all headings."""
        if self.config.optimiser == "adam":
            index = torch.arange(len(self.starts.names)).expand(len(points), -1)
            start = State(*(part.repeat(len(points), *[1] * (part.ndim - 1)) for part in self.starts.state))
            return self._published(points, mask, start, index, "bootstrap")
        return self._from_starts(points, mask, self.starts, self.config.search, sensor)

    def from_any_posture(
        self, points: torch.Tensor, mask: torch.Tensor, sensor: torch.Tensor | None = None
    ) -> Fitted:
        """The same from ``all_starts``; more hypotheses enter the first stages."""
        wider = (
            stage.model_copy(update={"hypotheses": stage.hypotheses * factor})
            for stage, factor in zip(self.config.search, WIDER, strict=False)
        )
        stages = (*wider, *self.config.search[len(WIDER) :])
        return self._from_starts(points, mask, self.all_starts, stages, sensor)

    def from_part(
        self, points: torch.Tensor, mask: torch.Tensor, upper: bool, sensor: torch.Tensor | None = None
    ) -> Fitted:
        """The same for clouds that show only the upper part of a person (``upper``), or the lower one.

        The head is at the highest point, or the feet are at the lowest. Skin outside the heights of the cloud
        is not expected to be visible.
        """
        stages = self.config.search
        count = min(stages[0].hypotheses, len(self.starts.names))
        few, few_mask = thinned(points, mask, SCREEN_POINTS)
        frame = frame_of(points, mask, upper)
        end_of_cloud = heights(points, mask)[1 if upper else 0]
        vertices, picked, shifts = self.starts.vertices, [], []
        end = vertices[..., 1].amax(1) if upper else vertices[..., 1].amin(1)
        for row in range(len(points)):
            lift = end_of_cloud[row] - end
            moved = vertices + torch.nn.functional.pad(lift[:, None], (1, 1))[:, None]
            some = (moved, self.starts.tipped, few[row : row + 1], few_mask[row : row + 1])
            index, shift = screen(*some, count, PART_COVERAGE)
            picked.append(index[0])
            shifts.append(shift[0] + torch.nn.functional.pad(lift[index[0], None], (1, 1)))
        start = self.starts.state.rows(torch.cat(picked))
        start = start._replace(transl=start.transl + torch.cat(shifts))
        problem = self.problem(points, mask, Sight(sensor, frame))
        return self._sieve(problem, start, torch.stack(picked), stages)

    def _from_starts(
        self,
        points: torch.Tensor,
        mask: torch.Tensor,
        starts: Starts,
        stages: Sequence[Stage],
        sensor: torch.Tensor | None,
    ) -> Fitted:
        count = min(stages[0].hypotheses, len(starts.names))
        few, few_mask = thinned(points, mask, SCREEN_POINTS)
        screened = (starts.vertices, starts.tipped, few, few_mask)
        index, shift = screen(*screened, count, self.config.screen_coverage)
        start = starts.state.rows(index.flatten())
        start = start._replace(transl=start.transl + shift.flatten(0, 1))
        return self._sieve(self.problem(points, mask, Sight(sensor)), start, index, stages)

    def from_predictions(
        self,
        points: torch.Tensor,
        mask: torch.Tensor,
        predictions: Sequence[State],
        expected: Expected | None = None,
        sensor: torch.Tensor | None = None,
        frame: torch.Tensor | None = None,
    ) -> Fitted:
        """Fit B clouds from predicted states of B rows each; the mirrored start of the first one is tried,
        too.

        ``expected`` (``Expected`` of B rows) adds terms that pull each body to its neighbouring frames.
        ``frame`` (B, 2) is that of clouds which show a part of a person, from ``frame_of``.
        """
        starts = [*predictions, mirrored_start(predictions[0])]
        start = State(*(torch.stack(parts, 1).flatten(0, 1) for parts in zip(*starts, strict=True)))
        index = torch.arange(len(starts)).expand(len(points), -1)
        if self.config.optimiser == "adam":
            return self._published(points, mask, start, index, "later")
        problem = self.problem(points, mask, Sight(sensor, frame), expected)
        return self._sieve(problem, start, index, self.config.refine)

    def from_fit(
        self, points: torch.Tensor, mask: torch.Tensor, state: State, sensor: torch.Tensor | None = None
    ) -> Fitted:
        """Fit B clouds again from bodies of B rows, at first with a lower outlier weight.

        Points of a limb far from the body count as outliers and do not attract it. A lower weight changes
        that.
        """
        stages, index = self.config.refine, torch.zeros(len(points), 1, dtype=torch.long)
        problem = self.problem(points, mask, Sight(sensor))
        wide = self.config.replace(outlier_weight=FEWER_OUTLIERS * self.config.outlier_weight)
        found = self._sieve(problem._replace(config=wide), state, index, stages[:-1] or stages)
        return self._sieve(problem, found.state, index, [stages[-1].replace(limbs=False)])

    def _published(
        self, points: torch.Tensor, mask: torch.Tensor, start: State, index: torch.Tensor, phase: str
    ) -> Fitted:
        """Run the published routine for every hypothesis, and keep the one with the lowest energy."""
        clouds, tried = index.shape
        rows = torch.arange(clouds, device=points.device).repeat_interleave(tried)
        points, mask = thinned(points, mask, PUBLISHED_POINTS)
        data = (points[rows], mask[rows], start)
        state, terms, movement = fit_published(
            self.body, self.prior, *data, self.config.outlier_weight, phase
        )
        best = terms["energy"].view(clouds, tried).argmin(1)
        first = best + tried * torch.arange(clouds, device=points.device)
        terms = {name: value[first] for name, value in terms.items()}
        return Fitted(state.rows(first), terms, best, movement[first], STEPS)

    def _sieve(self, problem: Problem, start: State, index: torch.Tensor, stages: Sequence[Stage]) -> Fitted:
        """Refine the hypotheses of each cloud stage by stage: state of B · H bodies, index (B, H)."""
        clouds, device = len(problem.points), problem.points.device
        state, index = start, index.to(device)
        view: torch.Tensor | None = None
        for stage in stages:
            keep = min(stage.hypotheses, index.shape[1])
            state, index = best_of(state, index, keep), index[:, :keep]
            if stage.limbs:
                assert view is not None  # Settings have no limbs in the first stage.
                seen_from = view.view(clouds, -1, 3)[:, 0]
                state, index = self._with_other_limbs(problem, state, index, seen_from)
                keep = index.shape[1]
            rows = torch.arange(clouds, device=device).repeat_interleave(keep)
            coarse = self._thinned(problem, stage.vertices, stage.points).rows(rows)
            spreads = stage.spreads()
            before, view = state, None
            if len(spreads) > 1:
                before, view = refine(coarse, state, spreads[:-1], stage.sliding)
            state, view = refine(coarse, before, spreads[-1:], stage.sliding, view)
            terms, vertices = energies(coarse, state, view)
            movement = (
                (vertices - skin(coarse.surface.body, before).vertices).norm(dim=2).mean(1).view(clouds, keep)
            )
            total = terms["energy"].view(clouds, keep)
            # Stable: of equal energies, the first one wins, the previous fit before its copy as a neighbour.
            order = total.argsort(dim=1, stable=True)
            flat = (order + keep * torch.arange(clouds, device=device)[:, None]).flatten()
            state, index, view = state.rows(flat), index.gather(1, order), view[flat]
        first = flat.view(clouds, keep)[:, 0]
        return Fitted(
            best_of(state, index, 1),
            {name: value[first] for name, value in terms.items()},
            index[:, 0],
            movement.flatten()[first],
            sum(stage.iterations for stage in stages),
        )

    def _thinned(self, problem: Problem, vertices: int, points: int) -> Problem:
        """The problem with so many vertices of the body and points of each cloud at most."""
        few, mask = thinned(problem.points, problem.mask, points)
        return problem._replace(surface=self._first(vertices), points=few, mask=mask)

    def _with_other_limbs(
        self, problem: Problem, state: State, index: torch.Tensor, view: torch.Tensor
    ) -> tuple[State, torch.Tensor]:
        """Add the best hypothesis of each cloud with other limb poses."""
        clouds = len(problem.points)
        coarse = self._thinned(problem, VERTICES, POINTS)
        other = other_limbs(coarse, best_of(state, index, 1), self.limbs, view)
        index = torch.cat([index, index[:, :1].expand(-1, len(other.root) // clouds)], 1)
        both = (
            torch.cat([part.view(clouds, -1, *part.shape[1:]) for part in pair], 1).flatten(0, 1)
            for pair in zip(state, other, strict=True)
        )
        return State(*both), index


def frame_of(points: torch.Tensor, mask: torch.Tensor, upper: bool) -> torch.Tensor:
    """The heights (B, 2), metres, that clouds show of the upper part of a person (``upper``) or the lower."""
    low, high = heights(points, mask)
    far = torch.full_like(low, BEYOND)
    return torch.stack([low, far] if upper else [-far, high], 1)


def heights(points: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Lowest and highest points of B clouds: (B,), (B,), metres."""
    height = points[..., 1]
    return height.masked_fill(~mask, BEYOND).amin(1), height.masked_fill(~mask, -BEYOND).amax(1)


def best_of(state: State, index: torch.Tensor, count: int) -> State:
    """The first ``count`` hypotheses of each cloud: state of B · H bodies, index (B, H)."""
    return State(*(part.view(*index.shape, *part.shape[1:])[:, :count].flatten(0, 1) for part in state))


def thinned(points: torch.Tensor, mask: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """At most ``count`` of each cloud's valid points, evenly over its order, and their mask.

    Short clouds keep all; (B, N, 3), (B, N) → (B, n, 3), (B, n), valid points first.
    """
    valid = mask.sum(1)
    count = min(count, int(valid.max()))
    kept = valid.clamp(max=count)
    order = mask.float().argsort(dim=1, descending=True, stable=True)
    place = torch.arange(count, device=points.device).expand(len(points), -1)
    spaced = (place * valid[:, None]) // kept.clamp_min(1)[:, None]
    spaced = torch.where(place < kept[:, None], spaced, 0)
    index = order.gather(1, spaced)
    few_mask = place < kept[:, None]
    return points.gather(1, index[..., None].expand(-1, -1, 3)) * few_mask[..., None], few_mask
