import os
import shutil
import signal
import time

import numpy as np
import pandas as pd
import pytest
import trimesh
from scipy.spatial import cKDTree

from sshmr.formats.points import read_points
from sshmr.tables.run_folder import RunFolder
from sshmr.tables.schemas import read_params
from sshmr.tables.schemas import read_points as read_table

from .conftest import call, call_json, start

OPTIONS = ("--jobs", "1")


def fits(out, round_=0):
    """All fits of a run's folder by frame."""
    tables = [pd.read_parquet(path) for path in sorted(out.glob(f"round_{round_}/fit/train/[!.]*.parquet"))]
    return pd.concat(tables).set_index("frame_id").sort_index()


def copies(cloud, folder, count):
    """A cloud so many times, each a little smaller, so that no two fits are alike."""
    folder.mkdir()
    points = read_points(cloud)
    for number in range(count):
        np.save(folder / f"{number:03d}.npy", points * (1 - 0.002 * number))
    return folder


def test_a_folder_becomes_bodies_that_lie_on_its_clouds(people, quick, tmp_path):
    result = call_json("fit", people, "-o", tmp_path, "-f", "ply", "--config", quick, *OPTIONS)
    assert (result["clouds"], result["done"], result["done_before"], result["skipped"]) == (6, 6, 0, [])
    assert result["residual_mm_median"] < 15
    for cloud in people.rglob("*.ply"):
        mesh = trimesh.load(tmp_path / "meshes" / cloud.relative_to(people), process=False)
        assert np.median(cKDTree(mesh.vertices).query(read_points(cloud))[0]) < 0.03
    assert str(tmp_path / "meshes" / "bodies.parquet") in result["written"]
    assert len(fits(tmp_path)) == 6


def test_strict_ends_with_3_unless_every_body_is_sure(people, quick, tmp_path):
    """A body fitted in six steps to a ball of points is nobody's."""
    ball = np.random.default_rng(0).normal(0, 1, (400, 3))
    ball *= np.array([0.2, 0.85, 0.2]) / np.linalg.norm(ball, axis=1, keepdims=True)
    np.save(tmp_path / "ball.npy", ball)
    arguments = ("fit", tmp_path / "ball.npy", "-o", tmp_path / "out", "--config", quick, *OPTIONS)
    lines = call(*arguments).splitlines()
    assert "failed" in lines[0] or "doubtful" in lines[0]
    assert lines[1].startswith("worst: ball.npy")
    assert call(*arguments, "--strict", code=3)


def test_axes_and_units_of_the_files_come_back_in_the_meshes(people, quick, tmp_path):
    source = next(people.rglob("*.ply"))
    points = 1000 * read_points(source)[:, [2, 0, 1]]  # z up, millimetres
    np.save(tmp_path / "person.npy", points)
    out, axes = tmp_path / "out", ("--up", "z", "--unit", "mm")
    call("fit", tmp_path / "person.npy", "-o", out, *axes, "-f", "obj", "--config", quick)
    mesh = trimesh.load(next(out.rglob("person.obj")), process=False)
    assert np.median(cKDTree(mesh.vertices).query(points)[0]) < 30


def test_files_patterns_and_lists_name_the_same_clouds(people, quick, tmp_path):
    files = sorted(people.glob("seq001*/*.ply"))
    pattern = str(people / "seq001*" / "*.ply")
    listed = "\n".join(map(str, [*files, files[0], ""]))
    call("fit", *files, "-o", tmp_path, "--config", quick, *OPTIONS)
    again = call_json("fit", pattern, "-o", tmp_path, "--config", quick, *OPTIONS)
    piped = call_json("fit", "-", "-o", tmp_path, "--config", quick, *OPTIONS, stdin=listed)
    assert [again["clouds"], again["done_before"]] == [3, 3]
    assert [piped["clouds"], piped["done_before"]] == [3, 3]


def test_only_new_and_changed_clouds_are_fitted(people, quick, tmp_path):
    scans, out = tmp_path / "scans", tmp_path / "out"
    shutil.copytree(people, scans)
    first, second = sorted(path.name for path in scans.iterdir() if path.is_dir())
    call("fit", scans / first, "-o", out, "--config", quick, *OPTIONS)
    before = {path: path.stat().st_mtime_ns for path in out.glob("round_0/fit/train/*.parquet")}
    added = call_json("fit", scans, "-o", out, "--config", quick, *OPTIONS)
    assert not any("gone" in note for note in added["notes"])
    assert (added["clouds"], added["done_before"], added["frames_in_folder"]) == (6, 3, 6)
    assert all(path.stat().st_mtime_ns == modified for path, modified in before.items())

    changed = scans / first / "000001.ply"
    shutil.copy(scans / second / "000001.ply", changed)
    os.utime(changed)
    call("fit", scans, "-o", out, "--config", quick, *OPTIONS)
    residual = fits(out)["residual"]
    assert len(residual) == 6
    assert residual.max() < 0.03

    (scans / second / "000002.ply").unlink()
    said = " ".join(call("fit", scans, "-o", out, "--config", quick, *OPTIONS).split())
    assert "1 cloud of the results is gone" in said
    assert len(fits(out)) == 6


@pytest.mark.slow
def test_a_killed_run_continues_and_ends_like_an_unbroken_one(people, quick, tmp_path):
    scans = copies(next(people.rglob("*.ply")), tmp_path / "scans", 10)
    broken, whole = tmp_path / "broken", tmp_path / "whole"
    process = start("fit", scans, "-o", broken, "--config", quick, "--jobs", 1)
    while not list(broken.glob("round_0/fit/train/[!.]*.parquet")) and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    done = len(fits(broken))
    assert 0 < done < 10, "killed too late to tell"
    rest = call_json("fit", scans, "-o", broken, "--config", quick, *OPTIONS)
    assert rest["done"] == 10
    assert not [path for path in broken.rglob("*") if ".tmp" in path.name]

    call("fit", scans, "-o", whole, "--config", quick, "--jobs", 2)
    for name in ("pose", "betas", "transl"):
        np.testing.assert_allclose(np.stack(fits(broken)[name]), np.stack(fits(whole)[name]), atol=1e-4)


def test_frames_that_hold_together_share_a_shape(people, quick, tmp_path):
    options = ("--config", quick, *OPTIONS)
    result = call_json("fit", people, "-o", tmp_path, "--together", *options)
    assert result["stage"] == [1, "fit"]
    spreads = []
    for round_ in (0, 1):
        table = fits(tmp_path, round_)
        sequence = table.index.str.split("/").str[1]
        shapes = [np.stack(rows) for _, rows in table["betas"].groupby(sequence)]
        spreads.append(np.mean([betas.std(axis=0).mean() for betas in shapes]))
    assert spreads[1] < 0.5 * spreads[0]
    second = next(tmp_path.glob("round_1/fit/train/*.parquet"))
    before = second.stat().st_mtime_ns
    assert call_json("fit", people, "-o", tmp_path, "--together", *options)["done_before"] == 6
    assert second.stat().st_mtime_ns == before


def test_bad_clouds_are_listed_and_the_others_fitted(people, quick, tmp_path):
    scans = tmp_path / "scans"
    shutil.copytree(next(path for path in people.iterdir() if path.is_dir()), scans)
    (scans / "000003.ply").write_text("no cloud")
    np.save(scans / "000004.npy", np.zeros((0, 3)))
    np.save(scans / "000005.npy", 1000 * read_points(scans / "000000.ply"))
    result = call_json("fit", scans, "-o", tmp_path / "out", "--config", quick, *OPTIONS, code=3)
    assert result["done"] == 3
    skipped = {os.path.basename(item["source"]) for item in result["skipped"]}
    assert skipped == {"000003.ply", "000004.npy", "000005.npy"}
    assert all(item["reason"] for item in result["skipped"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere",), "nowhere: no such file or folder"),
        (("*.ply",), "matches no cloud"),
        (("{empty}",), "it has no cloud"),
        (("{quick}",), 'its ending is ".yaml"'),
        (("{people}", "--config", "{empty}/no.yaml"), "no.yaml: not readable"),
        (("{people}", "--body", "{empty}"), "no body model"),
    ],
)
def test_what_the_user_can_fix_is_reported_without_a_traceback(people, quick, tmp_path, arguments, message):
    names = {"people": people, "quick": quick, "empty": tmp_path}
    arguments = [argument.format(**names) if "{" in argument else argument for argument in arguments]
    call("fit", *arguments, "-o", tmp_path / "out", code=2)
    assert call.stderr.startswith("Error: ")
    assert message in call.stderr
    assert "Traceback" not in call.stderr


def test_a_wrong_unit_is_reported_with_the_option_that_fixes_it(people, quick, tmp_path):
    error = call_json("fit", people, "-o", tmp_path, "--unit", "mm", "--config", quick, code=2)["error"]
    assert error["fix"] == 'Set --unit to "m"'
    call("fit", people / "seq001_simulated_001", "-o", tmp_path, "--unit", "m", "--config", quick, *OPTIONS)


def test_results_that_lack_later_clouds_are_not_taken_for_the_last(people, quick, tmp_path):
    options = ("-o", tmp_path, "--config", quick, *OPTIONS)
    first, second = sorted(path for path in people.iterdir() if path.is_dir())
    call("fit", first, "--together", *options)
    call("fit", second, *options)
    written = call_json("export", tmp_path, "-o", tmp_path / "all", "-f", "ply")
    assert len(written["written"]) == 7
    assert all("round_0" in table for table in written["tables"])
    assert "Round 1, fit: left out" in call("evaluate", tmp_path)


def test_a_folder_keeps_to_its_settings(fitted, people, quick):
    error = call_json("fit", people, "-o", fitted, "--up", "z", "--config", quick, code=2)["error"]
    assert (error["field"], error["found"]) == ("--up", "'y' in this folder")


def test_unknown_settings_are_refused_with_the_nearest_known(people, tmp_path):
    settings = tmp_path / "mine.yaml"
    settings.write_text("fit: {pose: 12}")
    call("fit", people, "-o", tmp_path / "out", "--config", settings, code=2)
    assert 'Did you mean "fit.poses"?' in call.stderr
    settings.write_text("extrct: {}")
    call("fit", people, "-o", tmp_path / "out", "--config", settings, code=2)
    assert 'Did you mean "extract"?' in call.stderr


def test_fits_are_those_of_the_workflow(fitted):
    """The folder is laid out like a run of the workflow, so that whatever reads runs reads it."""
    points = RunFolder(fitted).points()[0]
    params = read_params(fitted / "round_0" / "fit" / "train" / points.name)
    assert params["frame_id"] == read_table(points)["frame_id"]
    assert ((params["confidence"] >= 0) & (params["confidence"] <= 1)).all()
    for name in ("neutral.npz", "male.npz", "female.npz", "template.npz"):
        assert (fitted / "body" / name).is_file()
