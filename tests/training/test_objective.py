"""The sum of losses: what padding, order and company may not change, all losses switched on."""

import pytest
import torch

from sshmr.body.model import BodyModel, open_body_path
from sshmr.body.template import build_template
from sshmr.config.network import network_config
from sshmr.config.train import LossWeights
from sshmr.geometry.rotations import rotvec_to_rotmat
from sshmr.network.head import Prediction
from sshmr.network.model import MeshRegressor
from sshmr.training.batch import Batch, pad
from sshmr.training.objective import objective

EXACT = {"rtol": 1e-7, "atol": 1e-9}
EVERY = LossWeights(**{field: i + 1.0 for i, field in enumerate(LossWeights.model_fields)})


@pytest.fixture
def scene(settings, neutral_body):
    """A network in float64, the template's body, and a batch of two clouds."""
    torch.manual_seed(0)
    template = build_template(neutral_body, 40)
    body = BodyModel.load(open_body_path("neutral"), dtype=torch.float64).subset(template.vertex_ids)
    network = MeshRegressor(network_config(settings["network"]), template.vertices).double()
    generator = torch.Generator().manual_seed(1)

    def random(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    mask = torch.ones(2, 50, dtype=torch.bool)
    mask[1, 30:] = False
    points = random(2, 50, 3) * torch.tensor([0.2, 0.5, 0.15]) * mask[..., None]
    segment = torch.randint(40, (2, 50), generator=generator).masked_fill(~mask, -1)
    target = Prediction(rotvec_to_rotmat(0.3 * random(2, 24, 3)), 0.1 * random(2, 3), random(2, 10))
    weight = torch.rand(2, 50, generator=generator).double() * mask
    return network, body, Batch(points, mask, segment, weight, target, torch.tensor([0.9, 0.4]).double())


def total_and_gradients(network, body, batch):
    network.zero_grad()
    torch.manual_seed(0)  # training shuffles the curves
    output = network(batch.points, batch.mask)
    total, parts = objective(output, batch, network, body, EVERY, first_epoch=True)
    total.backward()
    return total.detach(), parts, [parameter.grad.clone() for parameter in network.parameters()]


def assert_same(first, second):
    torch.testing.assert_close(first[0], second[0], **EXACT)
    torch.testing.assert_close(first[1], second[1], **EXACT)
    torch.testing.assert_close(first[2], second[2], rtol=1e-6, atol=1e-8)


def test_the_total_weighs_every_loss(scene):
    total, parts, gradients = total_and_gradients(*scene)
    assert set(parts) == set(LossWeights.model_fields)
    assert float(total) == pytest.approx(sum(getattr(EVERY, name) * float(parts[name]) for name in parts))
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


def test_padding_changes_neither_losses_nor_gradients(scene):
    network, body, batch = scene
    assert_same(total_and_gradients(*scene), total_and_gradients(network, body, pad(batch, 90)))


def test_the_order_of_points_changes_neither_losses_nor_gradients(scene):
    network, body, batch = scene
    order = torch.randperm(50, generator=torch.Generator().manual_seed(2))
    names = ("points", "mask", "segment", "weight")
    shuffled = batch._replace(**{name: getattr(batch, name)[:, order] for name in names})
    assert_same(total_and_gradients(*scene), total_and_gradients(network, body, shuffled))


def test_the_order_of_clouds_changes_neither_losses_nor_gradients(scene):
    network, body, batch = scene
    target = Prediction(*(part.flip(0) for part in batch.target))
    parts = {name: getattr(batch, name).flip(0) for name in Batch._fields if name != "target"}
    assert_same(
        total_and_gradients(*scene), total_and_gradients(network, body, Batch(**parts, target=target))
    )
