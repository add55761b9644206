"""Each reader on its simulated layout, as the workflow runs it."""

import pyarrow.parquet as pq
import pytest

from sshmr.tables.schemas import read_points
from tests.workflow.conftest import Clone

pytestmark = pytest.mark.slow

SHARDS = {
    "seq001_simulated_001": ("sloper4d", "_labels.pkl"),
    "seq002_simulated_002": ("behave", "t0"),
    "seq003_simulated_003": ("surreal", "_depth.mat"),
    "seq004_simulated_004": ("clouds", ".ply"),
}


SIZES = "capture={sequences: 5, test_sequences: 1, frames: 6, defects: 0.0}"
EXTRACT = ("extract", "--configfile", "config/tour.yaml", "--config", SIZES)


@pytest.fixture(scope="module")
def tour(tmp_path_factory):
    """A copy of the workflow with the points tables of one training sequence of each layout."""
    clone = Clone(tmp_path_factory.mktemp("tour"))
    done = clone.run(*EXTRACT)
    assert done.returncode == 0, done.stdout[-4000:]
    return clone


@pytest.fixture(scope="module")
def points(tour):
    """The folder of these tables."""
    return tour.folder / "results" / "tour" / "points"


def test_every_layout_becomes_a_table(points):
    for shard in SHARDS:
        table = read_points(points / "train" / f"{shard}.parquet", truth=True)
        skipped = pq.read_table(points / "train" / f"{shard}.skipped.parquet").num_rows
        views = 4 if SHARDS[shard][0] == "behave" else 1
        assert len(table["frame_id"]) + skipped == 6 * views
        assert len(table["frame_id"]) >= 3
        assert len(set(table["frame_id"])) == len(table["frame_id"])
        assert all(name.startswith("simulated/") for name in table["frame_id"])
        assert any(SHARDS[shard][1] in source for source in table["source"]), table["source"]
        labelled = [gender is not None for gender in table["gender"]]
        assert all(labelled) or (SHARDS[shard][0] == "clouds" and not any(labelled))


def test_a_new_simulation_is_noticed(tour):
    manifest = tour.folder / "results" / "tour" / "capture" / "seq002_simulated_002.json"
    manifest.write_text(manifest.read_text().replace("true", "true "))
    assert tour.plan(*EXTRACT) == {"extract": 1, "extract_shard": 1}


def test_the_loop_runs_to_its_end(tour):
    done = tour.run("--configfile", "config/tour.yaml", "--config", SIZES)
    assert done.returncode == 0, done.stdout[-4000:]
    assert (tour.folder / "results" / "tour" / "report.html").is_file()
