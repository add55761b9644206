"""Limbs apart: where a body fits but for an arm or a leg, other typical ways to hold that limb are tried.

A cloud seen from one side says much of the trunk and little of an arm before it or behind it. A search over
whole bodies must get all limbs right at once; here each limb is searched on its own, on the body found.
"""

from typing import NamedTuple

import torch

from sshmr.fit.energy import energies
from sshmr.fit.hypotheses import mirrored
from sshmr.geometry.neighbours import farthest_point_sample

LIMBS = ((13, 16, 18, 20, 22), (14, 17, 19, 21, 23), (1, 4, 7, 10), (2, 5, 8, 11))
"""Joints whose rotations hold a limb: left arm, right arm, left leg, right leg."""
WAYS = 24
"""Ways to hold a limb that are tried."""
VERTICES, POINTS = 192, 192
"""Of the body and of the cloud, at which the ways are compared."""
SPREAD = 0.06
"""Metres; standard deviation of the correspondence at which they are compared, none being refined yet."""
UNLIKE = 0.2
"""Metres; a way that moves no vertex farther than this is no other way."""
ALIKE = 1e6
"""Nats added to such a way's energy, more than any fit has."""
KEPT = 2
"""Limbs, those whose best other way has the lowest energy, that go on held otherwise alone."""


class Limb(NamedTuple):
    """columns (C,) of the body pose's 69 numbers that hold a limb; ways (K, C) to hold it, radians."""

    columns: torch.Tensor
    ways: torch.Tensor


def typical_limbs(body, poses, count=WAYS):
    """For each limb the ``count`` ways to hold it in typical poses that differ most.

    Args:
        body: BodyModel. poses: (P, 72) radians, typical poses; mirrored they serve as well.

    Returns:
        list of ``Limb``, in the order of ``LIMBS``.
    """
    both = torch.cat([poses[:, 3:], mirrored(poses[:, 3:])])
    limbs = []
    for joints in LIMBS:
        columns = torch.tensor([3 * (joint - 1) + axis for joint in joints for axis in range(3)])
        alone = torch.zeros_like(both)
        alone[:, columns] = both[:, columns]
        zeros = both.new_zeros(len(both), 10)
        placed = body(torch.cat([zeros[:, :3], alone], 1), zeros, zeros[:, :3]).joints[:, list(joints)]
        picked = farthest_point_sample(placed.flatten(1)[None], min(count, len(both)))[0]
        limbs.append(Limb(columns.to(both.device), both[picked][:, columns]))
    return limbs


def other_limbs(surface, prior, points, mask, state, limbs, view, config, frame=None):
    """The bodies with a limb held otherwise, in the best other way for it.

    Args:
        surface: SurfaceElements. points: (B, N, 3) metres; mask: (B, N) bool; state: B bodies.
        limbs: from ``typical_limbs``. view: (B, 3) from ``view_direction``.
        frame: (B, 2) or None, as in ``visibility``.

    Returns:
        State of B · (KEPT + 1) bodies, a cloud's together: one limb in its best other way, then all of those
        at once whose change alone lowered the energy.
    """
    wide = config.replace(compare_spread=SPREAD)
    terms, vertices = energies(surface, prior, points, mask, state, view, wide, frame=frame)
    changed, found, together = [], [], state.body.clone()
    for limb in limbs:
        count = len(limb.ways)
        rows = torch.arange(len(points), device=points.device).repeat_interleave(count)
        bodies = state.body[rows]
        bodies[:, limb.columns] = limb.ways.repeat(len(points), 1)
        tried = state.rows(rows)._replace(body=bodies)
        shown = None if frame is None else frame[rows]
        data = (points[rows], mask[rows], tried, view[rows])
        other, moved = energies(surface, prior, *data, wide, frame=shown)
        alike = (moved - vertices[rows]).norm(dim=2).amax(1) < UNLIKE
        energy, way = (other["energy"] + ALIKE * alike).view(-1, count).min(1)
        best = state.body.clone()
        best[:, limb.columns] = limb.ways[way]
        changed.append(best)
        found.append(energy)
        better = (energy < terms["energy"])[:, None]
        together[:, limb.columns] = torch.where(better, best, together)[:, limb.columns]
    lowest = torch.stack(found, 1).topk(KEPT, largest=False).indices
    changed = torch.stack(changed, 1).gather(1, lowest[..., None].expand(-1, -1, together.shape[1]))
    bodies = torch.cat([changed, together[:, None]], 1)
    rows = torch.arange(len(points), device=points.device).repeat_interleave(bodies.shape[1])
    return state.rows(rows)._replace(body=bodies.flatten(0, 1))
