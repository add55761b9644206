"""On a GPU the fit, the network and its training give what they give on the CPU, and twice the same."""

import numpy as np
import pytest
import torch

from sshmr.body.template import build_template
from sshmr.config.fit import FitConfig
from sshmr.config.infer import InferConfig
from sshmr.config.network import NetworkConfig
from sshmr.config.train import train_config
from sshmr.fit.engine import Engine
from sshmr.fit.surface import SurfaceElements
from sshmr.geometry import neighbours
from sshmr.geometry.neighbours import farthest_point_sample
from sshmr.network.model import MeshRegressor
from sshmr.training.dataloader import StepLoader
from sshmr.training.dataset import Clouds
from sshmr.training.distributed import Processes
from sshmr.training.infer import infer
from sshmr.training.loop import Trainer
from sshmr.training.objective import objective
from sshmr.training.synthetic import SyntheticPeople

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU that PyTorch can use")


@pytest.fixture(scope="module")
def template(neutral_body):
    return build_template(neutral_body)


@pytest.fixture(scope="module")
def people(neutral_body, template, prior):
    return SyntheticPeople(neutral_body, template, prior)


@pytest.fixture
def clouds(people):
    """Six synthetic clouds with their labels."""
    return people.draw(6, 500, torch.Generator().manual_seed(5))


def losses_and_gradient(batch, network, body, device):
    """Losses of one step by name, and the gradient of all parameters, on the CPU."""
    network, batch, body = network.to(device), batch.to(device), body.to(device=device)
    network.zero_grad()
    output = network(batch.points, batch.mask)
    total, parts = objective(output, batch, network, body, train_config({}).weights, first_epoch=False)
    total.backward()
    gradient = torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])
    return {name: float(value) for name, value in parts.items()}, gradient.cpu()


@pytest.mark.parametrize(("precision", "loss", "angle"), [("float32", 1e-3, 1e-3), ("bfloat16", 5e-2, 0.1)])
def test_a_step_is_the_same_as_on_the_cpu(clouds, template, neutral_body, precision, loss, angle):
    torch.manual_seed(0)
    expected_network = MeshRegressor(NetworkConfig(), template.vertices).eval()
    network = MeshRegressor(NetworkConfig(precision=precision), template.vertices).eval()
    network.load_state_dict(expected_network.state_dict())
    body = neutral_body.subset(template.vertex_ids)
    expected, gradient = losses_and_gradient(clouds, expected_network, body, "cpu")
    found, other = losses_and_gradient(clouds, network, body, "cuda")
    assert found == pytest.approx(expected, rel=loss)
    assert torch.nn.functional.cosine_similarity(gradient, other, dim=0) > 1 - angle


@torch.no_grad()
def test_fits_are_the_same_as_on_the_cpu(clouds, template, neutral_body, prior):
    """Rounding may lead to another body of about the same energy, but for most clouds doesn't."""
    surface = SurfaceElements.of(neutral_body, template.vertex_ids)
    found = {}
    for device in ("cpu", "cuda", "cuda again"):
        place = torch.device(device.split()[0])
        engine = Engine(surface.to(place), prior.to(place), FitConfig())
        state = engine.from_nothing(clouds.points.to(place), clouds.mask.to(place)).state
        found[device] = engine.body(state.pose, state.betas, state.transl).joints.cpu()
    assert torch.equal(found["cuda"], found["cuda again"])
    apart = (found["cuda"] - found["cpu"]).norm(dim=2).mean(1)
    assert apart.median() < 2e-3, apart


def test_training_twice_gives_the_same_weights(clouds, template, neutral_body, people):
    config = train_config({"epochs": 2, "batch": 4, "points": 128, "matched_points": 64})
    weights = []
    for _ in range(2):
        torch.manual_seed(0)
        network = MeshRegressor(NetworkConfig(), template.vertices).cuda()
        data = Clouds(clouds, [str(number) for number in range(len(clouds.points))])
        loader = StepLoader([data], people, template.mirror, config, 0, Processes())
        weights.append(
            Trainer(network, loader, neutral_body, template, config, False, Processes()).run().best
        )
    different = [name for name, value in weights[0].items() if not torch.equal(value, weights[1][name])]
    assert not different


def test_predictions_are_those_of_the_cpu(clouds, template, neutral_body):
    points = {
        "points": clouds.points.numpy(),
        "n_points": clouds.mask.sum(1).numpy(),
        "frame_id": [str(number) for number in range(len(clouds.points))],
    }
    torch.manual_seed(0)
    network = MeshRegressor(NetworkConfig(), template.vertices).eval()
    expected = infer(network, points, neutral_body, InferConfig())
    moved = neutral_body.to(device="cuda")
    found = infer(network.cuda(), points, moved, InferConfig())
    again = infer(network, points, moved, InferConfig())
    for name in ("pose", "betas", "transl"):
        np.testing.assert_allclose(found[name], expected[name], atol=5e-3)
        np.testing.assert_array_equal(found[name], again[name])


def test_farthest_points_are_those_of_the_cpu(clouds):
    chosen = farthest_point_sample(clouds.points.cuda(), 64, clouds.mask.cuda())
    assert torch.equal(chosen.cpu(), farthest_point_sample(clouds.points, 64, clouds.mask))


@pytest.mark.skipif(neighbours._kernel() is None, reason="needs pointnet2_ops")
def test_pointnet2_ops_finds_the_same_farthest_points(clouds, monkeypatch):
    points, mask = clouds.points.cuda(), clouds.mask.cuda()
    by_kernel = farthest_point_sample(points, 64, mask)
    monkeypatch.setattr("sshmr.geometry.neighbours._kernel", lambda: None)
    assert torch.equal(by_kernel, farthest_point_sample(points, 64, mask))
