"""What several views of a cloud give together."""

import pytest
import torch

from sshmr.geometry.rotations import rotmat_to_rot6d, rotvec_to_rotmat
from sshmr.network.config import network_config
from sshmr.network.head import Prediction, heading
from sshmr.network.model import MeshRegressor, Output
from sshmr.training.batch import Batch, mirror, turn
from sshmr.training.infer import facing_views, predict, views


class Oracle:
    """Knows the answer of one cloud, however it is turned or mirrored."""

    def __init__(self, points, mask, target):
        self.known, self.mask = [], mask
        batch = Batch(points, mask, torch.full(mask.shape, -1), mask.float(), target, torch.ones(len(points)))
        for side in (False, True):
            shown = mirror(batch, torch.full((len(points),), side), torch.arange(1))
            for angle in torch.arange(4) * (torch.pi / 2):
                self.known.append(turn(shown, angle.expand(len(points))))

    def __call__(self, points, mask, descriptors):
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


def test_the_second_look_shows_every_cloud_facing_ahead_mirrored_or_not():
    torch.manual_seed(2)
    target = Prediction(rotvec_to_rotmat(torch.randn(5, 24, 3)), torch.randn(5, 3), torch.randn(5, 10))
    points, mask = torch.randn(5, 20, 3), torch.ones(5, 20, dtype=torch.bool)
    cloud = Batch(points, mask, torch.full(mask.shape, -1), mask.float(), target, torch.ones(5))
    for view in facing_views(target, mirrored=True):
        shown = mirror(cloud, torch.full((5,), view.mirrored), torch.arange(1))
        rotmats = shown.target.rotmats.clone()
        rotmats[:, 0] = view.rotation @ rotmats[:, 0]
        torch.testing.assert_close(heading(rotmats), torch.zeros(5), atol=1e-5, rtol=0)
