"""Which of many start bodies are worth a fit: a cheap look at all, then the best that differ."""

import torch

SCREEN_VERTICES = 96
SCREEN_POINTS = 96
SHIFTS = 3
CAP = 0.20
"""Metres; a distance beyond it says no more than that something is missing."""
UNLIKE = 0.10
"""Metres; two starts whose vertices are nearer than this on average count as one."""

COMPARED_EVERY = 4
"""Starts are told apart by every so-many-th vertex."""


def screen(vertices, points, mask, count, coverage):
    """Pick ``count`` start bodies for each cloud.

    Args:
        vertices: (H, m, 3) metres, the start bodies, each centred.
        points: (B, n, 3) metres, centred clouds; mask: (B, n) bool.
        count: how many to pick.
        coverage: weight of the model-to-cloud distance against the cloud-to-model distance.

    Returns:
        index (B, count) into the start bodies, best first; shift (B, count, 3) metres that lays each on
        its cloud.
    """
    picked = [
        _screen_one(vertices, cloud[valid], count, coverage)
        for cloud, valid in zip(points, mask, strict=True)
    ]
    return torch.stack([index for index, _ in picked]), torch.stack([shift for _, shift in picked])


def _screen_one(vertices, cloud, count, coverage):
    shift = vertices.new_zeros(len(vertices), 3)
    for _ in range(SHIFTS):
        nearest = torch.cdist(cloud.expand(len(vertices), -1, -1), vertices + shift[:, None]).argmin(2)
        matched = vertices.gather(1, nearest[..., None].expand(-1, -1, 3)) + shift[:, None]
        shift = shift + (cloud - matched).mean(1)
    distance = torch.cdist(cloud.expand(len(vertices), -1, -1), vertices + shift[:, None]).clamp_(max=CAP)
    score = distance.amin(2).mean(1) + coverage * distance.amin(1).mean(1)
    placed = (vertices + shift[:, None])[:, ::COMPARED_EVERY]
    chosen = []
    for _ in range(count):
        best = int(score.argmin())
        chosen.append(best)
        alike = (placed - placed[best]).square().sum(2).sqrt().mean(1) < UNLIKE
        score = score + alike * CAP * 10
    return torch.tensor(chosen, device=vertices.device), shift[chosen]
