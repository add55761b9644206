"""Limb search: other typical poses of each arm and leg are tried on the body found.

A cloud from one side shows much of the trunk, but little of an arm before or behind it. A search over
whole bodies must find all limbs at the same time; here each limb is searched separately.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch

from sshmr.body.model import BodyModel
from sshmr.fit.energy import Problem, energies
from sshmr.fit.hypotheses import mirrored
from sshmr.fit.linearise import State
from sshmr.geometry.neighbours import farthest_point_sample

LIMBS = ((13, 16, 18, 20, 22), (14, 17, 19, 21, 23), (1, 4, 7, 10), (2, 5, 8, 11))
"""Joints of each limb: left arm, right arm, left leg, right leg."""
WAYS = 24
"""Number of poses that are tried per limb."""
VERTICES, POINTS = 192, 192
"""Vertices of the body and points of the cloud in the comparison."""
SPREAD = 0.06
"""Metres. Standard deviation of the correspondence in the comparison. It is large, as no pose is refined
yet."""
UNLIKE = 0.2
"""Metres. A pose that moves no vertex farther than this counts as the same."""
ALIKE = 1e6
"""Nats added to the energy of such a pose, more than any fit has."""
KEPT = 2
"""Number of hypotheses with one changed limb that are kept: those of the lowest energy."""


class Limb(NamedTuple):
    """columns (C,) of a limb in the body pose's 69 numbers; ways (K, C): its poses, radians."""

    columns: torch.Tensor
    ways: torch.Tensor


def typical_limbs(body: BodyModel, poses: torch.Tensor, count: int = WAYS) -> list[Limb]:
    """For each limb, the ``count`` typical poses that differ most.

    Args:
        body: BodyModel. poses: (P, 72) radians, typical poses. Their mirror images are used, too.

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


def other_limbs(problem: Problem, state: State, limbs: Sequence[Limb], view: torch.Tensor) -> State:
    """The bodies with other limb poses.

    Args:
        problem: B clouds. state: B bodies.
        limbs: from ``typical_limbs``. view: (B, 3) from ``view_direction``.

    Returns:
        State of B · (KEPT + 1) bodies, those of a cloud together: one limb in its best other pose, then all
        of those at once whose change alone lowered the energy.
    """
    problem = problem._replace(config=problem.config.replace(compare_spread=SPREAD), expected=None)
    clouds, device = len(problem.points), problem.points.device
    terms, vertices = energies(problem, state, view)
    changed, found, together = [], [], state.body.clone()
    for limb in limbs:
        count = len(limb.ways)
        rows = torch.arange(clouds, device=device).repeat_interleave(count)
        bodies = state.body[rows]
        bodies[:, limb.columns] = limb.ways.repeat(clouds, 1)
        tried = state.rows(rows)._replace(body=bodies)
        other, moved = energies(problem.rows(rows), tried, view[rows])
        alike = (moved - vertices[rows]).norm(dim=2).amax(1) < UNLIKE
        energy, way = (other["energy"] + ALIKE * alike).view(-1, count).min(1)
        best = state.body.clone()
        best[:, limb.columns] = limb.ways[way]
        changed.append(best)
        found.append(energy)
        better = (energy < terms["energy"])[:, None]
        together[:, limb.columns] = torch.where(better, best, together)[:, limb.columns]
    lowest = torch.stack(found, 1).topk(KEPT, largest=False).indices
    kept = torch.stack(changed, 1).gather(1, lowest[..., None].expand(-1, -1, together.shape[1]))
    bodies = torch.cat([kept, together[:, None]], 1)
    rows = torch.arange(clouds, device=device).repeat_interleave(bodies.shape[1])
    return state.rows(rows)._replace(body=bodies.flatten(0, 1))
