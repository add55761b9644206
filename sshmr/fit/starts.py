"""The start bodies of the search: postures at all headings, and in all orientations."""

import math
from typing import NamedTuple

import torch

from sshmr.body.model import BodyModel
from sshmr.fit.hypotheses import centred, rotated, turned_about_vertical
from sshmr.fit.linearise import State, skin
from sshmr.fit.screening import SCREEN_VERTICES
from sshmr.geometry.neighbours import farthest_point_sample

ORIENTATIONS = 256
"""Number of evenly spread rotations, about 40° apart. Those that leave a body upright are dropped."""
TIPPED_POSES = 24
"""Number of postures that are tried at all of these, those that differ most."""
UPRIGHT = 45.0
"""Degrees. Up to this tilt, headings are enough to find a body."""


class Starts(NamedTuple):
    """S start bodies, the vertices (S, m, 3) they are screened by, and which (S,) lie or are upside down."""

    state: State
    names: list[str]
    vertices: torch.Tensor
    tipped: torch.Tensor

    @classmethod
    def upright(cls, body: BodyModel, poses: torch.Tensor, headings: int) -> "Starts":
        """Every pose (K, 72) at every heading."""
        step = 360 / headings
        names = [f"pose {k} at {step * turn:.0f}°" for k in range(len(poses)) for turn in range(headings)]
        return cls._of(body, turned_about_vertical(poses, headings), names, False)

    @classmethod
    def tipped_over(cls, body: BodyModel, poses: torch.Tensor) -> "Starts":
        """The poses of (K, 72) that differ most, lying and upside down."""
        zeros = poses.new_zeros(len(poses), 10)
        level = torch.cat([poses.new_zeros(len(poses), 3), poses[:, 3:]], 1)
        joints = body(level, zeros, zeros[:, :3]).joints.flatten(1)
        picked = farthest_point_sample(joints[None], min(TIPPED_POSES, len(poses)))[0]
        turns = spread_rotations(ORIENTATIONS).to(poses)
        turns = turns[turns[:, 1, 1] < math.cos(math.radians(UPRIGHT))]
        names = [f"pose {k} in orientation {turn}" for k in picked.tolist() for turn in range(len(turns))]
        return cls._of(body, rotated(level[picked], turns), names, True)

    def joined(self, other: "Starts") -> "Starts":
        """These and the others."""
        state = State(*(torch.cat(parts) for parts in zip(self.state, other.state, strict=True)))
        vertices = torch.cat([self.vertices, other.vertices])
        tipped = torch.cat([self.tipped, other.tipped])
        return Starts(state, self.names + other.names, vertices, tipped)

    @classmethod
    def _of(cls, body: BodyModel, poses: torch.Tensor, names: list[str], tipped: bool) -> "Starts":
        state = centred(body, poses)
        few = body.subset(torch.arange(min(SCREEN_VERTICES, len(body.v_template))))
        mark = torch.full((len(poses),), tipped, device=poses.device)
        return cls(state, names, skin(few, state).vertices, mark)


def spread_rotations(count: int) -> torch.Tensor:
    """(count, 3, 3) rotations, spread evenly over all there are.

    Source: Alexa, "Super-Fibonacci Spirals: Fast, Low-Discrepancy Sampling of SO(3)", CVPR 2022.
    """
    place = torch.arange(count, dtype=torch.float64) + 0.5
    inner, outer = (place / count).sqrt(), (1 - place / count).sqrt()
    alpha, beta = 2 * math.pi * place / 2**0.5, 2 * math.pi * place / 1.533751168755204288118041
    x, y, z, w = inner * alpha.sin(), inner * alpha.cos(), outer * beta.sin(), outer * beta.cos()
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
        (2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
        (2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
    )
    return torch.stack([torch.stack(row, -1) for row in rows], -2)
