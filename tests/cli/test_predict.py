import numpy as np
import pandas as pd
import pytest
import torch

from sshmr.body.template import build_template
from sshmr.config.network import network_config
from sshmr.network.model import MeshRegressor
from sshmr.training.checkpoint import KEYS, plain, save_checkpoint

from .conftest import call, call_json

TINY = {
    "grid": 0.15, "depths": [1, 1], "widths": [8, 16], "heads": [2, 2], "decoder_depths": [1],
    "decoder_widths": [16], "decoder_heads": [2], "patch": 32, "features": 16, "head_width": 16,
    "head_layers": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def checkpoint(neutral_body, tmp_path_factory):
    """A network that has learned nothing, with a template of its own size."""
    torch.manual_seed(0)
    template, config = build_template(neutral_body, 300), network_config(TINY)
    network = MeshRegressor(config, template.vertices)
    parts = dict.fromkeys(KEYS, 0) | {
        "network": plain(config),
        "body_digest": template.body_digest,
        "vertex_ids": template.vertex_ids,
        "weights": network.state_dict(),
    }
    path = tmp_path_factory.mktemp("network") / "checkpoint.pt"
    save_checkpoint(path, **parts)
    return path


def test_predictions_alone_then_fits_from_them(people, quick, checkpoint, tmp_path):
    given = ("predict", people, "-c", checkpoint, "-o", tmp_path, "--config", quick, "--jobs", 1)
    alone = call_json(*given, "-f", "glb")
    assert (alone["stage"], alone["done"]) == ([1, "network"], 6)
    assert len(list((tmp_path / "meshes").glob("*.glb"))) == 2
    tables = list(tmp_path.glob("round_1/infer/train/*.parquet"))
    before = [path.stat().st_mtime_ns for path in tables]

    assert {row["stage"] for row in call_json("evaluate", tmp_path)["measures"]} == {"network"}

    both = call_json(*given, "--fit")
    assert (both["stage"], both["done_before"]) == ([1, "fit"], 6)
    assert [path.stat().st_mtime_ns for path in tables] == before
    fits = pd.concat(map(pd.read_parquet, tmp_path.glob("round_1/fit/train/*.parquet")))
    assert set(fits["hypothesis"]) <= {"network", "turned"}
    assert np.isfinite(fits["residual"]).all()


def test_another_start_wants_another_folder(fitted, people, quick, checkpoint):
    call("predict", people, "-c", checkpoint, "-o", fitted, "--config", quick, code=2)
    assert "start is 'nothing, " in call.stderr


def test_the_shipped_network_predicts_without_a_checkpoint(people, quick, tmp_path):
    alone = call_json("predict", people, "-o", tmp_path, "--config", quick, "--jobs", 1)
    assert (alone["stage"], alone["done"]) == ([1, "network"], 6)
    assert alone["residual_mm_median"] is None
    rows = call_json("evaluate", tmp_path)["measures"]
    whole = [row for row in rows if row["joint"] == "all" and row["sequence"] == "all"]
    errors = {row["measure"]: row["value"] for row in whole}
    # Millimetres; an untrained network is at 300 and more.
    assert errors["mpjpe"] < 160


def test_the_shipped_network_is_refused_for_another_body(people, quick, tmp_path):
    call("predict", people, "-o", tmp_path, "--config", quick, "--body", tmp_path, code=2)
    assert "needs the open body" in call.stderr


def test_fits_start_from_the_shipped_network_by_default(people, fitted, quick, tmp_path):
    assert len(list(fitted.glob("round_0/infer/train/*.parquet"))) > 0
    settings = tmp_path / "alone.yaml"
    settings.write_text(quick.read_text() + "train: {initial: none}\n")
    call("fit", people, "-o", tmp_path / "out", "--config", settings, "--jobs", 1)
    assert not (tmp_path / "out" / "round_0" / "infer").exists()


def test_what_is_not_a_checkpoint_is_reported(people, quick, tmp_path):
    for path, message in ((quick, "not readable"), (tmp_path / "none.pt", "no such file")):
        call("predict", people, "-c", path, "-o", tmp_path / "out", "--config", quick, code=2)
        assert f"{path}" in call.stderr
        assert message in call.stderr
