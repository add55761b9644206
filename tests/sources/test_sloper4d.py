"""The SLOPER4D reader: frames and labels as a user expects them, and a clear word on what is wrong."""

import dataclasses
import pickle

import numpy as np
import pytest
import torch

from sshmr.config.extract import ExtractConfig, Sloper4dConfig
from sshmr.errors import InputError
from sshmr.geometry.raycast import Surface
from sshmr.sources.sloper4d import read_sequence

NAME = "seq002_football_001"
PLAIN = ExtractConfig(voxel=0.0, sloper4d=Sloper4dConfig(neighbours=False))


def read(root, load_body, settings=PLAIN, split="train"):
    return read_sequence(root, NAME, split, settings, load_body)


def true_mesh(frame, body):
    tensor = [
        torch.tensor(getattr(frame.truth, key)[None], dtype=torch.float32)
        for key in ("pose", "betas", "transl")
    ]
    return body(*tensor)


def test_points_and_labels_are_turned_together(recording, write, load_body):
    reading = read(write(recording), load_body)
    assert [frame.frame_id for frame in reading.frames] == [
        f"sloper4d/{NAME}/{number:06d}/0" for number in range(10, 15)
    ]
    body = load_body("female")
    for frame in reading.frames:
        posed = true_mesh(frame, body)
        assert Surface(posed.vertices[0].numpy(), body.faces.numpy()).distances(frame.points).max() < 1e-4
        np.testing.assert_allclose(frame.truth.joints, posed.joints[0].numpy(), atol=1e-4)
        assert frame.truth.gender == "female"
        height = posed.joints[0, :, 1]
        assert height[15] - height[7] > 1.0  # the head is above the ankle along y


def test_the_stated_gender_is_used(recording, write, load_body):
    asked = []
    read(write(recording), lambda gender: asked.append(gender) or load_body(gender))
    assert set(asked) == {"female"}


def test_lists_arrays_and_one_beta_a_frame_read_the_same(recording, write, load_body):
    first = read(write(recording), load_body)
    person = recording["second_person"]
    person["opt_pose"] = person["opt_pose"].tolist()
    person["opt_trans"] = np.asarray(person["opt_trans"], np.float64)
    person["beta"] = np.tile(person["beta"], (5, 1))
    person["point_clouds"] = [cloud.astype(np.float64).tolist() for cloud in person["point_clouds"]]
    person["point_frame"] = np.array(person["point_frame"])
    recording["frame_num"] = np.array(recording["frame_num"])
    del recording["total_frames"]
    second = read(write(recording), load_body)
    for one, other in zip(first.frames, second.frames, strict=True):
        assert one.frame_id == other.frame_id
        np.testing.assert_allclose(one.points, other.points)
        np.testing.assert_allclose(one.truth.transl, other.truth.transl)


def test_one_bad_frame_is_skipped_and_reported(recording, write, load_body):
    person = recording["second_person"]
    clouds = person["point_clouds"]
    person["point_clouds"] = [clouds[0], np.zeros((0, 3)), clouds[2][:90], np.full((500, 3), np.nan)]
    person["point_frame"] = [10, 11, 12, 13]
    reading = read(write(recording), load_body)
    assert [frame.frame for frame in reading.frames] == [10]
    reasons = {name.split("/")[2]: reason for name, _, reason in reading.skipped}
    assert reasons == {
        "000011": "its cloud is empty",
        "000012": "it has 90 points, 100 or fewer, extract.minimum_points",
        "000013": "it has 0 points, 100 or fewer, extract.minimum_points",
        "000014": "it has no cloud",
    }


@pytest.mark.parametrize(
    ("cloud", "reason"),
    [
        (np.zeros((200, 4)), "shape"),
        (np.zeros(600), "shape"),
        (["a", "b"], "no numbers"),
        (None, "no cloud"),
        (np.random.default_rng(0).uniform(-3, 3, (8000, 3)), "spans"),
    ],
)
def test_a_cloud_of_another_kind_is_skipped(recording, write, load_body, cloud, reason):
    recording["second_person"]["point_clouds"][2] = cloud
    settings = PLAIN.replace(stray_distance=0.0)
    reading = read(write(recording), load_body, settings)
    assert len(reading.frames) == 4
    assert len(reading.skipped) == 1
    assert reason in reading.skipped[0][2]


def test_points_that_are_nan_or_stray_are_dropped(recording, write, load_body):
    cloud = recording["second_person"]["point_clouds"][1]
    far = cloud.mean(axis=0) + np.array([[0, 0, 1.5]])
    recording["second_person"]["point_clouds"][1] = np.concatenate([cloud, np.full((40, 3), np.nan), far])
    frames = read(write(recording), load_body).frames
    assert len(frames) == 5
    assert np.isfinite(frames[1].points).all()
    assert 850 < len(frames[1].points) <= 900
    assert np.ptp(frames[1].points[:, 1]) < 2.0


def test_a_cloud_without_a_frame_number_is_listed(recording, write, load_body):
    recording["second_person"]["point_frame"][4] = 77
    reading = read(write(recording), load_body)
    assert {name.split("/")[2] for name, _, _ in reading.skipped} == {"000014", "000077"}


def test_the_voxel_grid_thins(recording, write, load_body):
    settings = PLAIN.replace(voxel=0.05)
    for thick, thin in zip(
        read(write(recording), load_body).frames,
        read(write(recording), load_body, settings).frames,
        strict=True,
    ):
        assert len(thin.points) < 0.8 * len(thick.points)
        cells = np.unique(np.floor(thin.points / 0.05), axis=0)
        assert len(cells) > 0.5 * len(thin.points)


def sparse(recording, keep=300):
    """The first points of each cloud, so that there is room for the neighbours'."""
    person = recording["second_person"]
    person["point_clouds"] = [cloud[:keep] for cloud in person["point_clouds"]]
    return recording


def test_neighbours_fill_up_in_order_own_previous_next(recording, write, load_body):
    root = write(sparse(recording))
    settings = PLAIN.replace(stray_distance=0.0, sloper4d=Sloper4dConfig(neighbours=True))
    alone = [frame.points for frame in read(root, load_body, PLAIN.replace(stray_distance=0.0)).frames]
    joined = [frame.points for frame in read(root, load_body, settings).frames]
    np.testing.assert_allclose(joined[2], np.concatenate([alone[2], alone[1], alone[3]]))
    np.testing.assert_allclose(joined[0], np.concatenate([alone[0], alone[1]]))
    cut = settings.replace(points=700)
    np.testing.assert_allclose(read(root, load_body, cut).frames[2].points, joined[2][:700])


def test_only_true_neighbours_in_time_are_added(recording, write, load_body):
    settings = PLAIN.replace(sloper4d=Sloper4dConfig(neighbours=True))
    sparse(recording)
    gap = {**recording, "frame_num": [10, 12, 14, 16, 18]}
    gap["second_person"] = {**recording["second_person"], "point_frame": gap["frame_num"]}
    slow = {**recording, "framerate": 5}
    for content in (gap, slow):
        assert all(len(frame.points) <= 300 for frame in read(write(content), load_body, settings).frames)


@pytest.mark.parametrize(("shift", "reach"), [(0.05, np.inf), (0.15, 0.05), (0.25, 0.03), (0.4, 0.0)])
def test_the_farther_the_neighbour_the_less_is_added(recording, write, load_body, shift, reach):
    person = sparse(recording)["second_person"]
    base = person["point_clouds"][2]
    person["point_clouds"] = [base + np.array([shift * i, 0, 0]) for i in range(-2, 3)]
    person["opt_trans"] = person["opt_trans"][2] + shift * np.arange(-2, 3)[:, None] * [1, 0, 0]
    settings = PLAIN.replace(stray_distance=0.0, sloper4d=Sloper4dConfig(neighbours=True))
    points = read(write(recording), load_body, settings).frames[2].points
    gaps = np.linalg.norm(base[:, None] - (base + np.array([shift, 0, 0]))[None], axis=-1)
    expected = len(base) + int((gaps.min(axis=0) < reach).sum() + (gaps.min(axis=1) < reach).sum())
    assert len(points) == expected


def test_the_published_split_parts_the_frames(recording, write, load_body):
    count = 40
    person = recording["second_person"]
    recording["frame_num"] = person["point_frame"] = list(range(count))
    for key in ("opt_pose", "opt_trans", "point_clouds"):
        person[key] = [person[key][0]] * count
    settings = PLAIN.replace(sloper4d=Sloper4dConfig(split="published", neighbours=False))
    root = write(recording)
    train, test = (
        {f.frame for f in read(root, load_body, settings, split).frames} for split in ("train", "test")
    )
    assert len(test) == 12
    assert train | test == set(range(count))
    assert not train & test
    assert test == {f.frame for f in read(root, load_body, settings, "test").frames}


def test_labels_are_left_out_where_the_body_is_not_theirs(recording, write, load_body):
    root = write(recording)
    reading = read(root, lambda gender: None)
    assert all(frame.truth is None for frame in reading.frames)
    assert "no ground truth" in reading.notes[0]
    opened = dataclasses.replace(load_body("female"), name="open_female")
    assert "SMPL" in read(root, lambda gender: opened).notes[0]
    recording |= {"simulated": True, "body_model": "open_female", "body_digest": "another"}
    reading = read(write(recording), lambda gender: opened)
    assert "no ground truth" in reading.notes[0]
    recording["body_digest"] = opened.digest
    reading = read(write(recording), lambda gender: opened)
    assert reading.simulated
    assert reading.frames[0].frame_id.startswith("simulated/")
    assert reading.frames[0].source.startswith("simulated")
    assert reading.frames[0].truth.body_model == "open_female"


def test_a_pose_that_is_not_finite_costs_its_label_only(recording, write, load_body):
    recording["second_person"]["opt_pose"][1, 5] = np.nan
    reading = read(write(recording), load_body)
    assert [frame.truth is None for frame in reading.frames] == [False, True, False, False, False]
    assert "1 frames without ground truth" in reading.notes[0]


def drop(*keys):
    def change(content):
        holder = content if keys[0] in content else content["second_person"]
        del holder[keys[0]]

    return change


def put(key, value):
    def change(content):
        holder = content if key in content else content["second_person"]
        holder[key] = value(holder[key]) if callable(value) else value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop("second_person"), "second_person"),
        (drop("frame_num"), "frame_num"),
        (drop("opt_pose"), "opt_pose"),
        (drop("opt_trans"), "opt_trans"),
        (drop("beta"), "beta"),
        (drop("point_clouds"), "point_clouds"),
        (drop("point_frame"), "point_frame"),
        (drop("gender"), "gender"),
        (put("second_person", []), "a list"),
        (put("gender", "f"), '"female"'),
        (put("framerate", 0), "framerate"),
        (put("framerate", "fast"), "framerate"),
        (put("frame_num", []), "frame_num is empty"),
        (put("frame_num", [10, 11, 11, 12, 13]), "not unique"),
        (put("frame_num", [10, 11.5, 12, 13, 14]), "fractions"),
        (put("frame_num", ["a"] * 5), "frame_num"),
        (put("opt_pose", lambda pose: pose[:4]), r"\(4, 72\)"),
        (put("opt_pose", lambda pose: pose[:, :66]), r"\(5, 66\)"),
        (put("opt_pose", lambda pose: [*pose[:4].tolist(), [0.0]]), "different lengths"),
        (put("opt_trans", lambda transl: transl[:, :2]), r"\(5, 2\)"),
        (put("beta", [0.0] * 16), r"\(5, 16\)"),
        (put("point_frame", [10, 11, 12, 13]), "5 clouds"),
        (put("point_frame", [10, 10, 12, 13, 14]), "not unique"),
        (put("point_clouds", "cloud"), "a str"),
    ],
)
def test_a_bad_sequence_ends_at_once_with_its_fault(recording, write, load_body, change, message):
    change(recording)
    with pytest.raises(InputError, match=message) as caught:
        read(write(recording), load_body)
    assert f"{NAME}_labels.pkl" in str(caught.value)


def test_damaged_files_are_reported(recording, write, load_body):
    whole = pickle.dumps(recording)
    for content in (b"", b"version https://git-lfs", whole[: len(whole) // 2], pickle.dumps([1, 2])):
        with pytest.raises(InputError, match=NAME):
            read(write(content), load_body)
    with pytest.raises(InputError, match="no such file"):
        read_sequence(write(recording), "seq009_running_002", "train", PLAIN, load_body)


def test_a_body_that_stands_in_for_another_gender_gives_no_labels(recording, write, load_body):
    reading = read(write(recording), lambda gender: load_body("male"))
    assert all(frame.truth is None for frame in reading.frames)
    assert "no ground truth: there is no female body model, a male one replaces it" in reading.notes


def test_truth_of_another_world_is_dropped_and_no_cloud_with_it(recording, write, load_body):
    whole = read_sequence(write(recording), "seq002_football_001", "train", ExtractConfig(), load_body)
    recording["second_person"]["opt_trans"] = recording["second_person"]["opt_trans"][:, [0, 2, 1]] * 1000
    reading = read_sequence(write(recording), "seq002_football_001", "train", ExtractConfig(), load_body)
    assert any("ground truth dropped" in note for note in reading.notes)
    assert all(frame.truth is None for frame in reading.frames)
    for frame, known in zip(reading.frames, whole.frames, strict=True):
        assert known.truth is not None
        np.testing.assert_array_equal(frame.points, known.points)
