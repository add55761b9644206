"""Poses of synthetic people: captured ones, combinations of them, the prior, and rare postures."""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor

from sshmr.body.model import MIRROR_JOINTS
from sshmr.body.prior import PosePrior
from sshmr.capture.motion_files import read_motion
from sshmr.errors import InputError
from sshmr.geometry.rotations import rotation_about_y, rotvec_to_rotmat
from sshmr.network.head import Prediction

LEFT_HIP, RIGHT_HIP, SPINE, LEFT_KNEE, RIGHT_KNEE = 1, 2, 3, 4, 5
NECK, LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_ELBOW, RIGHT_ELBOW = 12, 16, 17, 18, 19
LEGS = (1, 2, 4, 5, 7, 8, 10, 11)

KINDS = {
    "captured": 0.56,
    "crossed": 0.14,
    "prior": 0.1,
    "lying": 0.07,
    "seated": 0.06,
    "crawling": 0.03,
    "kneeling": 0.02,
    "any": 0.02,
}
"""Share of each kind of pose: as captured; legs of one and the rest of another captured pose; drawn from the
prior; lying in any roll; on a seat; on hands and knees; on the knees; a captured pose turned in any way."""

JITTER = 0.05
"""Radians, standard deviation of what is added to every joint's rotation vector."""


UNUSUAL = {"lying": 0.4, "seated": 0.3, "crawling": 0.15, "kneeling": 0.15}
"""The kinds that motion capture hardly has, for evaluation."""

FRAMES_PER_SECOND = 10.0
"""Of a motion, at most this many poses per second are used. More are redundant."""


class Captured(NamedTuple):
    """Poses to train on (P, 72), and of held-out people (Q, 72): rotation vectors, root first, y up."""

    training: Tensor
    held_out: Tensor


def read_captured(path: str, share: float) -> Captured:
    """Poses of a motion file, split by subject.

    Args:
        path: as ``read_motion`` takes it. share: of the subjects, how many are left out.

    Raises:
        InputError: when it can't be read, or has one subject only.
    """
    by_subject: dict[str, list[np.ndarray]] = {}
    for clip in read_motion(path):
        every = max(1, round(clip.fps / FRAMES_PER_SECOND))
        by_subject.setdefault(clip.subject, []).append(clip.pose[::every])
    names = np.random.default_rng(0).permutation(np.unique(list(by_subject)))
    if len(names) < 2:
        found, expected = f"{len(names)} subject", "two or more: some are left out for evaluation"
        raise InputError(path, "subject", found, expected)
    held = set(names[: max(1, int(len(names) * share))])

    def poses(of_held: bool) -> Tensor:
        parts = [part for name, parts in by_subject.items() if (name in held) == of_held for part in parts]
        return torch.from_numpy(np.concatenate(parts).astype(np.float32))

    return Captured(poses(False), poses(True))


def drawn_poses(prior: PosePrior, count: int = 4096, seed: int = 0) -> Captured:
    """The same without motion capture: upright bodies, their poses drawn from the prior."""
    generator = torch.Generator().manual_seed(seed)

    def poses() -> Tensor:
        drawn = prior.sample(count, generator).clamp(-2.6, 2.6)
        return torch.nn.functional.pad(drawn, (3, 0))

    return Captured(poses(), poses())


class _Random:
    """Random columns of one length from one generator."""

    def __init__(self, count: int, generator: Generator):
        self.count, self.generator = count, generator

    def uniform(self, low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(self.count, generator=self.generator)

    def normal(self, mean: float, spread: float) -> Tensor:
        return mean + spread * torch.randn(self.count, generator=self.generator)

    def chance(self, share: float) -> Tensor:
        return torch.rand(self.count, generator=self.generator) < share

    def angle(self) -> Tensor:
        return self.uniform(0, 2 * math.pi)

    def quarter(self, spread: float) -> Tensor:
        """Near a multiple of a quarter turn."""
        turns = torch.randint(4, (self.count,), generator=self.generator)
        return turns * (math.pi / 2) + self.normal(0, spread)


class PoseMixture:
    """Draws bodies of all kinds.

    Args:
        captured: (P, 72) rotation vectors, root first, y up. prior: ``PosePrior``.
        kinds: share of each kind, names as in ``KINDS``.
    """

    def __init__(self, captured: Tensor, prior: PosePrior, kinds: dict[str, float] = KINDS):
        self.captured, self.prior, self.kinds = captured.view(-1, 24, 3), prior, kinds

    def draw(self, count: int, generator: Generator) -> Prediction:
        """Bodies with random headings, the pelvis at the origin: ``count`` rows."""
        shares = torch.tensor([self.kinds.get(name, 0.0) for name in KINDS])
        kind = torch.multinomial(shares, count, replacement=True, generator=generator)
        chosen = {name: kind == i for i, name in enumerate(KINDS)}
        random = _Random(count, generator)
        rotvecs = self._captured(count, generator)
        other = self._captured(count, generator)
        rotvecs[:, LEGS] = torch.where(chosen["crossed"][:, None, None], other[:, LEGS], rotvecs[:, LEGS])
        drawn = self.prior.sample(count, generator).clamp(-2.6, 2.6).view(count, 23, 3)
        rotvecs[:, 1:] = torch.where(chosen["prior"][:, None, None], drawn, rotvecs[:, 1:])
        relaxed = torch.where(chosen["lying"], random.uniform(0.2, 1.0), 1.0)
        rotvecs[:, 1:] *= relaxed[:, None, None]
        for name, build in (("seated", _seat), ("crawling", _crawl), ("kneeling", _kneel)):
            rotvecs = torch.where(chosen[name][:, None, None], build(rotvecs.clone(), random), rotvecs)
        rotvecs[:, 1:] += JITTER * torch.randn(count, 23, 3, generator=generator)
        rotmats = rotvec_to_rotmat(rotvecs)
        rotmats = _mirror(rotmats, torch.rand(count, generator=generator) < 0.5)
        rotmats[:, 0] = self._roots(rotmats[:, 0], chosen, random)
        return Prediction(rotmats, torch.zeros(count, 3), _shapes(random))

    def _captured(self, count: int, generator: Generator) -> Tensor:
        return self.captured[torch.randint(len(self.captured), (count,), generator=generator)].clone()

    def _roots(self, roots: Tensor, chosen: dict[str, Tensor], random: _Random) -> Tensor:
        upright = rotvec_to_rotmat(torch.stack([random.normal(0, s) for s in (0.2, 0.0, 0.12)], 1))
        constructed = chosen["prior"] | chosen["seated"] | chosen["kneeling"]
        roots = torch.where(constructed[:, None, None], upright, roots)
        zeros = torch.zeros(len(roots))
        prone = rotvec_to_rotmat(torch.stack([math.pi / 2 + random.normal(0, 0.12), zeros, zeros], 1))
        roots = torch.where(chosen["crawling"][:, None, None], prone @ upright, roots)
        roll = rotation_about_y(torch.where(random.chance(0.5), random.angle(), random.quarter(0.2)))
        roots = torch.where(chosen["lying"][:, None, None], prone @ roll, roots)
        anyhow = rotvec_to_rotmat(torch.stack([random.normal(0, 2.0) for _ in range(3)], 1))
        roots = torch.where(chosen["any"][:, None, None], anyhow, roots)
        sway = rotvec_to_rotmat(torch.stack([random.normal(0, s) for s in (0.05, 0.0, 0.05)], 1))
        return rotation_about_y(random.angle()) @ sway @ roots


def _seat(rotvecs: Tensor, random: _Random) -> Tensor:
    for hip, knee in ((LEFT_HIP, LEFT_KNEE), (RIGHT_HIP, RIGHT_KNEE)):
        parts = (random.normal(-1.45, 0.25), random.normal(0, 0.15), random.normal(0, 0.2))
        rotvecs[:, hip] = torch.stack(parts, 1)
        rotvecs[:, knee] = 0
        rotvecs[:, knee, 0] = random.uniform(0.4, 1.9)
    rotvecs[:, SPINE] = 0.5 * rotvecs[:, SPINE]
    return rotvecs


def _kneel(rotvecs: Tensor, random: _Random) -> Tensor:
    for hip, knee in ((LEFT_HIP, LEFT_KNEE), (RIGHT_HIP, RIGHT_KNEE)):
        parts = (random.uniform(-1.3, 0.1), random.normal(0, 0.1), random.normal(0, 0.15))
        rotvecs[:, hip] = torch.stack(parts, 1)
        rotvecs[:, knee] = 0
        rotvecs[:, knee, 0] = random.uniform(1.3, 2.4)
    return rotvecs


def _crawl(rotvecs: Tensor, random: _Random) -> Tensor:
    rotvecs[:, 1:] *= 0.3
    left = (LEFT_HIP, LEFT_KNEE, LEFT_SHOULDER, LEFT_ELBOW, -1)
    right = (RIGHT_HIP, RIGHT_KNEE, RIGHT_SHOULDER, RIGHT_ELBOW, 1)
    for hip, knee, shoulder, elbow, sign in (left, right):
        rotvecs[:, hip, 0] = random.normal(-1.4, 0.3)
        rotvecs[:, knee, 0] = random.uniform(1.0, 1.9)
        rotvecs[:, shoulder] = torch.stack(
            [random.normal(0, 0.2), sign * random.normal(1.4, 0.3), random.normal(0, 0.2)], 1
        )
        rotvecs[:, elbow, 1] = sign * random.uniform(0, 0.5)
    rotvecs[:, NECK, 0] = random.uniform(-0.7, 0.2)
    return rotvecs


def _mirror(rotmats: Tensor, chosen: Tensor) -> Tensor:
    sign = torch.tensor([-1.0, 1.0, 1.0])
    swapped = rotmats[:, list(MIRROR_JOINTS)] * (sign[:, None] * sign)
    return torch.where(chosen[:, None, None, None], swapped, rotmats)


def _shapes(random: _Random) -> Tensor:
    """Ten betas; one body in five is far from the mean in its first two, size and weight."""
    betas = torch.stack([random.normal(0, 1) for _ in range(10)], 1).clamp(-2.5, 2.5)
    wide = torch.where(random.chance(0.2), 1.8, 1.0)
    betas[:, :2] *= wide[:, None]
    return betas.clamp(-4, 4)
