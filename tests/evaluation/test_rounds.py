"""What a reader of the measures sees after a round was evaluated."""

import shutil

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch

from sshmr import stages
from sshmr.body.layout import JOINT_NAMES
from sshmr.config.evaluate import EvaluateConfig
from sshmr.errors import InputError
from sshmr.evaluation.catalogue import MEASURES, TRUTH_FREE
from sshmr.evaluation.motion import acceleration_error
from sshmr.evaluation.parts import Evaluation
from sshmr.evaluation.rounds import evaluate_rounds, measure_frames
from sshmr.evaluation.tables import read_measures, tidy
from sshmr.tables import run_folder
from sshmr.tables.run_folder import RunFolder
from sshmr.tables.schemas import (
    points_schema,
    pseudo_labels_schema,
    read_points,
    read_pseudo_labels,
    write_table,
)
from tests.scripts import call_script


def evaluate(run, round_=0):
    """The tidy rows and the notes of one round."""
    folder = RunFolder(run.results)
    stages = ("fit", "network") if round_ else ("fit",)
    measured = measure_frames(folder, round_, stages, folder.shards(), EvaluateConfig(batch=2))
    return Evaluation(tidy(measured.frames, round_), measured.gaps.notes(folder.bodies))


def value(rows, measure, split="test", sequence="all", joint="all", stage="fit"):
    found = rows.query(
        "measure == @measure and split == @split and sequence == @sequence and joint == @joint"
        " and stage == @stage"
    )
    assert len(found) == 1
    return found["value"].item()


def write_truth(run, **changes):
    for name in run.shards:
        run.write_params(0, "fit", name, **changes)


def all_neutral(run):
    """Bodies where the true gender's body is the neutral one, so that true parameters give the true mesh."""
    (run.results / "body" / "male.npz").unlink()
    (run.results / "body" / "female.npz").unlink()
    for name, truth in run.truth.items():
        path = run.results / "points" / run.shards[name] / f"{name}.parquet"
        table = read_points(path, truth=True)
        posed = run.bodies["neutral"](*(torch.from_numpy(truth[key]) for key in ("pose", "betas", "transl")))
        write_table(path, {**table, "joints": posed.joints.numpy()}, points_schema(128), {})


def keep_rows(path, rows):
    pq.write_table(pq.read_table(path).take(rows), path)


def test_true_parameters_measure_zero(make_run):
    run = make_run(rounds=0)
    write_truth(run)
    all_neutral(run)
    rows = evaluate(run).rows
    for measure in ("mpjpe", "pa_mpjpe", "mpvpe", "correspondence_error", "flip_tolerant_mpjpe", "flipped"):
        assert value(rows, measure) == pytest.approx(0, abs=1e-2), measure


def test_a_shift_is_measured_in_millimetres(make_run):
    run = make_run(rounds=0)
    all_neutral(run)
    shift = np.float32([0.003, 0.004, 0])
    for name, truth in run.truth.items():
        run.write_params(0, "fit", name, transl=truth["transl"] + shift)
    rows = evaluate(run).rows
    assert value(rows, "mpjpe") == pytest.approx(5, abs=1e-2)
    assert value(rows, "mpvpe") == pytest.approx(5, abs=1e-2)
    assert value(rows, "mpjpe", joint="left_knee") == pytest.approx(5, abs=1e-2)
    assert value(rows, "pa_mpjpe") == pytest.approx(0, abs=1e-2)


def test_the_true_mesh_is_that_of_the_gender_and_the_fitted_one_neutral(make_run):
    run = make_run(rounds=0)
    write_truth(run)
    tensors = [torch.from_numpy(run.truth["sit"][key]) for key in ("pose", "betas", "transl")]
    expected = run.bodies["female"](*tensors).vertices - run.bodies["neutral"](*tensors).vertices
    expected = 1000 * expected.norm(dim=-1).mean().item()
    assert expected > 5
    assert value(evaluate(run).rows, "mpvpe") == pytest.approx(expected, rel=1e-4)


def test_a_missing_gender_is_said_and_the_neutral_body_taken(make_run):
    run = make_run(rounds=0)
    write_truth(run)
    (run.results / "body" / "female.npz").unlink()
    evaluation = evaluate(run)
    assert value(evaluation.rows, "mpvpe") == pytest.approx(0, abs=1e-2)
    assert any("female.npz is missing" in note for note in evaluation.notes)


def test_all_is_the_mean_over_frames_not_over_sequences(make_run):
    run = make_run(rounds=1)
    path = run.results / "points" / "train" / "walk.parquet"
    keep_rows(path, [0])
    rows = evaluate(run, 1).rows
    walk, wave = (value(rows, "mpjpe", "train", name, stage="network") for name in ("walk", "wave"))
    assert value(rows, "mpjpe", "train", stage="network") == pytest.approx((walk + 3 * wave) / 4)
    counts = rows.query("measure == 'mpjpe' and split == 'train' and joint == 'all' and stage == 'fit'")
    assert dict(zip(counts["sequence"], counts["frames"], strict=True)) == {"all": 4, "walk": 1, "wave": 3}


def test_joints_average_to_the_whole(make_run):
    rows = evaluate(make_run(rounds=0)).rows
    for measure in ("mpjpe", "pa_mpjpe"):
        joints = [value(rows, measure, joint=joint) for joint in JOINT_NAMES]
        assert np.mean(joints) == pytest.approx(value(rows, measure))


def test_the_order_of_rows_in_a_params_table_does_not_matter(make_run):
    run = make_run(rounds=0)
    before = evaluate(run).rows
    path = run.results / "round_0" / "fit" / "test" / "sit.parquet"
    keep_rows(path, [2, 0, 1])
    pd.testing.assert_frame_equal(before, evaluate(run).rows)


def test_data_without_truth_get_the_measures_that_need_none_and_a_note(make_run):
    evaluation = evaluate(make_run(with_truth=False, rounds=1), 1)
    assert set(evaluation.rows["measure"]) == set(TRUTH_FREE)
    assert np.isfinite(evaluation.rows["value"]).all()
    assert any("9 of 9 frames have no ground truth" in note for note in evaluation.notes)


def test_true_labels_agree_and_wrong_ones_err_by_their_distance(make_run):
    run = make_run(rounds=0)
    rows = evaluate(run).rows
    assert value(rows, "pseudo_label_agreement", "train") == 100
    assert value(rows, "pseudo_label_error", "train") == 0
    assert value(rows, "pseudo_label_coverage", "train") == 100
    assert rows.query("measure == 'pseudo_label_error' and split == 'test'").empty

    for path in run.paths("round_0/pseudo_labels/train/*.parquet"):
        labels = read_pseudo_labels(path)
        labels["segment"][:, 0] = (labels["segment"][:, 0] + 1) % 256
        labels["weight"][:, 1] = 0
        write_table(path, labels, pseudo_labels_schema(128), {})
    rows = evaluate(run).rows
    counts = np.concatenate(
        [read_points(path)["n_points"] for path in run.paths("points/train/w*[ek].parquet")]
    )
    assert value(rows, "pseudo_label_coverage", "train") == pytest.approx(100 * np.mean(1 - 1 / counts))
    assert value(rows, "pseudo_label_agreement", "train") == pytest.approx(
        100 * np.mean(1 - 1 / (counts - 1))
    )
    assert value(rows, "pseudo_label_error", "train") > 0


def test_frames_without_finite_parameters_are_left_out_and_counted(make_run):
    run = make_run(rounds=0)
    pose = run.truth["sit"]["pose"].copy()
    pose[1, 5] = np.nan
    run.write_params(0, "fit", "sit", pose=pose)
    evaluation = evaluate(run)
    assert set(evaluation.rows.query("sequence == 'sit'")["frames"]) == {2}
    assert any("1 frames of stage fit" in note for note in evaluation.notes)


def test_a_missing_frame_or_table_is_an_error_that_names_it(make_run):
    run = make_run(rounds=0)
    path = run.results / "round_0" / "fit" / "test" / "sit.parquet"
    keep_rows(path, [0, 1])
    with pytest.raises(InputError, match="demo/sit/2/0"):
        evaluate(run)
    path.unlink()
    with pytest.raises(InputError, match=r"sit\.parquet"):
        evaluate(run)


def test_bodies_of_different_families_are_refused(make_run):
    run = make_run(rounds=0)
    path = run.results / "body" / "female.npz"
    arrays = dict(np.load(path))
    np.savez(path, **{**arrays, "f": arrays["f"][:, ::-1]})
    with pytest.raises(InputError, match="same body model"):
        evaluate(run)


def test_the_scripts_print_a_table_and_write_tidy_rows(make_run):
    run = make_run(rounds=1)
    for round_ in (0, 1):
        for part in RunFolder(run.results).parts():
            call_script("evaluate", "--run", run.results, "--round", round_, "--part", part)
    printed = call_script("measures", "--run", run.results)
    output = run.results / "measures.parquet"

    rows = pd.read_parquet(output)
    assert list(rows.columns) == [
        "round",
        "stage",
        "split",
        "sequence",
        "joint",
        "measure",
        "value",
        "frames",
    ]
    assert not rows.duplicated(["round", "stage", "split", "sequence", "joint", "measure"]).any()
    assert set(rows["stage"]) == {"fit", "network"}
    assert set(rows[rows["stage"] == "network"]["round"]) == {1}
    assert set(rows["measure"]) == set(MEASURES) - {"foot_sliding"}  # Nobody's feet stand in random poses.
    line = next(line for line in printed.splitlines() if line.split()[:3] == ["test", "1", "network"])
    assert f"{value(rows[rows['round'] == 1], 'mpjpe', stage='network'):.1f}" in line.split()


def test_motion_is_measured_at_the_size_of_the_fits(make_run):
    run = make_run(rounds=0)
    run.write_params(0, "fit", "sit", scale=np.full(3, 0.5, np.float32))
    truth = {name: torch.from_numpy(part) for name, part in run.truth["sit"].items()}
    posed = run.bodies["neutral"](truth["pose"], truth["betas"], truth["transl"])
    joints = posed.scaled(torch.full((3,), 0.5), truth["transl"]).joints.numpy()
    points = read_points(run.results / "points" / "test" / "sit.parquet", truth=True)
    offset = points["offset"][:, None]
    expected = 1e3 * acceleration_error(joints + offset, points["joints"] + offset).mean()
    assert value(evaluate(run).rows, "acceleration_error") == pytest.approx(expected, rel=1e-4)


def test_parts_measured_apart_and_merged_are_the_run_measured_at_once(make_run, monkeypatch):
    run = make_run(rounds=1)
    folder, settings = RunFolder(run.results), EvaluateConfig()
    monkeypatch.setattr(run_folder, "SHARDS_A_PART", 2)
    assert len(folder.parts()) == 2
    for round_ in (0, 1):
        for part, shards in folder.parts().items():
            stages.evaluate(folder, round_, shards, settings, folder.frame_measures(round_, part))
    merged = stages.merge_measures(folder, settings)
    pd.testing.assert_frame_equal(merged.rows, evaluate_rounds(folder, settings).rows)
    pd.testing.assert_frame_equal(merged.rows, read_measures(folder.measures), check_dtype=False)


def test_tables_of_an_earlier_split_are_not_measured(make_run):
    """A sequence that moved to the other split is counted once, although its old table is still there."""
    run = make_run(rounds=0)
    folder = RunFolder(run.results)
    moved = {"train": ["walk"], "test": ["sit", "wave"]}
    for table in ("points/{}/wave.parquet", "round_0/fit/{}/wave.parquet"):
        target = run.results / table.format("test")
        shutil.copy(run.results / table.format("train"), target)
    points = run.results / "points/test/wave.parquet"
    table = read_points(points, truth=True)
    write_table(points, {**table, "split": ["test"] * 3}, points_schema(128), {})
    folder.describe(made_by="workflow", rounds=0, shards=moved)
    rows = evaluate_rounds(RunFolder(run.results), EvaluateConfig()).rows
    whole = rows.query("measure == 'mpjpe' and sequence == 'all' and joint == 'all'")
    assert dict(zip(whole["split"], whole["frames"], strict=True)) == {"train": 3, "test": 6}
