"""From source files to the points table, as a user runs it."""

import json
import subprocess

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from sshmr.body.model import BodyModel, open_body_path
from sshmr.body.prior import open_prior_path
from sshmr.config.extract import ExtractConfig
from sshmr.errors import InputError
from sshmr.geometry.raycast import Surface
from sshmr.sources.extract import extract
from sshmr.sources.plan import Sequence
from sshmr.tables.schemas import provenance, read_points, valid_mask
from tests.forked_python import forked_programs
from tests.scripts import SCRIPTS, call_script

CAPTURE = {
    "sequences": 2,
    "test_sequences": 1,
    "subjects": 1,
    "test_subjects": 1,
    "frames": 12,
    "defects": 0.3,
}


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """Two simulated sequences, extracted by the workflow's own scripts."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "body").mkdir()
    for gender in ("male", "female"):
        (folder / "body" / f"{gender}.npz").symlink_to(open_body_path(gender))
    names = ["seq001_simulated_001", "seq002_simulated_002"]
    printed = call_script(
        "simulate", "--bodies", folder / "body", "--prior", open_prior_path(), "--seed", 5,
        "--settings", json.dumps(CAPTURE), "--sequences", *names, "--folder", folder / "capture",
        "--output", folder / "capture" / "made.json",
    )  # fmt: skip
    assert [line.split()[0] for line in printed.splitlines()] == names
    for name, split in zip(names, ("train", "test"), strict=True):
        shard = folder / "points" / split / name
        printed = call_script(
            "extract", "--source", "sloper4d", "--root", folder / "capture",
            "--sequence", name, "--split", split, "--bodies", folder / "body",
            "--output", f"{shard}.parquet", "--skipped", f"{shard}.skipped.parquet",
        )  # fmt: skip
        assert len(printed.splitlines()) == 1
        assert "simulated" in printed
    return folder / "points"


def test_the_table_holds_clouds_whose_true_body_is_at_their_points(simulated):
    for path in (
        simulated / "train/seq001_simulated_001.parquet",
        simulated / "test/seq002_simulated_002.parquet",
    ):
        table = read_points(path, truth=True)
        body = BodyModel.load(open_body_path(table["gender"][0]))
        posed = body(*(torch.tensor(table[key]) for key in ("pose", "betas", "transl")))
        np.testing.assert_allclose(posed.joints, table["joints"], atol=1e-4)
        for points, valid, mesh in zip(
            table["points"], valid_mask(table), posed.vertices.numpy(), strict=True
        ):
            distance = Surface(mesh, body.faces.numpy()).distances(points[valid])
            assert np.median(distance) < 0.01  # the sensor's noise
            assert not points[~valid].any()
            np.testing.assert_allclose(points[valid].mean(axis=0), 0, atol=1e-5)
        # The offset brings the body back to its ground, which is level 0 of a y-up world.
        lowest = posed.vertices[..., 1].min(dim=1).values.numpy() + table["offset"][:, 1]
        np.testing.assert_allclose(lowest, 0, atol=1e-4)
        assert path.parent.name == table["split"][0]
        assert all(source.startswith("simulated") for source in table["source"])
        assert provenance(path)["simulated"] is True


def test_a_shard_of_several_sequences_holds_what_each_alone_has(simulated, tmp_path):
    root, names = simulated.parent / "capture", ("seq001_simulated_001", "seq002_simulated_002")
    summary = extract(
        "sloper4d", [Sequence(name, root) for name in names], "train", ExtractConfig(), lambda gender: None,
        tmp_path / "both.parquet", tmp_path / "both.skipped.parquet",
    )  # fmt: skip
    assert [line.split()[0] for line in summary.splitlines()] == list(names)
    both = pq.read_table(tmp_path / "both.parquet", columns=["frame_id", "sequence", "points"])
    alone = [simulated / "train" / f"{names[0]}.parquet", simulated / "test" / f"{names[1]}.parquet"]
    parts = [pq.read_table(path, columns=["frame_id", "sequence", "points"]) for path in alone]
    assert both.to_pylist() == [row for part in parts for row in part.to_pylist()]
    assert set(both["sequence"].to_pylist()) == set(names)


def test_each_frame_is_in_the_table_or_in_the_list_of_skipped(simulated):
    skipped = 0
    for path in (simulated / "train/seq001_simulated_001", simulated / "test/seq002_simulated_002"):
        kept = read_points(path.with_suffix(".parquet"))["frame_id"]
        rows = pq.read_table(path.with_suffix(".skipped.parquet")).to_pylist()
        names = kept + [row["frame_id"] for row in rows]
        assert sorted(names) == [f"simulated/{path.name}/{frame:06d}/0" for frame in range(12)]
        assert all(row["reason"] and row["source"] for row in rows)
        skipped += len(rows)
    assert skipped > 0


def test_clouds_without_truth_make_a_table_too(tmp_path, neutral_body):
    cloud = neutral_body.v_template.numpy()
    (tmp_path / "scans" / "ann").mkdir(parents=True)
    np.save(tmp_path / "scans" / "ann" / "1.npy", cloud + np.array([5.0, 0.0, -2.0]))
    summary = extract(
        "clouds", [Sequence("ann", tmp_path / "scans")], "train", ExtractConfig(), lambda gender: None,
        tmp_path / "a.parquet", tmp_path / "a.skipped.parquet",
    )  # fmt: skip
    assert "1 frames, 0 skipped" in summary
    table = read_points(tmp_path / "a.parquet", truth=True)
    assert table["frame_id"] == ["clouds/ann/000001/0"]
    assert np.isnan(table["pose"]).all()
    assert table["gender"] == [None]
    assert pq.read_table(tmp_path / "a.skipped.parquet").num_rows == 0
    np.testing.assert_allclose(
        table["offset"][0], [5, 0.5 * np.ptp(cloud[:, 1]) + cloud[:, 1].min(), -2], atol=0.4
    )


def test_a_sequence_without_a_usable_frame_ends_the_run_and_writes_nothing(
    tmp_path, recording, write, load_body
):
    recording["second_person"]["point_clouds"] = [np.zeros((0, 3))] * 5
    with pytest.raises(InputError, match="its cloud is empty"):
        extract(
            "sloper4d", [Sequence("seq002_football_001", write(recording))], "train", ExtractConfig(),
            load_body, tmp_path / "a.parquet", tmp_path / "s.parquet",
        )  # fmt: skip
    assert not (tmp_path / "a.parquet").exists()


def test_the_scripts_report_faults_without_a_traceback(tmp_path):
    command = [
        forked_programs() / "python", SCRIPTS / "simulate.py", "--bodies", tmp_path,
        "--prior", open_prior_path(), "--settings", '{"frame": 3}', "--sequences", "x",
        "--folder", tmp_path, "--output", tmp_path / "x",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "capture.frames" in done.stderr
