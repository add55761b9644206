"""Export, evaluate, simulate, init and doctor."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
import trimesh
import yaml
from scipy.spatial import cKDTree

from sshmr.body.model import BodyModel, open_body_path
from sshmr.config.extract import ExtractConfig
from sshmr.config.mapping import from_mapping
from sshmr.formats.points import read_points
from sshmr.sources.cloud_axes import TO_Y_UP
from sshmr.sources.sloper4d_file import read_pickle
from sshmr.tables.run_folder import RunFolder
from sshmr.tables.schemas import params_schema, write_table
from sshmr.tables.schemas import read_points as read_table

from .conftest import call, call_json


def test_export_takes_the_last_results_of_a_run_or_the_tables_named(make_run, tmp_path):
    run = make_run(rounds=1)
    whole = call_json("export", run.results, "-o", tmp_path / "all", "-f", "ply", "-f", "smplx")
    assert len([path for path in whole["written"] if path.endswith(".ply")]) == 9
    assert all("round_1/fit" in path for path in whole["tables"])
    some = call_json(
        "export", *run.paths("round_0/fit/train/*.parquet"), "-o", tmp_path / "some", "-f", "glb"
    )
    names = [path.rsplit("/", 1)[1] for path in some["written"]]
    assert names == ["bodies.parquet", "walk.glb", "wave.glb"]


def test_export_puts_bodies_back_where_the_clouds_are(fitted, people, tmp_path):
    call("export", fitted, "-o", tmp_path, "-f", "ply", "--up", "z")
    for cloud in people.rglob("*.ply"):
        mesh = trimesh.load(tmp_path / cloud.relative_to(people), process=False)
        turned = read_points(cloud) @ np.array(TO_Y_UP["z"])
        assert np.linalg.norm(mesh.vertices.mean(axis=0) - turned.mean(axis=0)) < 0.3


def test_export_refuses_what_is_not_a_run(tmp_path, fitted, make_run):
    call("export", tmp_path, "-o", tmp_path / "out", code=2)
    assert "no results of any round" in call.stderr
    call("export", fitted / "meshes" / "bodies.parquet", "-o", tmp_path / "out", code=2)
    assert "not where a run keeps it" in call.stderr
    other = make_run(rounds=0)
    tables = [*fitted.glob("round_0/fit/*/*.parquet"), *other.paths("round_0/fit/*/*.parquet")]
    call("export", *tables, "-o", tmp_path / "out", code=2)
    assert "several runs" in call.stderr


def test_evaluate_measures_against_the_truth_beside_the_clouds(fitted, tmp_path):
    given = call_json("evaluate", fitted, "-o", tmp_path / "measures.parquet")
    measured = {row["measure"] for row in given["measures"]}
    assert {"mpjpe", "mpvpe", "correspondence_error", "residual"} < measured
    assert not given["notes"]
    assert len(pd.read_parquet(tmp_path / "measures.parquet")) == len(given["measures"])


@pytest.mark.parametrize("gender", ["male", "female"])
def test_the_true_body_has_no_error(fitted, tmp_path, gender):
    """The truth as the fit, posed with the true gender's body."""
    run = RunFolder(shutil.copytree(fitted, tmp_path / "run"))
    shutil.copy(run.bodies / f"{gender}.npz", run.neutral)
    sequences = set()
    for path in run.points():
        points = read_table(path, truth=True)
        columns = {name: points[name] for name in ("frame_id", "pose", "betas", "transl")}
        write_table(run.params(path, 0, "fit"), columns, params_schema(), {})
        people = zip(points["sequence"], points["gender"], strict=True)
        sequences |= {name for name, of in people if of == gender}
    rows = call_json("evaluate", run.root)["measures"]
    rows = [row for row in rows if row["stage"] == "fit" and row["measure"] == "mpvpe"]
    errors = [row["value"] for row in rows if row["sequence"] in sequences]
    assert len(errors) == len(sequences) == 1
    assert errors[0] < 0.01


def test_clouds_without_truth_are_measured_by_their_distance(people, quick, tmp_path):
    scans = tmp_path / "scans"
    shutil.copytree(next(people.glob("seq001*")), scans)
    call("fit", scans, "-o", tmp_path / "out", "--config", quick, "--jobs", 1)
    found = call_json("evaluate", tmp_path / "out")
    assert {row["measure"] for row in found["measures"]} == {"chamfer", "residual", "penetration"}
    assert "no ground truth" in found["notes"][0]


def test_evaluate_measures_a_run_of_the_workflow(make_run):
    run = make_run(rounds=1)
    rows = call_json("evaluate", run.results)["measures"]
    assert {(row["round"], row["stage"]) for row in rows} == {(0, "fit"), (1, "network"), (1, "fit")}
    assert "mpjpe" in call("evaluate", run.results)


def test_simulated_clouds_lie_on_the_true_bodies(people):
    truth = pd.read_parquet(people / "truth.parquet")
    assert sorted(truth["file"]) == sorted(p.relative_to(people).as_posix() for p in people.rglob("*.ply"))
    for row in truth.itertuples():
        body = BodyModel.load(open_body_path(row.gender))
        parts = (torch.tensor(np.array(part))[None].float() for part in (row.pose, row.betas, row.transl))
        vertices = body(*parts).vertices[0].numpy()
        apart = cKDTree(vertices).query(read_points(people / row.file))[0]
        assert np.median(apart) < 0.02
        assert abs(vertices[:, 1].min()) < 0.01


def test_simulate_writes_the_other_layout_too(tmp_path):
    result = call_json("simulate", "-o", tmp_path, "--sequences", 1, "--frames", 2, "--layout", "sloper4d")
    assert result["simulated"]
    recording = read_pickle(next(tmp_path.glob("*/*_labels.pkl")))
    assert recording.simulated
    assert len(recording.frames) == 2


def test_init_finds_axes_and_unit(people, tmp_path):
    up, unit, scale = "-y", "mm", 1000.0
    scans = tmp_path / "scans"
    (scans / "one").mkdir(parents=True)
    for number, cloud in enumerate(sorted(people.glob("seq001*/*.ply"))[:2]):
        np.save(scans / "one" / f"{number}.npy", scale * read_points(cloud) @ np.array(TO_Y_UP[up]))
    found = call_json("init", scans, "-o", tmp_path / "mine.yaml")
    assert (found["up"], found["unit"], found["sequences"]) == (up, unit, {"one": 2})
    settings = yaml.safe_load((tmp_path / "mine.yaml").read_text())
    clouds = from_mapping(ExtractConfig, settings["extract"], "extract").clouds
    assert (clouds.up, clouds.unit) == (up, unit)
    call("init", scans, "-o", tmp_path / "mine.yaml", code=2)
    assert "--force" in call.stderr


def test_init_refuses_what_cannot_be_people(tmp_path):
    np.save(tmp_path / "room.npy", np.random.default_rng(0).uniform(0, 30, (500, 3)))
    call("init", tmp_path, "-o", tmp_path / "mine.yaml", code=2)
    assert "a person in m, cm, mm or feet" in call.stderr
    assert not (tmp_path / "mine.yaml").exists()


def test_doctor_lists_what_is_installed(tmp_path):
    found = call_json("doctor", "--body", tmp_path)
    assert found["fine"]
    assert found["torch"]["device"] in ("cpu", "cuda")
    assert found["open_body"]["vertices"] == 6890
    assert found["official_body"] == {"neutral": None, "male": None, "female": None}
    assert found["cores"] >= 1
    assert "Everything that a run needs is installed" in call("doctor")


def test_body_inspect_describes_a_file():
    facts = json.loads(call("body", "inspect", open_body_path("neutral"), "--json"))["files"][0]
    assert (facts["kind"], facts["gender"], facts["faults"]) == ("SMPL", "neutral", [])
    assert "digest" in call("body", "inspect", open_body_path("male"))
