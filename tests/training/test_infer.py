"""What several views of a cloud give together."""

import pytest
import torch

from sshmr.config.infer import InferConfig
from sshmr.config.network import network_config
from sshmr.geometry.rotations import rotmat_to_rot6d, rotvec_to_rotmat
from sshmr.network.head import Prediction
from sshmr.network.model import MeshRegressor, Output
from sshmr.training.batch import Batch, mirror, turn
from sshmr.training.infer import TILTED, predict, predict_views, sampled, upright_views, views


class Oracle:
    """Knows the answer of one cloud, however it is turned or mirrored."""

    def __init__(self, points, mask, target):
        self.known, self.mask = [], mask
        batch = Batch(points, mask, torch.full(mask.shape, -1), mask.float(), target, torch.ones(len(points)))
        for side in (False, True):
            shown = mirror(batch, torch.full((len(points),), side), torch.arange(1))
            for angle in torch.arange(4) * (torch.pi / 2):
                self.known.append(turn(shown, angle.expand(len(points))))

    def __call__(self, points, mask, descriptors, matched_points):
        found = min(self.known, key=lambda batch: float((batch.points - points).abs().max()))
        assert torch.allclose(found.points, points, atol=1e-5)
        similarity = torch.zeros(*mask.shape, 5)
        return Output(None, None, similarity, found.target, rotmat_to_rot6d(found.target.rotmats))


def test_views_of_a_right_answer_agree():
    """Each view's answer, brought back, is the answer for the cloud as it is."""
    torch.manual_seed(0)
    target = Prediction(rotvec_to_rotmat(torch.randn(3, 24, 3)), torch.randn(3, 3), torch.randn(3, 10))
    points, mask = torch.randn(3, 20, 3), torch.ones(3, 20, dtype=torch.bool)
    prediction, _ = predict(Oracle(points, mask, target), points, mask, None, views(4, mirrored=True))
    for found, expected in zip(prediction, target, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("mirrored", [False, True])
@torch.no_grad()
def test_the_mean_over_views_turns_with_the_cloud(mirrored, settings):
    torch.manual_seed(1)
    network = MeshRegressor(network_config(settings["network"]), torch.randn(50, 3)).eval()
    torch.nn.init.normal_(network.head.readout.rotation.weight)
    points, mask = torch.randn(2, 30, 3), torch.ones(2, 30, dtype=torch.bool)
    shown = views(4, mirrored)
    quarter = shown[1].rotation
    straight, _ = predict(network, points, mask, network.encode_template(), shown)
    turned, _ = predict(network, points @ quarter.T, mask, network.encode_template(), shown)
    torch.testing.assert_close(quarter @ straight.rotmats[:, 0], turned.rotmats[:, 0], atol=1e-4, rtol=0)
    torch.testing.assert_close(straight.rotmats[:, 1:], turned.rotmats[:, 1:], atol=1e-4, rtol=0)
    torch.testing.assert_close(straight.pelvis @ quarter.T, turned.pelvis, atol=1e-4, rtol=0)


def test_later_passes_show_every_body_upright_and_facing_ahead_mirrored_or_not():
    torch.manual_seed(2)
    target = Prediction(rotvec_to_rotmat(torch.randn(5, 24, 3)), torch.randn(5, 3), torch.randn(5, 10))
    points, mask = torch.randn(5, 20, 3), torch.ones(5, 20, dtype=torch.bool)
    cloud = Batch(points, mask, torch.full(mask.shape, -1), mask.float(), target, torch.ones(5))
    for view in upright_views(target, mirrored=True):
        shown = mirror(cloud, torch.full((5,), view.mirrored), torch.arange(1))
        pelvis = view.rotation @ shown.target.rotmats[:, 0]
        torch.testing.assert_close(pelvis, torch.eye(3).expand(5, 3, 3), atol=1e-5, rtol=0)


class UprightOnly:
    """Knows the answer of clouds whose body is nearly upright. Of others it says something else, unsurely."""

    def __init__(self, points, target):
        self.points, self.target, self.seen = points, target, []

    def __call__(self, points, mask, descriptors, matched_points):
        # Which of the known clouds each one is, as rotations keep the norms, and by which rotation.
        norms = (points.norm(dim=2)[:, None] - self.points.norm(dim=2)).abs().sum(2)
        which = norms.argmin(1)
        turn = (torch.linalg.pinv(self.points[which]) @ points).mT
        pelvis, rotmats, betas = (
            self.target.pelvis[which],
            self.target.rotmats[which],
            self.target.betas[which],
        )
        upright = (turn @ rotmats[:, 0])[:, 1, 1] > 0.5
        root = torch.where(upright[:, None, None], turn @ rotmats[:, 0], torch.eye(3))
        rotmats = torch.cat([root[:, None], rotmats[:, 1:]], 1)
        pelvis = (pelvis[:, None] @ turn.mT)[:, 0]
        similarity = torch.zeros(*mask.shape, 50)
        similarity[upright, :, 0] = 1.0
        self.seen.append(upright)
        return Output(None, None, similarity, Prediction(rotmats, pelvis, betas), rotmat_to_rot6d(rotmats))


def test_people_upside_down_and_lying_are_predicted_as_they_are():
    """One body stands, one hangs head down, two lie with their heads along z and x."""
    torch.manual_seed(6)
    rotmats = rotvec_to_rotmat(torch.randn(4, 24, 3))
    rotmats[:, 0] = torch.cat([torch.eye(3)[None], TILTED[[0, 1, 4]]])
    target = Prediction(rotmats, torch.randn(4, 3), torch.randn(4, 10))
    points, mask = torch.randn(4, 20, 3), torch.ones(4, 20, dtype=torch.bool)
    network = UprightOnly(points, target)
    config = InferConfig(points=0, matched_points=0, rotations=1, passes=2, mirrored=False)
    found, certainty = predict_views(network, points, mask, None, config)
    torch.testing.assert_close(found.rotmats, target.rotmats, atol=1e-4, rtol=0)
    torch.testing.assert_close(found.pelvis, target.pelvis, atol=1e-4, rtol=0)
    assert (certainty > 0.9).all()
    assert [len(seen) for seen in network.seen] == [4, 4] + [3] * (5 + 1), "only uncertain clouds start again"
    wrong, _ = predict_views(network, points, mask, None, config.model_copy(update={"tilted": False}))
    assert ((wrong.rotmats - target.rotmats)[:, 0].abs().amax((1, 2)) > 0.9).tolist() == [
        False,
        True,
        True,
        True,
    ]


def rows(cloud, mask):
    """Each cloud's real points in an order that doesn't tell how they lay."""
    return [sorted(map(tuple, one[real].tolist())) for one, real in zip(cloud, mask, strict=True)]


def test_the_sampled_points_are_spread_over_the_cloud_whatever_their_order():
    torch.manual_seed(3)
    crowd, ends = 0.01 * torch.randn(1, 60, 3), torch.tensor([[[0.0, 1.0, 0.0], [0.0, -1.0, 0.0]]])
    points, mask = torch.cat([crowd, ends], dim=1), torch.ones(1, 62, dtype=torch.bool)
    config = InferConfig(points=10, matched_points=2)
    seen, real = sampled(points, mask, config)
    assert seen.shape == (1, 10, 3)
    assert real.all()
    assert rows(seen[:, :2], real[:, :2]) == rows(ends, mask[:, :2])
    assert set(rows(seen, real)[0]) < set(rows(points, mask)[0])
    order = torch.randperm(62)
    assert torch.equal(sampled(points[:, order], mask, config)[0], seen)


def test_of_a_small_cloud_every_point_is_sampled_once():
    torch.manual_seed(4)
    points, mask = torch.randn(2, 20, 3), torch.arange(20) < torch.tensor([[7], [20]])
    points = points * mask[..., None]
    for config in (InferConfig(points=12), InferConfig(points=0, matched_points=5)):
        seen, real = sampled(points, mask, config)
        assert rows(seen[:1], real[:1]) == rows(points[:1], mask[:1])
        assert not seen[~real].any()
    assert seen.shape == points.shape
    assert rows(seen, real) == rows(points, mask)


def test_all_points_are_kept_in_order_where_no_number_is_set():
    points, mask = torch.randn(2, 20, 3), torch.ones(2, 20, dtype=torch.bool)
    seen, real = sampled(points, mask, InferConfig(points=0, matched_points=0))
    assert seen is points
    assert real is mask


@torch.no_grad()
def test_only_matched_points_tell_how_certain_a_prediction_is(settings):
    torch.manual_seed(5)
    network = MeshRegressor(network_config(settings["network"]), torch.randn(50, 3)).eval()
    points, mask = torch.randn(2, 30, 3), torch.ones(2, 30, dtype=torch.bool)
    _, certainty = predict(
        network, points, mask, network.encode_template(), views(1, False), matched_points=8
    )
    similarity = network(points, mask).similarity[:, :8]
    expected = (100 * similarity).softmax(-1).amax(-1).mean(1)
    torch.testing.assert_close(certainty, expected, atol=1e-4, rtol=1e-4)
