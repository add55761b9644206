"""The published routine's quick derivative against the energy written out in full."""

import torch

from sshmr.fit.adam import CLOUD_TO_MODEL, CORRESPONDENCE, FIRST_VARIANCE, MODEL_TO_CLOUD, _match, _terms
from sshmr.fit.hypotheses import centred, turned_about_vertical, typical_poses


def written_out(vertices, points, mask, posterior):
    """Correspondence and chamfer terms with every pair of vertex and point in the graph, a loop a cloud."""
    correspondence, chamfer = [], []
    for skin, cloud, valid, share in zip(vertices, points, mask, posterior, strict=True):
        distance = (skin[:, None] - cloud[valid][None]).norm(dim=2)
        correspondence.append(CORRESPONDENCE["later"] * (share[:, valid] * distance.square()).sum())
        chamfer.append(
            MODEL_TO_CLOUD * distance.min(1).values.mean() + CLOUD_TO_MODEL * distance.min(0).values.mean()
        )
    return torch.stack(correspondence), torch.stack(chamfer)


def posterior_of(vertices, points, mask, variance, outlier_weight):
    """(R, M, N), entry by entry as the method states it."""
    share = torch.zeros(*vertices.shape[:2], points.shape[1], dtype=torch.float64)
    for row in range(len(vertices)):
        count = int(mask[row].sum())
        uniform = (2 * torch.pi * variance[row]) ** 1.5 * outlier_weight / (1 - outlier_weight)
        uniform = uniform * vertices.shape[1] / count
        for j in mask[row].nonzero().flatten().tolist():
            near = (-(vertices[row] - points[row, j]).square().sum(1) / (2 * variance[row])).exp()
            share[row, :, j] = near / (near.sum() + uniform)
    return share


def test_energy_and_derivative_are_those_of_all_pairs(surface, prior, seen_bodies):
    few = surface.first(96).body.to(dtype=torch.float64)
    prior = prior.to(dtype=torch.float64)
    points, mask = seen_bodies["points"][2:, :300].double(), seen_bodies["mask"][2:, :300]
    start = centred(few, turned_about_vertical(typical_poses(1), 2).double())
    variance = torch.full((2,), FIRST_VARIANCE, dtype=torch.float64)
    transl = start.transl.clone().requires_grad_(True)
    unknowns = [start.pose[:, :3], start.body, start.betas, transl]
    terms, next_variance, vertices = _terms(
        few, prior, (points, mask, variance, 0.05), unknowns, start, "later"
    )
    (terms["energy_correspondence"] + terms["energy_chamfer"]).sum().backward()

    moved = vertices.clone().requires_grad_(True)
    posterior = posterior_of(vertices, points, mask, variance, 0.05)
    correspondence, chamfer = written_out(moved, points, mask, posterior)
    (correspondence + chamfer).sum().backward()
    torch.testing.assert_close(terms["energy_correspondence"], correspondence)
    torch.testing.assert_close(terms["energy_chamfer"], chamfer)
    torch.testing.assert_close(transl.grad, moved.grad.sum(1))
    squared = torch.cdist(vertices, points).square()
    expected = (posterior * squared).sum((1, 2)) / posterior.sum((1, 2)) / 5
    torch.testing.assert_close(next_variance, expected)


def test_padding_belongs_to_no_vertex(surface, seen_bodies):
    vertices = surface.first(64).body.v_template.expand(2, -1, -1)
    points, mask = seen_bodies["points"][2:, :300].clone(), seen_bodies["mask"][2:, :300]
    variance = torch.full((2,), 0.01)
    match = _match(vertices, points, mask, variance, 0.05)
    points[~mask] = 5.0
    again = _match(vertices, points, mask, variance, 0.05)
    for name in ("mass", "target", "constant", "variance", "nearest_point"):
        torch.testing.assert_close(getattr(match, name), getattr(again, name))
