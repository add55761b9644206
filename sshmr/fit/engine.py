"""Register the body to clouds: hypotheses go in, stages sieve and refine them, the best comes out."""

from typing import NamedTuple

import torch

from sshmr.fit.adam import STEPS, fit_published
from sshmr.fit.energy import energies
from sshmr.fit.gauss_newton import refine
from sshmr.fit.hypotheses import centred, turned_about_vertical, twin, typical_poses
from sshmr.fit.limbs import POINTS, VERTICES, other_limbs, typical_limbs
from sshmr.fit.linearise import State, skin
from sshmr.fit.screening import SCREEN_POINTS, SCREEN_VERTICES, screen

PUBLISHED_POINTS = 1024
"""At most so many points of a cloud the published routine sees, as in its paper."""


class Fitted(NamedTuple):
    """One body a cloud: state of B rows, energies of (B,), index of the winning hypothesis (B,) …

    ``iterations``: optimiser steps that the winner went through.
    ``movement`` (B,): mean vertex movement in the last step, metres.
    """

    state: State
    energy: dict
    hypothesis: torch.Tensor
    movement: torch.Tensor
    iterations: int


class Engine:
    """Holds what all clouds share: the template vertices of the body, the prior and the start bodies.

    Args:
        surface: SurfaceElements of the template, in its order (farthest points first, so that
            the first m of them spread evenly too).
        prior: PosePrior.
        config: FitConfig.
        poses: (config.poses, 72) to start from; those that ship with the package when None.
    """

    def __init__(self, surface, prior, config, poses=None):
        self.surface, self.body, self.prior, self.config = surface, surface.body, prior, config
        body = self.body
        poses = (typical_poses(config.poses) if poses is None else poses).to(body.v_template)
        self.starts = centred(body, turned_about_vertical(poses, config.headings))
        screened = body.subset(torch.arange(min(SCREEN_VERTICES, len(body.v_template))))
        step = 360 / config.headings
        self.start_names = [
            f"pose {pose} at {step * heading:.0f}°"
            for pose in range(config.poses)
            for heading in range(config.headings)
        ]
        self.limbs = typical_limbs(body, poses)
        self.start_vertices = skin(screened, self.starts).vertices

    def from_nothing(self, points, mask):
        """Fit B clouds, points (B, N, 3) and mask (B, N), starting from typical poses at all headings."""
        if self.config.optimiser == "adam":
            index = torch.arange(len(self.start_names)).expand(len(points), -1)
            start = State(*(part.repeat(len(points), *[1] * (part.ndim - 1)) for part in self.starts))
            return self._published(points, mask, start, index, "bootstrap")
        count = min(self.config.search[0].hypotheses, len(self.start_vertices))
        few, few_mask = thinned(points, mask, SCREEN_POINTS)
        index, shift = screen(self.start_vertices, few, few_mask, count, self.config.screen_coverage)
        start = self.starts.rows(index.flatten())
        start = start._replace(transl=start.transl + shift.flatten(0, 1))
        return self._sieve(points, mask, start, index, self.config.search)

    def from_predictions(self, points, mask, predictions, expected=None):
        """Fit B clouds from predicted states of B rows each; the first one's twin is tried too.

        ``expected`` (``Expected`` of B rows), where given, holds each body to what was found around it.
        """
        starts = [*predictions, twin(predictions[0])]
        start = State(*(torch.stack(parts, 1).flatten(0, 1) for parts in zip(*starts, strict=True)))
        index = torch.arange(len(starts)).expand(len(points), -1)
        if self.config.optimiser == "adam":
            return self._published(points, mask, start, index, "later")
        return self._sieve(points, mask, start, index, self.config.refine, expected)

    def _published(self, points, mask, start, index, phase):
        """Every hypothesis to the end with the published routine; the lowest energy wins."""
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

    def _sieve(self, points, mask, start, index, stages, expected=None):
        clouds, config = len(points), self.config
        state, index, view = start, index.to(points.device), None
        for stage in stages:
            surface = self.surface.first(stage.vertices)
            few, few_mask = thinned(points, mask, stage.points)
            keep = min(stage.hypotheses, index.shape[1])
            state, index = best_of(state, index, keep), index[:, :keep]
            if stage.limbs:
                seen_from = view.view(clouds, -1, 3)[:, 0]
                state, index = self._with_other_limbs(points, mask, state, index, seen_from, config)
                keep = index.shape[1]
            rows = torch.arange(clouds, device=points.device).repeat_interleave(keep)
            spreads = stage.spreads()
            data = (self.prior, few[rows], few_mask[rows])
            known = None if expected is None else expected.rows(rows)
            before, view = refine(surface, *data, state, spreads[:-1], stage.sliding, config, None, known)
            state, view = refine(surface, *data, before, spreads[-1:], stage.sliding, config, view, known)
            terms, vertices = energies(surface, *data, state, view, config, known)
            movement = (vertices - skin(surface.body, before).vertices).norm(dim=2).mean(1).view(clouds, keep)
            total = terms["energy"].view(clouds, keep)
            # Stable: of equals the one named first wins, the previous fit before its copy as a neighbour.
            order = total.argsort(dim=1, stable=True)
            flat = (order + keep * torch.arange(clouds, device=points.device)[:, None]).flatten()
            state, index, view = state.rows(flat), index.gather(1, order), view[flat]
        first = flat.view(clouds, keep)[:, 0]
        return Fitted(
            best_of(state, index, 1),
            {name: value[first] for name, value in terms.items()},
            index[:, 0],
            movement.flatten()[first],
            sum(stage.iterations for stage in stages),
        )

    def _with_other_limbs(self, points, mask, state, index, view, config):
        """Add to each cloud's hypotheses its best one with limbs held otherwise."""
        few, few_mask = thinned(points, mask, POINTS)
        best = best_of(state, index, 1)
        other = other_limbs(
            self.surface.first(VERTICES), self.prior, few, few_mask, best, self.limbs, view, config
        )
        index = torch.cat([index, index[:, :1].expand(-1, len(other.root) // len(points))], 1)
        both = (
            torch.cat([part.view(len(points), -1, *part.shape[1:]) for part in pair], 1).flatten(0, 1)
            for pair in zip(state, other, strict=True)
        )
        return State(*both), index


def best_of(state, index, count):
    """The first ``count`` hypotheses of each cloud: state of B · H bodies, index (B, H)."""
    return State(*(part.view(*index.shape, *part.shape[1:])[:, :count].flatten(0, 1) for part in state))


def thinned(points, mask, count):
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
