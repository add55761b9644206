"""Each reader on its simulated layout, as the workflow runs it."""

import pyarrow.parquet as pq
import pytest

from sshmr.tables.schemas import read_points
from tests.workflow.conftest import LAYOUTS

pytestmark = pytest.mark.slow

MARKS = {"sloper4d": "_labels.pkl", "behave": "t0", "surreal": "_depth.mat", "clouds": ".ply"}
"""What names of a layout's recordings have in them."""


@pytest.fixture(scope="module")
def points(tour):
    """The folder of these tables."""
    return tour.folder / "results" / "tour" / "points"


def test_every_layout_becomes_a_table(points):
    for shard, layout in LAYOUTS.items():
        table = read_points(points / "train" / f"{shard}.parquet", truth=True)
        skipped = pq.read_table(points / "train" / f"{shard}.skipped.parquet").num_rows
        views = 4 if layout == "behave" else 1
        assert len(table["frame_id"]) + skipped == 6 * views
        assert len(table["frame_id"]) >= 3
        assert len(set(table["frame_id"])) == len(table["frame_id"])
        assert all(name.startswith("simulated/") for name in table["frame_id"])
        assert any(MARKS[layout] in source for source in table["source"]), table["source"]
        with_truth = [gender is not None for gender in table["gender"]]
        assert all(with_truth) or (layout == "clouds" and not any(with_truth))
