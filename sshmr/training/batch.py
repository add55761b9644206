"""Batches of clouds with their pseudo labels, and augmentations that change both consistently."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Self

import torch

from sshmr.body.model import MIRROR_JOINTS
from sshmr.geometry.neighbours import group
from sshmr.geometry.rotations import rotation_about_y
from sshmr.network.head import Prediction


class Batch(NamedTuple):
    """Clouds and their pseudo labels.

    Attributes:
        points: (B, N, 3) metres, zero rows where mask (B, N) is False.
        segment: (B, N) int64 template vertex of each point, −1 unknown. weight: (B, N) in [0, 1], of
            these pseudo labels.
        target: the fitted or synthetic body.
        trust: (B,) weight of the target, 0 to 1; 0 where the fit is not used for training.
    """

    points: torch.Tensor
    mask: torch.Tensor
    segment: torch.Tensor
    weight: torch.Tensor
    target: Prediction
    trust: torch.Tensor

    def to(self, device: torch.device) -> Self:
        """The batch on another device; from pinned memory, the copy is asynchronous."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def pinned(self) -> Self:
        """The batch in memory that a GPU fetches from."""
        return self._each(torch.Tensor.pin_memory)

    def _each(self, change: Callable[[torch.Tensor], torch.Tensor]) -> Self:
        tensors = {name: change(getattr(self, name)) for name in self._fields if name != "target"}
        return self._replace(**tensors, target=Prediction(*map(change, self.target)))


def join(batches: Sequence[Batch]) -> Batch:
    """Concatenate batches of one width."""
    parts = {
        name: torch.cat([getattr(b, name) for b in batches]) for name in Batch._fields if name != "target"
    }
    target = Prediction(*(torch.cat(part) for part in zip(*(b.target for b in batches), strict=True)))
    return Batch(**parts, target=target)


def take(batch: Batch, index: torch.Tensor | slice) -> Batch:
    """The clouds at some indices, or of a slice."""
    parts = {name: getattr(batch, name)[index] for name in Batch._fields if name != "target"}
    return Batch(**parts, target=Prediction(*(part[index] for part in batch.target)))


def recentre(batch: Batch) -> Batch:
    """Move every cloud's valid mean to the origin, its body too."""
    shares = batch.mask[..., None].to(batch.points.dtype)
    mean = (batch.points * shares).sum(1) / shares.sum(1).clamp_min(1)
    target = batch.target._replace(pelvis=batch.target.pelvis - mean)
    return batch._replace(points=(batch.points - mean[:, None]) * shares, target=target)


def choose_points(batch: Batch, count: int, generator: torch.Generator) -> Batch:
    """Keep ``count`` random valid points of each cloud (all of a smaller one): (B, count, ...)."""
    order = torch.rand(batch.mask.shape, generator=generator).masked_fill(~batch.mask, 2.0)
    width = min(count, order.shape[1])
    chosen = order.topk(width, dim=1, largest=False).indices
    kept = batch._replace(
        points=group(batch.points, chosen),
        mask=batch.mask.gather(1, chosen),
        segment=batch.segment.gather(1, chosen),
        weight=batch.weight.gather(1, chosen),
    )
    return pad(kept, count)


def first_points(batch: Batch, count: int) -> Batch:
    """The first ``count`` points of each cloud, the rest left out without recentring."""
    names = ("points", "mask", "segment", "weight")
    return batch._replace(**{name: getattr(batch, name)[:, :count] for name in names})


def pad(batch: Batch, width: int) -> Batch:
    """Add padding up to ``width`` points."""
    missing = width - batch.points.shape[1]
    if missing <= 0:
        return batch
    points = torch.nn.functional.pad(batch.points, (0, 0, 0, missing))
    padded = {
        name: torch.nn.functional.pad(getattr(batch, name), (0, missing), value=value)
        for name, value in (("mask", False), ("segment", -1), ("weight", 0.0))
    }
    return batch._replace(
        points=points, mask=padded["mask"], segment=padded["segment"], weight=padded["weight"]
    )


def turn(batch: Batch, angles: torch.Tensor) -> Batch:
    """Rotate every cloud and its body about the vertical through the origin: angles (B,) radians."""
    rotation = rotation_about_y(angles)
    rotmats = batch.target.rotmats.clone()
    rotmats[:, 0] = rotation @ rotmats[:, 0]
    pelvis = (rotation @ batch.target.pelvis[..., None])[..., 0]
    points = batch.points @ rotation.transpose(1, 2)
    return batch._replace(points=points, target=batch.target._replace(rotmats=rotmats, pelvis=pelvis))


def mirror(batch: Batch, chosen: torch.Tensor, template_mirror: torch.Tensor) -> Batch:
    """Swap left and right of the chosen clouds, (B,) bool; pseudo labels become the mirror vertices, (M,)."""
    sign = torch.tensor([-1.0, 1.0, 1.0], dtype=batch.points.dtype)
    target = batch.target
    mirrored = Prediction(
        target.rotmats[:, list(MIRROR_JOINTS)] * (sign[:, None] * sign),
        target.pelvis * sign,
        target.betas,
    )
    segment = torch.where(batch.segment >= 0, template_mirror[batch.segment.clamp_min(0)], -1)
    kept = [
        torch.where(chosen.view(-1, *[1] * (old.ndim - 1)), new, old)
        for new, old in zip(mirrored, target, strict=True)
    ]
    return batch._replace(
        points=torch.where(chosen[:, None, None], batch.points * sign, batch.points),
        segment=torch.where(chosen[:, None], segment, batch.segment),
        target=Prediction(*kept),
    )


def jitter(batch: Batch, spread: float, generator: torch.Generator) -> Batch:
    """Move every point by noise of this standard deviation, metres."""
    noise = torch.randn(batch.points.shape, generator=generator) * spread
    return batch._replace(points=(batch.points + noise) * batch.mask[..., None])


def cut(batch: Batch, share: float, radius: tuple[float, float], generator: torch.Generator) -> Batch:
    """Remove the points in a ball from some clouds, as an obstacle does; never more than half the points.

    Args:
        share: of the clouds. radius: (least, greatest) metres.
    """
    count = len(batch.points)
    order = torch.rand(batch.mask.shape, generator=generator).masked_fill(~batch.mask, 2.0)
    centre = group(batch.points, order.argmin(1, keepdim=True))
    low, high = radius
    radii = low + (high - low) * torch.rand(count, 1, generator=generator)
    inside = (batch.points - centre).norm(dim=-1) < radii
    kept = batch.mask & ~inside
    applies = (torch.rand(count, generator=generator) < share) & (2 * kept.sum(1) >= batch.mask.sum(1))
    mask = torch.where(applies[:, None], kept, batch.mask)
    weight, segment = batch.weight * mask, batch.segment.masked_fill(~mask, -1)
    return batch._replace(points=batch.points * mask[..., None], mask=mask, weight=weight, segment=segment)
