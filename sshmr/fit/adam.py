"""The published routine: Adam on a coherent-point-drift energy with chamfer, pose, bending and shape terms.

The baseline that the default optimiser is measured against. Padding is masked everywhere.

Source: Su et al., "Self-Supervised Human Mesh Recovery from Partial Point Cloud via a Self-Improving Loop",
ACM MM 2025; Bogo et al., "Keep it SMPL", ECCV 2016, for the prior's weights.
"""

from typing import NamedTuple

import torch

from sshmr.body.model import BodyModel
from sshmr.body.prior import PosePrior
from sshmr.fit.energy import bending, soft_correspondence
from sshmr.fit.linearise import State
from sshmr.geometry.neighbours import nearest
from sshmr.geometry.rotations import rotmat_to_rotvec, rotvec_to_rotmat

STEPS = 101
RATE = 0.05
FIRST_VARIANCE, LEAST_VARIANCE = 0.0025, 1e-4
CORRESPONDENCE = {"bootstrap": 1e3, "later": 1e4}
MODEL_TO_CLOUD, CLOUD_TO_MODEL = 100.0**2, 25.0**2
POSE, BENDING, SHAPE = 14.34**2, 15.2**2, 2.0**2
NEAR_SHAPE, NEAR_POSE = 10.0**2, 3.0**2


def fit_published(
    body: BodyModel,
    prior: PosePrior,
    points: torch.Tensor,
    mask: torch.Tensor,
    start: State,
    outlier_weight: float,
    phase: str,
) -> tuple[State, dict[str, torch.Tensor], torch.Tensor]:
    """Fit R bodies, each to its cloud, from ``start``.

    Args:
        body: BodyModel; all of its vertices take part.
        points: (R, N, 3) metres; mask: (R, N) bool.
        start: State of R rows.
        phase: ``bootstrap`` (from a standing pose) or ``later`` (from predictions).

    Returns:
        The final State; a dict of its energy terms, each (R,), in the published units; the mean movement of
        the vertices in the last step (R,), metres.
    """
    unknowns = [rotmat_to_rotvec(start.root), start.body, start.betas, start.transl]
    unknowns = [part.detach().clone().requires_grad_(True) for part in unknowns]
    optimiser = torch.optim.Adam(unknowns, lr=RATE)
    variance = torch.full((len(points),), FIRST_VARIANCE, dtype=points.dtype, device=points.device)
    with torch.enable_grad():
        for step in range(STEPS):
            data = (points, mask, variance, outlier_weight)
            terms, variance, vertices = _terms(body, prior, data, unknowns, start, phase)
            if step < STEPS - 1:
                earlier = vertices
                optimiser.zero_grad()
                terms["energy"].sum().backward()
                optimiser.step()
    root, *rest = (part.detach() for part in unknowns)
    terms = {name: value.detach() for name, value in terms.items()}
    return State(rotvec_to_rotmat(root), *rest), terms, (vertices - earlier).norm(dim=2).mean(1)


def _terms(
    body: BodyModel,
    prior: PosePrior,
    data: tuple[torch.Tensor, torch.Tensor, torch.Tensor, float],
    unknowns: list[torch.Tensor],
    start: State,
    phase: str,
) -> tuple[dict[str, torch.Tensor], torch.Tensor, torch.Tensor]:
    points, mask, variance, outlier_weight = data
    vertices = _posed(body, unknowns)
    match = _match(vertices.detach(), points, mask, variance, outlier_weight)
    squared = (match.mass * (vertices - match.target).square().sum(2)).sum(1)
    to_cloud = (vertices - _picked(points, match.nearest_point)).norm(dim=2).mean(1)
    to_model = (points - _picked(vertices, match.nearest_vertex)).norm(dim=2)
    to_model = (to_model * mask).sum(1) / mask.sum(1).clamp_min(1)
    terms = {
        "energy_correspondence": CORRESPONDENCE[phase] * (squared + match.constant),
        "energy_chamfer": MODEL_TO_CLOUD * to_cloud + CLOUD_TO_MODEL * to_model,
        **_prior_terms(prior, unknowns, start),
    }
    return {"energy": sum(terms.values()), **terms}, match.variance, vertices.detach()


def _posed(body: BodyModel, unknowns: list[torch.Tensor]) -> torch.Tensor:
    root, pose, betas, transl = unknowns
    return body(torch.cat([root, pose], 1), betas, transl).vertices


def _prior_terms(prior: PosePrior, unknowns: list[torch.Tensor], start: State) -> dict[str, torch.Tensor]:
    _, pose, betas, _ = unknowns
    return {
        "energy_prior": POSE * prior.negative_log_likelihood(pose)
        + BENDING * (2 * bending(pose)).exp().sum(1),
        "energy_shape": SHAPE * betas.square().sum(1)
        + NEAR_SHAPE * (betas - start.betas).square().sum(1)
        + NEAR_POSE * (pose - start.body).square().sum(1),
    }


class Match(NamedTuple):
    """The results of the E step and of the nearest-neighbour search. They are constant in a step.

    With the posterior p (R, M, N) of vertex and point, a vertex has the ``mass`` Σ p (R, M) and the
    ``target`` Σ p x / Σ p (R, M, 3). Then Σ p d² is the masses' squared distance to their targets and a
    ``constant`` (R,): the same derivative without a gradient through M × N numbers.
    """

    mass: torch.Tensor
    target: torch.Tensor
    constant: torch.Tensor
    variance: torch.Tensor
    nearest_point: torch.Tensor
    nearest_vertex: torch.Tensor


@torch.no_grad()
def _match(
    vertices: torch.Tensor,
    points: torch.Tensor,
    mask: torch.Tensor,
    variance: torch.Tensor,
    outlier_weight: float,
) -> Match:
    soft = soft_correspondence(vertices, points, mask, variance, outlier_weight)
    # Σ p d² from sums over each side, in float64 since large numbers cancel.
    mass, target = soft.mass.double(), soft.target.double()
    squares = (mass * vertices.double().square().sum(2) - 2 * mass * (target * vertices).sum(2)).sum(1)
    total = squares + (soft.inlier.double() * points.double().square().sum(2)).sum(1)
    constant = total - (mass * (vertices - target).square().sum(2)).sum(1)
    variance = (total / mass.sum(1).clamp_min(1e-9) / 5).clamp_min(LEAST_VARIANCE)
    near_points, near_vertices = _nearest(vertices, points, mask), _nearest(points, vertices)
    return Match(soft.mass, soft.target, constant.to(points), variance.to(points), near_points, near_vertices)


def _nearest(query: torch.Tensor, reference: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
    """Index of each query's nearest reference point, (R, Q); on a CPU, trees are faster than all pairs."""
    if query.device.type != "cpu":
        return nearest(query, reference, mask)[1]
    # The import takes half a second, which jobs of the other optimiser save.
    from scipy.spatial import cKDTree

    found = []
    for row, (places, among) in enumerate(zip(query, reference, strict=True)):
        real = torch.arange(len(among)) if mask is None else mask[row].nonzero().flatten()
        found.append(real[torch.from_numpy(cKDTree(among[real].numpy()).query(places.numpy())[1])])
    return torch.stack(found)


def _picked(places: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """(R, M, 3), (R, N) → (R, N, 3)."""
    return places.gather(1, index[..., None].expand(-1, -1, 3))
