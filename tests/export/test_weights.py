"""Exported weights, opened again with safetensors' own reader, are the network that the checkpoint holds."""

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from sshmr.config.evaluate import EvaluateConfig
from sshmr.config.network import network_config
from sshmr.errors import InputError
from sshmr.evaluation.rounds import evaluate_rounds
from sshmr.evaluation.tables import write_measures
from sshmr.export.weights import export_weights
from sshmr.network.model import MeshRegressor
from sshmr.tables.run_folder import RunFolder
from sshmr.training.checkpoint import KEYS, load_checkpoint, network_from, plain, save_checkpoint

TINY = {
    "grid": 0.15, "depths": [1, 1], "widths": [8, 16], "heads": [2, 2], "decoder_depths": [1],
    "decoder_widths": [16], "decoder_heads": [2], "features": 16, "head_width": 16, "head_layers": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def trained(make_run):
    """A finished run with a checkpoint of its last round, and its measures; the checkpoint's path."""
    run = make_run()
    torch.manual_seed(0)
    config = network_config(TINY)
    network = MeshRegressor(config, run.template.vertices)
    parts = dict.fromkeys(KEYS, 0) | {
        "network": plain(config),
        "train": {"epochs": 3},
        "seed": 5,
        "best_epoch": 2,
        "body_digest": run.template.body_digest,
        "vertex_ids": run.template.vertex_ids,
        "weights": network.state_dict(),
    }
    path = run.results / "round_1" / "train" / "checkpoint.pt"
    save_checkpoint(path, **parts)
    path.with_name("settings.json").write_text(json.dumps({"clouds": 6}))
    measured = evaluate_rounds(RunFolder(run.results), EvaluateConfig())
    write_measures(run.results / "measures.parquet", measured.rows)
    return run, path


@torch.no_grad()
def test_the_network_built_from_the_file_predicts_the_same(trained, tmp_path):
    run, path = trained
    export_weights(path, tmp_path)
    file = tmp_path / "weights.safetensors"
    with safe_open(file, "pt") as opened:
        about = json.loads(opened.metadata()["sshmr"])
    assert about["vertex_ids"] == run.template.vertex_ids.tolist()
    assert (about["seed"], about["epoch"], about["simulated"]) == (5, 2, True)
    rebuilt = MeshRegressor(network_config(about["network"]), run.template.vertices).eval()
    rebuilt.load_state_dict(load_file(file))
    points, mask = torch.randn(2, 40, 3), torch.ones(2, 40, dtype=torch.bool)
    original = network_from(load_checkpoint(path), run.template, path)
    for a, b in zip(original(points, mask).prediction, rebuilt(points, mask).prediction, strict=True):
        assert torch.equal(a, b)


def test_the_card_has_data_settings_measures_and_licence(trained, tmp_path):
    _, path = trained
    _, known = export_weights(path, tmp_path)
    card = (tmp_path / "README.md").read_text()
    assert "license: apache-2.0" in card
    assert "**Simulated** clouds" in card
    assert "6 clouds were used" in card
    assert "round 1 (epoch 2)" in card
    settings = json.loads(card.split("```json\n")[1].split("```")[0])
    assert settings["seed"] == 5
    assert settings["network"]["widths"] == [8, 16]
    assert {"mpjpe", "chamfer"} <= {row["measure"] for row in known["measures"]}
    for row in known["measures"]:
        assert f"| {row['split']} | {row['measure']} | {row['value']:.1f}" in card


def test_of_a_checkpoint_without_its_run_the_card_says_so(trained, tmp_path):
    _, path = trained
    alone = tmp_path / "alone.pt"
    alone.write_bytes(path.read_bytes())
    export_weights(alone, tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text()
    assert "Not known" in card
    assert "None are known" in card
    assert "license: other" in card


def test_what_is_not_a_checkpoint_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        export_weights(tmp_path / "none.pt", tmp_path)
