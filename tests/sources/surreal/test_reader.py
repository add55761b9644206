"""SURREAL's reader against the meshes that were rendered: on them, never mirrored, in either reading."""

import dataclasses
import re
import shutil

import numpy as np
import pytest
import torch

from sshmr.body.template import standing_pose
from sshmr.capture.surreal_writer import write_clip
from sshmr.config.extract import SurrealConfig
from sshmr.errors import InputError
from sshmr.geometry.raycast import Surface
from sshmr.sources.surreal.reader import read_sequence
from tests.sources.surreal.conftest import CASES, PLAIN, change, poses, stem_of

LEFT_ARM, RIGHT_ARM = (17, 19, 21, 23), (18, 20, 22, 24)


def read(root, load_body, settings=PLAIN, split="train", shard=None):
    return read_sequence(root, shard or f"{split}_000", split, settings, load_body)


def posed(label, body):
    tensors = [torch.tensor(getattr(label, key)[None]) for key in ("pose", "betas", "transl")]
    return body.to(dtype=torch.float64)(*tensors)


@pytest.fixture(scope="module")
def reading(surreal, load_body):
    return read(surreal[0], load_body)


def test_points_lie_on_the_mesh_that_was_rendered(surreal, reading, load_body):
    faces = load_body("male").faces.numpy()
    assert [frame.sequence for frame in reading.frames] == [name for name in surreal[1] for _ in range(3)]
    assert reading.frames[0].frame_id == "surreal/run0_01_01_c0001/000001/0"
    assert reading.frames[0].source == "cmu/train/run0/01_01/01_01_c0001_depth.mat"
    for frame in reading.frames:
        mesh = surreal[1][frame.sequence][frame.frame - 1]
        assert len(frame.points) == 1024
        assert Surface(mesh, faces).distances(frame.points).max() < 1e-4


def test_labels_are_the_bodies_that_were_rendered(surreal, reading, load_body):
    for frame, (_, gender) in zip(reading.frames[::3], CASES, strict=True):
        assert frame.truth.gender == gender
        assert frame.truth.body_model == "smpl"
    for frame in reading.frames:
        body = posed(frame.truth, load_body(frame.truth.gender))
        mesh = surreal[1][frame.sequence][frame.frame - 1]
        assert np.abs(body.vertices[0].numpy() - mesh).max() < 0.001
        np.testing.assert_allclose(body.joints[0].numpy(), frame.truth.joints, atol=1e-5)
        assert frame.truth.joints[15, 1] - frame.truth.joints[7, 1] > 1.0  # the head is above the ankle


def test_left_hands_stay_left(reading):
    """The points that the part images call the left arm are at the labelled left arm, in both readings."""
    assert reading.notes == ["reading straight: 2 clips", "reading swapped: 2 clips"]
    for frame in reading.frames:
        left, right = (frame.points[np.isin(frame.parts, arm)].mean(axis=0) for arm in (LEFT_ARM, RIGHT_ARM))
        elbows = frame.truth.joints[[18, 19]]
        assert np.linalg.norm(left - elbows[0]) < np.linalg.norm(left - elbows[1])
        assert np.linalg.norm(right - elbows[1]) < np.linalg.norm(right - elbows[0])
        # The left arm is the raised one.
        assert elbows[0, 1] > elbows[1, 1]


@pytest.mark.parametrize("body", ["none", "open", "another"])
def test_without_the_labels_body_nobody_is_mirrored_either(surreal, load_body, body):
    faces = load_body("male").faces.numpy()
    found = {
        "none": lambda gender: None,
        "open": lambda gender: dataclasses.replace(load_body(gender), name="open body"),
        "another": lambda gender: load_body(gender) if gender == "male" else None,
    }[body]
    reading = read(surreal[0], found)
    assert "no ground truth" in reading.notes[0]
    assert len(reading.frames) == 12
    for frame in reading.frames:
        assert frame.truth is None
        mesh = surreal[1][frame.sequence][frame.frame - 1]
        assert Surface(mesh, faces).distances(frame.points).max() < 1e-4


def test_somebody_alike_on_both_sides_is_not_mirrored(tmp_path, load_body):
    """At 45°, a symmetric body lies on its points in both readings; its joints are exchanged in one."""
    rng = np.random.default_rng(0)
    for number, reading in enumerate(("straight", "swapped")):
        for turn in range(4):
            pose = standing_pose(torch.float64).numpy()[None].copy()
            pose[0, 1] = np.pi / 4 + turn * np.pi / 2
            stem = stem_of(tmp_path, f"{number + 1:02d}_{turn + 1:02d}")
            place = np.array([[0.0, 0.9, 0.0]])
            write_clip(
                stem, load_body("female"), "female", pose, np.zeros(10), place, 7.0, rng, reading=reading
            )
    settings = PLAIN.replace(surreal=SurrealConfig(minimum_parts=8))
    for bodies in (load_body, lambda gender: None):
        notes = read(tmp_path, bodies, settings).notes
        assert notes[-2:] == ["reading straight: 4 clips", "reading swapped: 4 clips"]


def test_a_root_that_is_not_turned_is_read(tmp_path, load_body):
    """Where pose and zrot are zero, the body lies along the camera's axis; nothing is divided by."""
    rng = np.random.default_rng(3)
    pose = poses(1, 0.0, rng)
    pose[0, :3] = [-np.pi / 2, 0.0, 0.0]  # what the turn from z up to y up makes of no rotation at all
    place = np.array([[0.0, 1.0, 0.0]])
    stem = stem_of(tmp_path, "01_01")
    mesh = write_clip(stem, load_body("male"), "male", pose, np.zeros(10), place, 7.0, rng)
    change(stem, "info", zrot=np.zeros((1, 1)), pose=lambda values: np.r_[np.zeros((3, 1)), values[3:]])
    settings = PLAIN.replace(surreal=SurrealConfig(minimum_parts=1))
    (frame,) = read(tmp_path, load_body, settings).frames
    vertices = posed(frame.truth, load_body("male")).vertices[0].numpy()
    assert np.abs(vertices - mesh[0]).max() < 0.001


def test_a_clip_of_one_frame_is_read(tmp_path, load_body):
    rng = np.random.default_rng(5)
    place = np.array([[0.0, 0.9, 0.0]])
    write_clip(
        stem_of(tmp_path, "01_01"),
        load_body("male"),
        "male",
        poses(1, 1.0, rng),
        np.zeros(10),
        place,
        7.0,
        rng,
    )
    (frame,) = read(tmp_path, load_body).frames
    assert frame.truth.gender == "male"


def test_the_gender_is_the_nearer_bodys_unless_the_stated_one_is_asked_for(clips, load_body):
    """The file of a female clip says male, as happens."""
    change(stem_of(clips, "01_01"), "info", gender=np.ones((3, 1), np.uint8))
    frames = [frame for frame in read(clips, load_body).frames if "01_01" in frame.sequence]
    assert {frame.truth.gender for frame in frames} == {"female"}
    stated = PLAIN.replace(surreal=SurrealConfig(minimum_parts=12, gender="stated"))
    reading = read(clips, load_body, stated)
    assert not [
        frame for frame in reading.frames if "01_01" in frame.sequence and frame.truth.gender == "female"
    ]
    assert {f.truth.gender for f in reading.frames if "02_01" in f.sequence} == {"male"}


def test_first_frames_are_taken_and_few_parts_left_out(surreal, load_body):
    first = PLAIN.replace(surreal=SurrealConfig(minimum_parts=12, train_frames=2))
    assert [frame.frame for frame in read(surreal[0], load_body, first).frames] == [1, 2] * 4
    whole = PLAIN.replace(surreal=SurrealConfig(minimum_parts=24))
    reading = read(surreal[0], load_body, whole)
    assert len(reading.frames) + len(reading.skipped) == 12
    assert reading.skipped
    assert all("fewer than 24" in reason for _, _, reason in reading.skipped)


def test_a_frame_gets_the_same_points_in_any_shard(surreal, load_body):
    single = PLAIN.replace(surreal=SurrealConfig(minimum_parts=12), shard_frames=1)
    whole = {frame.frame_id: frame for frame in read(surreal[0], load_body).frames}
    alone = read(surreal[0], load_body, single, shard="train_002").frames
    assert len(alone) == 3
    for frame in alone:
        np.testing.assert_array_equal(frame.points, whole[frame.frame_id].points)


def test_annotation_of_other_clips_is_reported(clips, load_body):
    """Depth of one download with the annotation of another: no reading fits, and that is said."""
    for one, other in (("01_01", "02_01"), ("03_01", "04_01"), ("02_01", "03_01")):
        source = stem_of(clips, other)
        shutil.copy(f"{source}_info.mat", f"{stem_of(clips, one)}_info.mat")
    reading = read(clips, load_body)
    assert len(reading.frames) == 12
    assert sum(frame.truth is None for frame in reading.frames) == 9
    (note,) = (note for note in reading.notes if "clips without ground truth" in note)
    assert re.match(r"3 clips without .* mm \(straight\) and .* mm \(swapped\)", note)
    shutil.copy(f"{stem_of(clips, '01_01')}_info.mat", f"{stem_of(clips, '04_01')}_info.mat")
    with pytest.raises(InputError, match="the annotation of none of 4 clips fits"):
        read(clips, load_body)
