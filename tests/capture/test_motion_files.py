"""Motion from a user's own files."""

import re

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.transform import Rotation

from sshmr.capture.motion_files import motion_from_file, read_motion
from sshmr.config.capture import CaptureConfig
from sshmr.errors import InputError
from sshmr.geometry.frames import Z_UP_TO_Y_UP
from sshmr.sources.shards import simulated_plan

SETTINGS = CaptureConfig(sequences=6, test_sequences=2, subjects=2, test_subjects=2, frames=5, framerate=5.0)


def table(subjects=5, clips=2, frames=21, fps=10.0):
    """A motion table: the left elbow's first number is 0.1 · subject, the way goes 1 m a second along x."""
    rows = []
    for subject in range(1, subjects + 1):
        for clip in range(clips):
            for frame in range(frames):
                pose = np.zeros(72, np.float32)
                pose[54] = 0.1 * subject
                pose[55] = 0.01 * clip
                pose[3] = frame / 100
                trans = np.array([frame / fps, 0.9, 0], np.float32)
                rows.append((subject, f"{subject:02d}_{clip:02d}", frame, fps, pose, trans))
    return pd.DataFrame(rows, columns=["subject", "sequence", "frame", "fps", "pose", "trans"])


@pytest.fixture
def motion_file(tmp_path):
    path = tmp_path / "motion.parquet"
    table().to_parquet(path)
    return path


def test_subjects_come_in_order_and_never_in_both_splits(motion_file):
    used = {"train": [], "test": []}
    for sequence in simulated_plan(SETTINGS):
        motion = motion_from_file(motion_file, SETTINGS, sequence)
        assert motion.pose.shape == (5, 72)
        used[sequence.split].append(round(float(motion.pose[0, 54]) * 10))
    assert used == {"train": [1, 2, 1, 2], "test": [3, 4]}


def test_a_subjects_clips_take_turns_before_any_is_used_twice(motion_file):
    first, second = (motion_from_file(motion_file, SETTINGS, simulated_plan(SETTINGS)[i]) for i in (0, 2))
    assert (first.pose[0, 55], second.pose[0, 55]) == pytest.approx((0, 0.01))


def test_frames_are_resampled_in_time(motion_file):
    """5 frames at 5 a second of a clip at 10 a second: every second frame."""
    motion = motion_from_file(motion_file, SETTINGS, simulated_plan(SETTINGS)[0])
    np.testing.assert_allclose(motion.pose[:, 3], [0, 0.02, 0.04, 0.06, 0.08], atol=1e-6)
    np.testing.assert_allclose(motion.travel[:, 0], [0, 0.2, 0.4, 0.6, 0.8], atol=1e-6)


def test_who_has_too_little_motion_is_passed_over(tmp_path):
    motions = table(subjects=5)
    short = (motions.subject == 2) & (motions.frame > 3)
    motions[~short].to_parquet(tmp_path / "m.parquet")
    used = [
        round(float(motion_from_file(tmp_path / "m.parquet", SETTINGS, s).pose[0, 54]) * 10)
        for s in simulated_plan(SETTINGS)
    ]
    assert used == [1, 3, 1, 3, 4, 5]


def write_amass(path, frames=40, width=156, **changes):
    rng = np.random.default_rng(0)
    upright = Rotation.from_matrix(Z_UP_TO_Y_UP.T)  # a person that stands in a world with z up
    poses = rng.normal(0, 0.1, (frames, width))
    poses[:, :3] = upright.as_rotvec()
    trans = np.stack([np.zeros(frames), np.arange(frames) / 20, np.full(frames, 0.9)], axis=1)
    content = {"poses": poses, "trans": trans, "mocap_framerate": np.array(20.0), "gender": np.array("male")}
    content.update(changes)
    path.parent.mkdir(exist_ok=True, parents=True)
    np.savez(path, **{name: value for name, value in content.items() if value is not None})
    return poses


@pytest.mark.parametrize("width", [72, 156, 165])
def test_amass_is_turned_y_up(tmp_path, width):
    poses = write_amass(tmp_path / "s1" / "walk.npz", width=width)
    (clip,) = read_motion(tmp_path / "s1" / "walk.npz")
    assert (clip.subject, clip.name, clip.fps) == ("s1", "walk", 20.0)
    np.testing.assert_allclose(clip.pose[:, :3], 0, atol=1e-7)
    np.testing.assert_allclose(clip.pose[:, 3:66], poses[:, 3:66])
    np.testing.assert_allclose(clip.pelvis[10], [0, 0.9, -0.5], atol=1e-9)


def test_a_folder_of_amass_has_a_subject_a_folder(tmp_path):
    for subject in "abcd":
        for name in ("one", "two"):
            write_amass(tmp_path / "amass" / subject / f"{name}_poses.npz")
        np.savez(tmp_path / "amass" / subject / "shape.npz", betas=np.zeros(16))
    clips = read_motion(tmp_path / "amass")
    assert [clip.subject for clip in clips] == list("aabbccdd")
    motion = motion_from_file(tmp_path / "amass", SETTINGS, simulated_plan(SETTINGS)[-1])
    assert motion.pose.shape == (5, 72)


def corrupt_table(path, change):
    motions = table()
    change(motions).to_parquet(path)


def nan_row(motions):
    motions.at[3, "pose"] = np.full(72, np.nan, np.float32)
    return motions


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="trans"), "trans"),
        (lambda t: t.assign(pose=[row[:66] for row in t.pose]), r"\(20, 66\)|\(21, 66\).*72"),
        (lambda t: t.assign(trans=[row[:2] for row in t.trans]), "trans.*3"),
        (lambda t: t.assign(fps=0.0), "frames per second is 0"),
        (lambda t: t.assign(fps="fast"), "frames per second is fast"),
        (lambda t: t.assign(fps=1e300), "frames per second is 1e"),
        (lambda t: t.assign(pose="none"), "empty, not numbers, or of different lengths"),
        (lambda t: t.assign(trans=None), r"trans is of shape \(21,\)"),
        (lambda t: t.assign(subject=[[1]] * len(t)), 'column "subject" is neither'),
        (lambda t: t.assign(sequence=None), 'column "sequence" is neither'),
        (lambda t: t.assign(frame=[None, *t.frame[1:]]), 'column "frame" is neither'),
        (nan_row, "not finite"),
        (lambda t: t[t.subject < 4], "number of subjects.*capture"),
        (lambda t: t[t.frame < 4], "number of subjects.*capture"),
        (lambda t: t.assign(pose=[row[: 72 - i % 2] for i, row in enumerate(t.pose)]), "different lengths"),
    ],
)
def test_faulty_tables_are_reported(tmp_path, change, message):
    path = tmp_path / "motion.parquet"
    corrupt_table(path, change)
    with pytest.raises(InputError) as caught:
        motion_from_file(path, SETTINGS, simulated_plan(SETTINGS)[-1])
    assert re.search(message, str(caught.value))
    assert "motion.parquet" in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"poses": None}, "poses"),
        ({"trans": None}, "trans"),
        ({"mocap_framerate": None}, "mocap_framerate"),
        ({"poses": np.zeros((40, 70))}, "70"),
        ({"trans": np.zeros((39, 3))}, "39"),
        ({"mocap_framerate": np.array(np.nan)}, "frames per second"),
        ({"mocap_framerate": np.array("fast")}, "frames per second"),
        ({"mocap_framerate": np.array([20.0, 30.0])}, "frames per second"),
        ({"poses": np.array([None, 1], dtype=object)}, "of dtype object"),
        ({"poses": np.full((40, 72), "a")}, "not numbers"),
    ],
)
def test_faulty_archives_are_reported(tmp_path, changes, message):
    path = tmp_path / "s1" / "walk.npz"
    write_amass(path, **changes)
    with pytest.raises(InputError) as caught:
        read_motion(path)
    assert message in str(caught.value)
    assert "walk.npz" in str(caught.value)


def test_what_is_not_a_motion_is_reported(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"no archive")
    (tmp_path / "b.parquet").write_bytes(b"no table")
    (tmp_path / "c.bvh").write_text("HIERARCHY")
    (tmp_path / "empty").mkdir()
    for name in ("a.npz", "b.parquet", "c.bvh", "empty", "absent.npz"):
        with pytest.raises(InputError, match=name):
            read_motion(tmp_path / name)


def test_one_subject_is_enough_without_a_test_split(motion_file):
    settings = SETTINGS.replace(sequences=2, test_sequences=0, subjects=1)
    assert len(motion_from_file(motion_file, settings, simulated_plan(settings)[1]).pose) == 5
