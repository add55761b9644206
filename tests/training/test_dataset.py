"""Training clouds are the same wherever they are kept."""

import torch

from sshmr.training import storage
from sshmr.training.dataset import Clouds


def test_clouds_on_disk_are_those_in_memory(make_run, neutral_body, tmp_path, monkeypatch):
    run = make_run(frames=5)
    points = [path for path in run.paths("points/train/*.parquet") if "skipped" not in path.name]
    labels, fits = (run.paths(f"round_0/{kind}/train/*.parquet") for kind in ("pseudo_labels", "fit"))
    held = Clouds.load(points, labels, fits, neutral_body, 1024, tmp_path)
    monkeypatch.setattr(storage, "IN_MEMORY", 0)
    mapped = Clouds.load(points, labels[::-1], fits[::-1], neutral_body, 1024, tmp_path)
    assert mapped.frame_ids == held.frame_ids
    assert not list(tmp_path.iterdir())  # the file has no name, so that nothing stays of a killed process
    chosen = torch.tensor([7, 0, 3])
    for first, second in zip(held.take(chosen), mapped.take(chosen), strict=True):
        for one, other in zip(*((x if isinstance(x, tuple) else (x,)) for x in (first, second)), strict=True):
            assert torch.equal(one, other)
    assert mapped.take(chosen).segment.dtype == torch.int64
    mean = (held.take(chosen).points.sum(1) / held.take(chosen).mask.sum(1, keepdim=True)).abs().max()
    assert mean < 1e-5
