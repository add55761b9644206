"""What the network owes its user: the result depends on the cloud, not on how it was handed over."""

import re
from pathlib import Path

import pytest
import torch
import yaml

from sshmr.config.network import network_config
from sshmr.errors import InputError
from sshmr.network.encoder import PatchAttention, PointTransformer
from sshmr.network.head import Prediction
from sshmr.network.model import MeshRegressor
from sshmr.network.ragged import cut_in_patches

CONFIG, DOCS = (Path(__file__).resolve().parents[2] / name for name in ("config", "docs"))
TINY = {
    "widths": (8, 16, 16),
    "heads": (2, 2, 2),
    "decoder_depths": (1, 1),
    "decoder_widths": (16, 16),
    "decoder_heads": (2, 2),
    "features": 16,
    "head_points": 20,
    "head_width": 16,
    "patch": 24,
    "grid": 0.05,
}
CLOSE = {"rtol": 0, "atol": 1e-9}
"""Double precision: the order of a sum may change with the layout, nothing else may."""


def overlay(name):
    return network_config(yaml.safe_load((CONFIG / f"{name}.yaml").read_text())["network"])


def network(mixing="attention", seed=0, **settings):
    torch.manual_seed(seed)
    template = torch.randn(80, 3) * torch.tensor([0.2, 0.5, 0.1])
    made = MeshRegressor(network_config({**TINY, "mixing": mixing, **settings}), template)
    for parameter in made.parameters():  # the readout starts near zero, which would hide differences
        torch.nn.init.normal_(parameter, std=0.2) if parameter.ndim > 1 else None
    return made.double().eval()


def clouds(lengths, width=None, seed=1):
    generator = torch.Generator().manual_seed(seed)
    width = width or max(lengths)
    points = torch.zeros(len(lengths), width, 3, dtype=torch.float64)
    mask = torch.zeros(len(lengths), width, dtype=torch.bool)
    for i, length in enumerate(lengths):
        cloud = torch.randn(length, 3, generator=generator).double() * torch.tensor([0.2, 0.5, 0.15])
        points[i, :length], mask[i, :length] = cloud - cloud.mean(0), True
    return points, mask


def assert_same(first, second):
    for a, b in zip(first.prediction, second.prediction, strict=True):
        torch.testing.assert_close(a, b, **CLOSE)


@pytest.mark.parametrize("mixing", ["attention", "linear"])
@torch.no_grad()
def test_padding_changes_nothing(mixing):
    made = network(mixing)
    points, mask = clouds([60, 31, 5])
    wide = torch.nn.functional.pad(points, (0, 0, 0, 40)), torch.nn.functional.pad(mask, (0, 40))
    narrow, padded = made(points, mask), made(*wide)
    assert_same(narrow, padded)
    torch.testing.assert_close(narrow.similarity, padded.similarity[:, :60], **CLOSE)
    # Where the padding lies doesn't matter either, nor what is written in it.
    shift = torch.roll(wide[0], 40, 1).masked_fill(~torch.roll(wide[1], 40, 1)[..., None], 7.0)
    assert_same(narrow, made(shift, torch.roll(wide[1], 40, 1)))


@pytest.mark.parametrize(
    "size", [{}, {**overlay("paper").model_dump(), "depths": (1,) * 5, "decoder_depths": (1,) * 4}]
)
@torch.no_grad()
def test_in_single_precision_padding_order_and_company_change_less_than_a_hundredth_of_a_millimetre(size):
    torch.manual_seed(0)
    made = MeshRegressor(network_config(size), torch.randn(200, 3) * 0.3).eval()
    points, mask = clouds([300, 120])
    points = points.float()
    wide = torch.nn.functional.pad(points, (0, 0, 0, 90)), torch.nn.functional.pad(mask, (0, 90))
    order = torch.randperm(300)
    output = made(points, mask)
    for other in (made(*wide), made(points[:, order], mask[:, order])):
        for a, b in zip(output.prediction, other.prediction, strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-5)
    alone = made(points[1:, :120], mask[1:, :120])
    for a, b in zip(output.prediction, alone.prediction, strict=True):
        torch.testing.assert_close(a[1:], b, rtol=0, atol=1e-5)


@pytest.mark.parametrize("mixing", ["attention", "linear"])
@torch.no_grad()
def test_permuting_points_permutes_matches_and_keeps_the_body(mixing):
    made = network(mixing)
    points, mask = clouds([90, 90])
    order = torch.randperm(90)
    output, permuted = made(points, mask), made(points[:, order], mask[:, order])
    assert_same(output, permuted)
    torch.testing.assert_close(output.similarity[:, order], permuted.similarity, **CLOSE)


@pytest.mark.parametrize("mixing", ["attention", "linear"])
@torch.no_grad()
def test_a_batch_equals_its_clouds_one_by_one(mixing):
    made = network(mixing)
    points, mask = clouds([70, 12, 33, 1])
    descriptors = made.encode_template()
    together = made(points, mask)
    torch.testing.assert_close(together.template_descriptors, descriptors, **CLOSE)
    for i in range(4):
        alone = made(points[i : i + 1], mask[i : i + 1], descriptors)
        for a, b in zip(together.prediction, alone.prediction, strict=True):
            torch.testing.assert_close(a[i : i + 1], b, **CLOSE)


@torch.no_grad()
def test_a_cloud_far_from_the_grid_is_still_finite():
    made = network()
    points, mask = clouds([30])
    assert torch.isfinite(made(points * 1000, mask).prediction.rotmats).all()


@torch.no_grad()
def test_matching_few_points_leaves_the_encoder_all():
    made = network()
    points, mask = clouds([50, 40])
    whole, part = made(points, mask), made(points, mask, matched_points=16)
    torch.testing.assert_close(whole.similarity[:, :16], part.similarity, **CLOSE)


def test_half_precision_moves_descriptors_and_gradients_little():
    points, mask = (part.float() if part.is_floating_point() else part for part in clouds([50, 40]))
    results = []
    for precision in ("float32", "bfloat16"):
        made = network(precision=precision).float()
        output = made(points, mask)
        assert output.similarity.dtype == torch.float32
        (output.similarity * torch.linspace(-1, 1, output.similarity.shape[2])).mean().backward()
        gradient = torch.cat([p.grad.flatten() for p in made.encoder.parameters() if p.grad is not None])
        results.append((output.descriptors.flatten(), gradient))
    for exact, rough in zip(*results, strict=True):
        assert not torch.equal(exact, rough)
        assert (exact - rough).norm() < 0.1 * exact.norm()


def test_attention_in_patches_is_full_attention_when_a_patch_holds_the_cloud():
    torch.manual_seed(0)
    attention = PatchAttention(12, 3).double()
    lengths = torch.tensor([20, 9])
    features = torch.randn(29, 12, dtype=torch.float64)
    layout = cut_in_patches(torch.cat([torch.randperm(20), 20 + torch.randperm(9)]), lengths, 64)
    found = attention(features, layout)
    for rows in (slice(0, 20), slice(20, 29)):
        query, key, value = attention.mixed(features[rows]).view(-1, 3, 3, 4).unbind(1)
        weights = torch.einsum("qhc,khc->hqk", query, key).div(4**0.5).softmax(-1)
        expected = attention.out(torch.einsum("hqk,khc->qhc", weights, value).reshape(-1, 12))
        torch.testing.assert_close(found[rows], expected)


def test_gradients_are_the_same_on_every_run():
    made = network().train()
    points, mask = clouds([60, 31])
    runs = []
    for _ in range(2):
        torch.manual_seed(3)
        made.zero_grad()
        output = made(points, mask)
        (output.similarity.square().sum() + output.prediction.rotmats.sum()).backward()
        runs.append([parameter.grad.clone() for parameter in made.parameters() if parameter.grad is not None])
    assert all(torch.equal(a, b) for a, b in zip(*runs, strict=True))


def test_an_untrained_network_predicts_a_standing_body_at_the_cloud(neutral_body):
    torch.manual_seed(0)
    made = MeshRegressor(network_config(TINY), torch.randn(80, 3)).eval()
    points, mask = clouds([60])
    with torch.no_grad():
        prediction = made(points.float(), mask).prediction
    assert isinstance(prediction, Prediction)
    posed = prediction.pose_body(neutral_body)
    torch.testing.assert_close(posed.joints[:, 0], prediction.pelvis)
    head, foot, wrist, shoulder = (posed.joints[0, j] for j in (15, 10, 20, 16))
    assert head[1] - foot[1] > 1.2
    assert shoulder[1] - wrist[1] > 0.3


def test_the_presets_have_as_many_parameters_as_their_table_says():
    rows = re.findall(r"^\| `(\w+)`.*\| ([\d.]+) M.* \|", (DOCS / "network.md").read_text(), re.M)
    assert [name for name, _ in rows] == ["small", "medium", "paper"]
    for name, millions in rows:
        with torch.device("meta"):
            made = MeshRegressor(
                overlay(name) if name != "small" else network_config({}), torch.zeros(1024, 3)
            )
        assert sum(parameter.numel() for parameter in made.parameters()) / 1e6 == pytest.approx(
            float(millions), abs=0.05
        )
    assert sum(parameter.numel() for parameter in made.encoder.parameters()) == pytest.approx(92e6, abs=5e5)


def test_the_paper_overlay_has_the_published_stages():
    with torch.device("meta"):
        encoder = PointTransformer(overlay("paper"))

    def stages(parts):
        """(blocks, channels, heads, channels of the perceptron) of each."""
        return [
            (
                len(stage.blocks),
                block.convolution.weight.shape[1],
                block.attention.heads,
                block.perceptron[0].out_features,
            )
            for stage in parts
            for block in stage.blocks[:1]
        ]

    assert stages(encoder.stages) == [
        (2, 32, 2, 128), (2, 64, 4, 256), (2, 128, 8, 512), (6, 256, 16, 1024), (2, 512, 32, 2048)
    ]  # fmt: skip
    assert stages(encoder.decoder) == [
        (2, 256, 4, 1024),
        (2, 256, 4, 1024),
        (2, 512, 8, 2048),
        (2, 512, 16, 2048),
    ]
    assert encoder.embed[0].in_features == 6
    assert encoder.out.out_features == 256
    dropped = [block.drop_path for stage in encoder.stages for block in stage.blocks]
    assert (dropped[0], dropped[-1]) == (0, 0.3)
    assert dropped == sorted(dropped)


def test_the_overlays_grow():
    sizes = {}
    for name, config in (("small", network_config({})), *((n, overlay(n)) for n in ("medium", "paper"))):
        with torch.device("meta"):
            made = MeshRegressor(config, torch.zeros(100, 3))
        sizes[name] = sum(parameter.numel() for parameter in made.parameters())
    assert sizes["small"] < 7e6 < 1.5e7 < sizes["medium"] < 2.5e7 < 9e7 < sizes["paper"]


@pytest.mark.parametrize(("name", "width"), [("medium", 128), ("paper", 256)])
@torch.no_grad()
def test_the_larger_networks_run_at_full_size(name, width):
    torch.manual_seed(0)
    made = MeshRegressor(overlay(name), torch.randn(100, 3) * 0.3).eval()
    points, mask = clouds([200, 90])
    output = made(points.float(), mask)
    assert output.descriptors.shape == (2, 200, width)
    assert output.similarity.shape == (2, 200, 100)
    assert output.prediction.rotmats.shape == (2, 24, 3, 3)
    assert torch.isfinite(output.similarity).all()
    assert torch.isfinite(output.prediction.rotmats).all()


def test_published_head_predicts_the_first_beta_only():
    prediction = network("linear", betas=1)(*clouds([40])).prediction
    assert prediction.betas[:, 0].abs().min() > 0
    assert not prediction.betas[:, 1:].any()


def test_settings_that_do_not_fit_are_refused():
    for wrong, word in (
        ({"widhts": [1]}, "widths"),
        ({"widths": [32, 64]}, "network.widths"),
        ({"heads": [3, 4, 8]}, "divisor"),
        ({"grid": 0.0}, "network.grid"),
    ):
        with pytest.raises(InputError, match=word):
            network_config(wrong)
