"""Clouds of 100,000 points need about the memory of small ones."""

import subprocess
import sys

import numpy as np
import pytest

from sshmr.fit.residuals import largest_piece

SCRIPT = """
import sys
from pathlib import Path

import numpy as np
import torch

from sshmr.body.model import BodyModel, open_body_path
from sshmr.body.prior import PosePrior, open_prior_path
from sshmr.body.template import build_template, standing_pose
from sshmr.config.fit import FitConfig, Stage
from sshmr.config.relabel import RelabelConfig
from sshmr.fit.pseudo_labels import relabel
from sshmr.fit.stage import fit_shard

body, prior = BodyModel.load(open_body_path("neutral")), PosePrior.load(open_prior_path())
template = build_template(body)
skin = body(standing_pose()[None], torch.zeros(1, 10), torch.zeros(1, 3)).vertices[0].numpy()
front = skin[skin[:, 2] > np.median(skin[:, 2])]
rng = np.random.default_rng(0)
coarse = Stage(hypotheses=4, vertices=128, points=128, iterations=8, start=0.15, end=0.05)
fine = Stage(hypotheses=1, vertices=1024, points=1024, iterations=8, start=0.04, end=0.01)
config = FitConfig(batch=1, poses=1, unusual=0.0, search=(coarse, fine))
for count in map(int, sys.argv[1:]):
    cloud = front[rng.integers(0, len(front), count)] + rng.normal(0, 0.004, (count, 3))
    centre = cloud.mean(0)
    points = {
        "frame_id": ["a/b/000000/0"], "sequence": ["b"], "frame": np.zeros(1, np.int32),
        "view": np.zeros(1, np.int16), "offset": centre[None].astype(np.float32),
        "points": (cloud - centre)[None].astype(np.float32), "n_points": np.array([count], np.int32),
    }
    fits = fit_shard(points, body, template, prior, config)
    labels = relabel(points, fits, body, template, RelabelConfig())
    peak = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024
    print(float(fits["residual"][0]), int((labels["segment"] >= 0).sum()), peak)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_memory_hardly_grows_with_the_cloud():
    counts, peaks = (1_000, 100_000), {}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *map(str, counts)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for count, line in zip(counts, done.stdout.splitlines(), strict=True):
        residual, labelled, peaks[count] = (float(word) for word in line.split())
        assert labelled == count
        assert residual < 0.02
    # Distances of all points to a thousand vertices would take 400 MB.
    assert peaks[100_000] < peaks[1_000] + 300, peaks


def test_the_largest_piece_of_a_large_cloud_is_found():
    """The pairs of all its points within 10 cm would take gigabytes."""
    places = np.random.default_rng(0).uniform(size=(100_000, 3)) * [0.5, 1.8, 0.4]
    beside = np.arange(len(places)) % 5 < 2
    places[beside, 0] += 0.65
    np.testing.assert_array_equal(largest_piece(places), ~beside)
