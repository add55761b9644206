"""Choose start bodies for a fit: rank all of them coarsely, then keep the best that differ."""

import torch

SCREEN_VERTICES = 96
SCREEN_POINTS = 96
SHIFTS = 3
CAP = 0.20
"""Metres. Larger distances are cut to this."""
UNLIKE = 0.10
"""Metres; two starts whose vertices are nearer than this on average count as one."""

SHORTLIST = 400
"""Number of starts that are ranked finely."""

COMPARED_EVERY = 4
"""Two starts are compared on every so-many-th vertex."""


ROUGH_SHORTLIST = 2304
"""Number of starts that are ranked coarsely."""
TIPPED = 0.005
"""Metres added to the score of a body that lies or is upside down, because few people do."""


def screen(
    vertices: torch.Tensor,
    tipped: torch.Tensor,
    points: torch.Tensor,
    mask: torch.Tensor,
    count: int,
    coverage: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pick ``count`` start bodies for each cloud.

    Args:
        vertices: (H, m, 3) metres, the start bodies, each centred.
        tipped: (H,) bool, those that do not stand upright.
        points: (B, n, 3) metres, centred clouds; mask: (B, n) bool.
        count: how many to pick.
        coverage: weight of the model-to-cloud distance against the cloud-to-model distance.

    Returns:
        index (B, count) into the start bodies, best first; shift (B, count, 3) metres that moves each to
        its cloud.
    """
    picked = [
        _screen_one(vertices, tipped * TIPPED, cloud[valid], count, coverage)
        for cloud, valid in zip(points, mask, strict=True)
    ]
    return torch.stack([index for index, _ in picked]), torch.stack([shift for _, shift in picked])


def _screen_one(
    vertices: torch.Tensor, handicap: torch.Tensor, cloud: torch.Tensor, count: int, coverage: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """All at a quarter of vertices and points, the best of them at half, then a ``SHORTLIST`` at all."""
    coarse, quarter = vertices[:, ::4], cloud[::4]
    shift = _shift(coarse, quarter)
    score = _score(coarse + shift[:, None], quarter, coverage) + handicap
    kept = score.topk(min(max(ROUGH_SHORTLIST, count), len(score)), largest=False).indices
    index, shift = _screen_some(vertices[kept], handicap[kept], cloud, count, coverage)
    return kept[index], shift


def _screen_some(
    vertices: torch.Tensor, handicap: torch.Tensor, cloud: torch.Tensor, count: int, coverage: float
) -> tuple[torch.Tensor, torch.Tensor]:
    rough, half = vertices[:, ::2], cloud[::2]
    shift = vertices.new_zeros(len(vertices), 3)
    for _ in range(SHIFTS):
        shift = shift + _shift(rough + shift[:, None], half)
    score = _score(rough + shift[:, None], half, coverage) + handicap
    short = score.topk(min(max(SHORTLIST, count), len(score)), largest=False).indices
    shift = shift[short]
    shift = shift + _shift(vertices[short] + shift[:, None], cloud)
    placed = vertices[short] + shift[:, None]
    score = _score(placed, cloud, coverage) + handicap[short]
    placed = placed[:, ::COMPARED_EVERY]
    chosen = []
    for _ in range(count):
        best = score.argmin(0, keepdim=True)
        chosen.append(best)
        alike = (placed - placed[best]).square().sum(2).sqrt().mean(1) < UNLIKE
        score = score + alike * CAP * 10
    picked = torch.cat(chosen)
    return short[picked], shift[picked]


def _shift(vertices: torch.Tensor, cloud: torch.Tensor) -> torch.Tensor:
    """(H, 3) from the nearest vertices of H bodies (H, m, 3) to the points (n, 3), on average."""
    # Squared distances minus the points' own squares, which do not change the order.
    left = torch.cat([-2 * cloud, torch.ones_like(cloud[:, :1])], 1)
    right = torch.cat([vertices, vertices.square().sum(2, keepdim=True)], 2)
    nearest = (left @ right.transpose(1, 2)).argmin(2)
    return (cloud - vertices.gather(1, nearest[..., None].expand(-1, -1, 3))).mean(1)


def _score(vertices: torch.Tensor, cloud: torch.Tensor, coverage: float) -> torch.Tensor:
    """(H,) distances of H bodies (H, m, 3) and the points (n, 3); lower is better."""
    distance = torch.cdist(cloud.expand(len(vertices), -1, -1), vertices).clamp_(max=CAP)
    return distance.amin(2).mean(1) + coverage * distance.amin(1).mean(1)
