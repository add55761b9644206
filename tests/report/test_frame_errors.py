"""Errors of single frames, what of a body was seen, and how calibrated confidence is."""

import collections

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sshmr.body.layout import JOINT_NAMES
from sshmr.report.frame_errors import SEEN_DISTANCE, binned, calibration, frame_errors
from sshmr.viewing import frames
from sshmr.viewing.frames import Run


@pytest.fixture(scope="module")
def made(make_run):
    return make_run(rounds=1)


@pytest.fixture(scope="module")
def errors(made):
    return frame_errors(Run(made.results), [(0, "fit"), (1, "network"), (1, "fit")])


def test_errors_are_those_of_the_frames(made, errors):
    run = Run(made.results)
    for sequence in run.sequences:
        found = errors.of(sequence=sequence.name, round=1, stage="fit").table
        expected = [run.frame(sequence, row, 1, "fit").mpjpe for row in range(sequence.frames)]
        np.testing.assert_allclose(found["error"], expected, rtol=1e-4)
    np.testing.assert_allclose(errors.joints.mean(axis=1), errors.table["error"], rtol=1e-5)
    assert len(errors.table) == 3 * 9


def test_visible_is_the_share_of_the_true_template_near_a_point(made, errors):
    run = Run(made.results)
    sequence = run.sequence("wave")
    visible = errors.of(sequence="wave", round=0).table["visible"]
    for row, share in zip(range(3), visible, strict=True):
        frame = run.frame(sequence, row, 0, "fit")
        skin = frame.truth[made.template.vertex_ids.numpy()]
        distance = np.linalg.norm(skin[:, None] - frame.cloud[None], axis=-1).min(axis=1)
        assert share == pytest.approx((distance < SEEN_DISTANCE).mean(), abs=0.005)


def test_a_joint_is_seen_where_its_skin_is(make_run):
    """A cloud of the left arm alone shows the left elbow and neither the right one nor a knee."""
    made = make_run(rounds=0)
    run = Run(made.results)
    sequence = run.sequence("sit")
    points, frame = run.points(sequence), run.frame(sequence, 0, 0, "fit")
    body = made.bodies["female"]
    elbow = JOINT_NAMES.index("left_elbow")
    arm = frame.truth[(body.weights.argmax(1) == elbow).numpy()]
    points["points"][0][:] = 0
    points["n_points"][0] = min(len(arm), 128)
    points["points"][0][:128] = arm[:: max(1, len(arm) // 128)][:128]
    seen = frame_errors(run, [(0, "fit")]).of(sequence="sit").seen[0]
    assert seen[elbow]
    assert not seen[[JOINT_NAMES.index(name) for name in ("right_elbow", "left_knee", "right_knee")]].any()


def test_without_truth_there_are_not_errors(make_run):
    table = frame_errors(Run(make_run(with_truth=False, rounds=0).results), [(0, "fit")]).table
    assert table["error"].isna().all()
    assert table["visible"].isna().all()
    assert table["residual"].notna().all()


def test_calibration_by_hand():
    """Four frames 90 % sure of which three are good, two 15 % sure of which one is."""
    confidence = np.array([0.9, 0.9, 0.9, 0.9, 0.15, 0.15, np.nan, 0.5])
    error = np.array([0.05, 0.05, 0.05, 0.3, 0.02, 0.4, 0.1, np.nan])
    table, gap = calibration(confidence, error)
    assert table["frames"].tolist() == [2, 4]
    assert table["good"].tolist() == [0.5, 0.75]
    assert gap == pytest.approx((4 * 0.15 + 2 * 0.35) / 6)


def test_the_gap_vanishes_where_confidence_is_true():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(size=50_000)
    _, gap = calibration(confidence, np.where(rng.uniform(size=50_000) < confidence, 0.05, 0.2))
    assert gap < 0.01
    assert np.isnan(calibration(np.array([np.nan]), np.array([0.1]))[1])


def test_bins_hold_equally_many():
    rng = np.random.default_rng(0)
    x = rng.exponential(size=600)
    table = binned(np.append(x, np.nan), np.append(2 * x, 1.0), 6)
    assert table["frames"].tolist() == [100] * 6
    np.testing.assert_allclose(table["median"], 2 * table["x"])
    assert (table["low"] < table["median"]).all()
    assert binned(np.zeros(0), np.zeros(0)).empty


def test_each_table_is_read_once(make_run, monkeypatch):
    """Also where several sequences share one."""
    made = make_run(rounds=1)
    path = made.results / "points" / "train" / "walk.parquet"
    table = pq.read_table(path)
    names = pa.array([f"walk_{row % 2}" for row in range(table.num_rows)])
    column = table.schema.get_field_index("sequence")
    pq.write_table(table.set_column(column, table.schema.field(column), names), path)
    opened = collections.Counter()
    for name in ("read_points", "read_params"):
        read = getattr(frames, name)

        def counted(path, *rest, read=read, **options):
            opened[path] += 1
            return read(path, *rest, **options)

        monkeypatch.setattr(frames, name, counted)
    run = Run(made.results)
    assert len(run.sequences) == 4
    frame_errors(run, [(0, "fit"), (1, "network"), (1, "fit")])
    assert len(opened) == 4 * 3
    assert set(opened.values()) == {1}
