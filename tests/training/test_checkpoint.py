"""Checkpoints of strangers: what is no network's is refused by name, before memory is taken for it."""

import pytest
import torch

from sshmr.body.template import build_template
from sshmr.config.network import NetworkConfig
from sshmr.errors import InputError
from sshmr.network.model import MeshRegressor
from sshmr.training.checkpoint import KEYS, load_checkpoint, network_from, plain, save_checkpoint
from sshmr.training.weights_file import read_weights, save_weights

SMALL = NetworkConfig(
    depths=(1, 1), widths=(8, 8), heads=(1, 1), decoder_depths=(0,), decoder_widths=(8,), decoder_heads=(1,),
    features=8, head_points=8, head_width=8, head_layers=1, basis=8, basis_width=8,
)  # fmt: skip


@pytest.fixture(scope="module")
def template(neutral_body):
    return build_template(neutral_body, 32)


@pytest.fixture(scope="module")
def parts(template):
    """A checkpoint of a small network that was never trained."""
    torch.manual_seed(0)
    known = {
        "network": plain(SMALL), "body_digest": template.body_digest, "vertex_ids": template.vertex_ids,
        "weights": MeshRegressor(SMALL, template.vertices).state_dict(),
    }  # fmt: skip
    return dict.fromkeys(KEYS) | known


def opened(path, template):
    return network_from(load_checkpoint(path, template), template, path)


def test_a_whole_checkpoint_is_read(tmp_path, parts, template):
    save_checkpoint(tmp_path / "a.pt", **parts)
    network = opened(tmp_path / "a.pt", template)
    for name, value in parts["weights"].items():
        torch.testing.assert_close(network.state_dict()[name], value)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"network": None}, "network is None"),
        ({"network": [1]}, r"network is \[1\]"),
        ({"network": {**plain(SMALL), "widths": "wide"}}, "widths"),
        ({"body_digest": 5}, "body_digest is 5; expected text"),
        ({"vertex_ids": "all"}, "vertex_ids is 'all'"),
        ({"vertex_ids": [1, 2]}, "vertex_ids"),
        ({"vertex_ids": torch.arange(32.0)}, "vertex_ids"),
        ({"vertex_ids": torch.arange(32)}, "another template's"),
        ({"weights": [1, 2]}, "weights is a list"),
        ({"weights": {"a": "b"}}, "weights"),
        ({"weights": {"a": torch.eye(3).to_sparse()}}, "weights"),
        ({"weights": {"a": torch.ones(1).expand(10**6, 10**6)}}, "weights"),
        ({"weights": {}}, "of a network with more than"),
        ({"network": {**plain(SMALL), "widths": [8192, 8192], "depths": [8192, 8192]}}, "more than 1099"),
        ({"network": {**plain(SMALL), "features": 16}}, "another network's"),
    ],
)
def test_parts_of_another_kind_are_named(tmp_path, parts, template, changes, told):
    path = tmp_path / "a.pt"
    save_checkpoint(path, **parts | changes)
    with pytest.raises(InputError, match=rf"a\.pt.*{told}"):
        opened(path, template)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"format": torch.ones(2)}, "not a checkpoint of this program"),
        ({"format": "sshmr checkpoint", "version": torch.ones(2)}, "version"),
        ({"format": "sshmr checkpoint", "version": 1}, 'key "network" is missing'),
        ([1], "not a checkpoint of this program"),
    ],
)
def test_other_files_of_torch_are_reported(tmp_path, content, told):
    path = tmp_path / "a.pt"
    torch.save(content, path)
    with pytest.raises(InputError, match=rf"a\.pt.*{told}"):
        load_checkpoint(path)


@pytest.mark.parametrize("ids", ["abc", [1.5], [-1], {"a": 1}, [2**40]])
def test_vertices_of_a_weights_file_are_numbers(tmp_path, ids):
    path = tmp_path / "a.safetensors"
    about = {"network": {}, "body_digest": "", "vertex_ids": ids, "seed": 0, "epoch": 1}
    save_weights(path, about, {"a": torch.zeros(1)})
    with pytest.raises(InputError, match="vertex_ids"):
        read_weights(path)
