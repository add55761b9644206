"""Matching and every loss against plain loops in float64."""

import math

import pytest
import torch

from sshmr.body.model import Posed
from sshmr.geometry.rotations import rotvec_to_rotmat
from sshmr.network import losses
from sshmr.network.head import Prediction
from sshmr.network.matching import best_matches, dual_log_softmax, reconstruct

B, N, M, K = 2, 12, 15, 3
EXACT = {"rtol": 1e-5, "atol": 1e-7}
"""Distances carry 1e-12 square metres so that their slope is finite at zero."""


@pytest.fixture
def scene():
    generator = torch.Generator().manual_seed(0)

    def random(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    mask = torch.ones(B, N, dtype=torch.bool)
    mask[1, 8:] = False
    descriptors = torch.nn.functional.normalize(random(B, N, 6), dim=-1) * mask[..., None]
    of_template = torch.nn.functional.normalize(random(M, 6), dim=-1)
    return {
        "mask": mask,
        "points": random(B, N, 3) * mask[..., None],
        "template": random(M, 3),
        "vertices": random(B, M, 3),
        "descriptors": descriptors,
        "of_template": of_template,
        "similarity": descriptors @ of_template.T,
        "segment": torch.randint(M, (B, N), generator=generator).masked_fill(~mask, -1),
        "weight": torch.rand(B, N, generator=generator, dtype=torch.float64) * mask,
    }


def softmax(values):
    top = max(values)
    powers = [math.exp(value - top) for value in values]
    return [power / sum(powers) for power in powers]


def best(row, similarity, temperature=0.1, count=K):
    """Indices and weights of the best ``count`` of a row of scores (pairs of score and index)."""
    chosen = [i for _, i in sorted(((score, i) for i, score in row), reverse=True)[:count]]
    return chosen, softmax([float(similarity[i]) / temperature for i in chosen])


def weighted(positions, chosen, weights):
    return sum(weight * positions[i] for i, weight in zip(chosen, weights, strict=True))


def dual(scene, b):
    """Scores by the definition: log of the two softmaxes' product."""
    valid = scene["mask"][b].nonzero()[:, 0].tolist()
    scaled = scene["similarity"][b] / 0.1
    rows = {i: softmax(scaled[i].tolist()) for i in valid}
    columns = {j: softmax([float(scaled[i, j]) for i in valid]) for j in range(M)}
    return valid, {
        (i, j): math.log(rows[i][j]) + math.log(columns[j][n]) for n, i in enumerate(valid) for j in range(M)
    }


def test_dual_softmax_matches_and_reconstruction(scene):
    scores = dual_log_softmax(scene["similarity"], 0.1, scene["mask"])
    indices, weights = best_matches(scene["similarity"], scores, K, 0.1)
    rebuilt = reconstruct(indices, weights, scene["template"].expand(B, -1, -1))
    for b in range(B):
        valid, slow = dual(scene, b)
        for i in valid:
            for j in range(M):
                assert float(scores[b, i, j]) == pytest.approx(slow[i, j])
            chosen, shares = best([(j, slow[i, j]) for j in range(M)], scene["similarity"][b, i])
            assert indices[b, i].tolist() == chosen
            torch.testing.assert_close(rebuilt[b, i], weighted(scene["template"], chosen, shares))
    assert scores[1, 8:].isneginf().all()
    assert torch.isfinite(rebuilt).all()


def test_self_reconstruction(scene):
    found = losses.self_reconstruction(scene["descriptors"], scene["points"], scene["mask"], K, 0.1)
    terms = []
    for b in range(B):
        valid = scene["mask"][b].nonzero()[:, 0].tolist()
        similarity = scene["descriptors"][b] @ scene["descriptors"][b].T
        for i in valid:
            row = [(j, float(similarity[i, j])) for j in valid if j != i]
            rebuilt = weighted(scene["points"][b], *best(row, similarity[i]))
            terms.append(float((rebuilt - scene["points"][b, i]).square().sum()))
    assert float(found) == pytest.approx(sum(terms) / len(terms))


def test_cross_reconstruction_goes_there_and_back(scene, monkeypatch):
    monkeypatch.setattr(losses, "BEST_MATCHED", 4)
    found = losses.cross_reconstruction(
        scene["similarity"], scene["points"], scene["mask"], scene["template"], K, 0.1
    )
    cloud_cycles, template_cycles = [], []
    pairs = {"cloud": ([], []), "template": ([], [])}
    for b in range(B):
        valid, slow = dual(scene, b)
        points, template, similarity = scene["points"][b], scene["template"], scene["similarity"][b]
        forth = {i: best([(j, slow[i, j]) for j in range(M)], similarity[i]) for i in valid}
        back = {j: best([(i, slow[i, j]) for i in valid], similarity[:, j]) for j in range(M)}
        on_template = {i: weighted(template, *forth[i]) for i in valid}
        on_cloud = {j: weighted(points, *back[j]) for j in range(M)}
        cloud_cycles += [square(weighted(on_cloud, *forth[i]) - points[i]) for i in valid]
        vertices = sorted(range(M), key=lambda j: -max(slow[i, j] for i in valid))[:4]
        template_cycles += [square(weighted(on_template, *back[j]) - template[j]) for j in vertices]
        best_points = sorted(valid, key=lambda i: -max(slow[i, j] for j in range(M)))[:4]
        add_pairs(pairs["cloud"], [on_cloud[j] for j in vertices], [points[i] for i in valid])
        add_pairs(pairs["template"], [on_template[i] for i in best_points], [template[j] for j in vertices])
    cloud_chamfer, template_chamfer = (sum(mean(part) for part in pairs[name]) for name in pairs)
    assert float(found[0]) == pytest.approx(mean(cloud_cycles) + cloud_chamfer)
    assert float(found[1]) == pytest.approx(mean(template_cycles) + template_chamfer)


def square(vector):
    return float(vector.square().sum())


def mean(values):
    return sum(values) / len(values)


def add_pairs(lists, first, second):
    lists[0].extend(min(square(a - b) for b in second) for a in first)
    lists[1].extend(min(square(a - b) for a in first) for b in second)


def test_distance_invariance(scene):
    place = torch.randn(B, N, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = losses.distance_invariance(scene["descriptors"], scene["points"], scene["mask"], place)
    terms = []
    for b in range(B):
        valid = scene["mask"][b].nonzero()[:, 0].tolist()
        for i in valid:
            alike = sorted(
                valid, key=lambda j: -float(scene["descriptors"][b, i] @ scene["descriptors"][b, j])
            )
            for j in [j for j in alike if j != i][:5]:
                here = float((scene["points"][b, i] - scene["points"][b, j]).norm())
                there = float((place[b, i] - place[b, j]).norm())
                terms.append(abs(here - there))
    assert float(found) == pytest.approx(mean(terms))


@pytest.mark.parametrize("spread", [None, 0.5])
def test_pseudo_label_cross_entropy(scene, spread):
    shares = None if spread is None else losses.label_shares(scene["template"], spread)
    own = losses.label_similarity(scene["descriptors"], scene["of_template"], scene["segment"], shares)
    found = losses.pseudo_label_cross_entropy(
        scene["similarity"], own, scene["segment"], scene["weight"], scene["mask"]
    )
    terms = []
    for b, i in scene["mask"].nonzero().tolist():
        chances = softmax((scene["similarity"][b, i] * 100).tolist())
        label = int(scene["segment"][b, i])
        if spread is None:
            target = [float(j == label) for j in range(M)]
        else:
            near = [
                -square(scene["template"][j] - scene["template"][label]) / (2 * spread**2) for j in range(M)
            ]
            target = softmax(near)
        entropy = -sum(t * math.log(max(c, 1e-300)) for t, c in zip(target, chances, strict=True) if t)
        terms.append((entropy, float(scene["weight"][b, i])))
    limit = sorted(entropy for entropy, _ in terms)[int(0.9 * (len(terms) - 1))]
    trusted = [(e, w * max(0.02, math.exp(-max(e - limit, 0)))) for e, w in terms]
    expected = sum(e * w for e, w in trusted) / sum(w for _, w in trusted)
    assert float(found) == pytest.approx(expected)


def test_labels_without_weight_count_nothing(scene):
    own = torch.zeros(B, N, dtype=torch.float64)
    zero = losses.pseudo_label_cross_entropy(
        scene["similarity"], own, scene["segment"], torch.zeros_like(own), scene["mask"]
    )
    assert float(zero) == 0


def test_chamfer_looks_at_matched_vertices_only(scene):
    found = losses.matched_chamfer(scene["similarity"], scene["vertices"], scene["points"], scene["mask"])
    forth, back = [], []
    for b in range(B):
        valid = scene["mask"][b].nonzero()[:, 0].tolist()
        hit = {int(scene["similarity"][b, i].argmax()) for i in valid}
        points, vertices = scene["points"][b], scene["vertices"][b]
        forth += [min(float((vertices[j] - points[i]).norm()) for i in valid) for j in hit]
        back += [min(float((vertices[j] - points[i]).norm()) for j in hit) for i in valid]
    assert float(found) == pytest.approx(mean(forth) + mean(back), rel=1e-5)


def test_weighted_distance(scene):
    found = losses.weighted_distance(scene["similarity"], scene["vertices"], scene["points"], scene["mask"])
    terms = []
    for b, i in scene["mask"].nonzero().tolist():
        row = list(enumerate(scene["similarity"][b, i].tolist()))
        chosen, weights = best(row, scene["similarity"][b, i], 0.01, 5)
        apart = [float((scene["vertices"][b, j] - scene["points"][b, i]).norm()) for j in chosen]
        terms.append(sum(w * d for w, d in zip(weights, apart, strict=True)))
    assert float(found) == pytest.approx(mean(terms), rel=1e-5)


def test_pose_size_leaves_the_root_out():
    pose = torch.zeros(2, 24, 3)
    pose[:, 0] = 3.0
    assert float(losses.pose_size(pose)) == 0
    pose[:, 5] = -0.69
    assert float(losses.pose_size(pose)) == pytest.approx(0.69 / 23)


def test_parameter_losses_vanish_at_the_target_and_weigh_by_confidence(neutral_body):
    eye = torch.eye(3).expand(2, 24, 3, 3)
    target = Prediction(eye, torch.zeros(2, 3), torch.zeros(2, 10))
    there = target.pose_body(neutral_body)
    moved = target._replace(pelvis=torch.tensor([[0.0, 0.1, 0.0], [0.0, 0.3, 0.0]])).pose_body(neutral_body)
    rot6d = torch.tensor([1.0, 0, 0, 0, 1, 0]).expand(2, 24, 6).clone()
    shares = torch.ones(24)

    def values(posed, confidence, numbers=rot6d):
        found = losses.parameter_losses(posed, numbers, there, eye, shares, torch.tensor(confidence))
        return [float(value) for value in found]

    assert values(there, [1.0, 1.0]) == pytest.approx([0, 0, 0], abs=2e-4)
    assert values(moved, [1.0, 1.0]) == pytest.approx([0.2, 0.2, 0], abs=2e-4)
    assert values(moved, [1.0, 0.0]) == pytest.approx([0.1, 0.1, 0], abs=2e-4)
    assert values(moved, [0.0, 0.0]) == pytest.approx([0, 0, 0], abs=2e-4)
    rot6d[0, 3] = 0  # undecided: two of 24 · 2 unit columns are missing
    assert values(there, [1.0, 1.0])[2] == pytest.approx(2 / 24 / 2)


def test_parameter_losses_equal_a_loop():
    generator = torch.Generator().manual_seed(2)

    def random(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    here, there = (Posed(random(B, 9, 3), random(B, 24, 3), None) for _ in range(2))
    rot6d, target = random(B, 24, 6), rotvec_to_rotmat(random(B, 24, 3))
    shares, confidence = torch.rand(24, generator=generator).double(), torch.tensor([0.9, 0.3]).double()
    found = losses.parameter_losses(here, rot6d, there, target, shares, confidence)
    vertices = joints = rotations = 0.0
    for b in range(B):
        trust = float(confidence[b] / confidence.sum())
        apart = [(v - w).norm() for v, w in zip(here.vertices[b], there.vertices[b], strict=True)]
        vertices += trust * float(mean(apart))
        apart = [(v - w).norm() for v, w in zip(here.joints[b], there.joints[b], strict=True)]
        joints += trust * float(mean(apart))
        for j in range(24):
            columns = torch.cat([target[b, j, :, 0], target[b, j, :, 1]])
            rotations += trust * float(shares[j] / shares.sum()) * square(rot6d[b, j] - columns)
    assert [float(part) for part in found] == pytest.approx([vertices, joints, rotations])


def test_counterparts_equal_a_loop(scene):
    found = losses.counterparts(scene["similarity"], scene["mask"], scene["template"], K, 0.1)
    for b in range(B):
        valid, slow = dual(scene, b)
        for i in valid:
            chosen = best([(j, slow[i, j]) for j in range(M)], scene["similarity"][b, i])
            torch.testing.assert_close(found[b, i], weighted(scene["template"], *chosen))
