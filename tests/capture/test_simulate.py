"""A simulated sequence: SLOPER4D's layout, labels that lie on their clouds, a person on the ground."""

import functools
import json
import pickle

import numpy as np
import pytest
import torch

from sshmr.body.model import BodyModel, open_body_path
from sshmr.capture.simulate import simulate_sequence
from sshmr.config.capture import CaptureConfig
from sshmr.config.extract import ExtractConfig
from sshmr.config.mapping import from_mapping
from sshmr.errors import InputError
from sshmr.files import atomic_folder
from sshmr.geometry.frames import Z_UP_TO_Y_UP
from sshmr.geometry.raycast import Surface
from sshmr.sources import clouds
from sshmr.sources.manifest import maker_of
from sshmr.sources.shards import simulated_file, simulated_plan, simulated_root

SETTINGS = CaptureConfig(sequences=4, test_sequences=1, subjects=2, test_subjects=1, frames=6, defects=0.0)


@functools.cache
def load_body(gender):
    return BodyModel.load(open_body_path(gender))


def simulate(folder, prior, number, settings=SETTINGS, seed=0):
    name = simulated_plan(settings)[number].name
    path = folder / name / f"{name}_labels.pkl"
    summary = simulate_sequence(name, settings, load_body, prior, seed, path)
    assert "simulated" in summary
    return pickle.loads(path.read_bytes())


@pytest.fixture(scope="module")
def sequences(tmp_path_factory, prior):
    folder = tmp_path_factory.mktemp("capture")
    return [simulate(folder, prior, number) for number in range(4)]


def meshes(content):
    person = content["second_person"]
    body = load_body(person["gender"])
    count = len(person["opt_pose"])
    betas = torch.tensor(person["beta"]).expand(count, -1)
    return body(torch.tensor(person["opt_pose"]), betas, torch.tensor(person["opt_trans"])).vertices.numpy()


def test_the_layout_is_sloper4ds(sequences):
    for content in sequences:
        assert content["framerate"] == 5.0
        assert content["frame_num"] == list(range(6))
        assert content["total_frames"] == 6
        assert content["first_person"]["lidar_traj"].shape == (6, 9)
        person = content["second_person"]
        assert person["opt_pose"].shape == (6, 72)
        assert person["opt_trans"].shape == (6, 3)
        assert len(person["beta"]) == 10
        assert len(person["point_clouds"]) == len(person["point_frame"]) == 6
        assert content["simulated"] is True
        assert content["body_model"] == load_body(person["gender"]).name


def test_clouds_lie_on_the_labels_mesh_within_the_noise(sequences):
    for content in sequences:
        faces = load_body(content["second_person"]["gender"]).faces.numpy()
        for mesh, cloud in zip(meshes(content), content["second_person"]["point_clouds"], strict=True):
            assert len(cloud) > 100
            distance = Surface(mesh, faces).distances(cloud)
            assert np.median(distance) < SETTINGS.lidar.range_noise
            assert distance.max() < 6 * SETTINGS.lidar.range_noise


def test_the_person_stands_on_the_ground_within_the_distances(sequences):
    distances = []
    for content in sequences:
        vertices = meshes(content)
        np.testing.assert_allclose(vertices[..., 2].min(axis=1), 0, atol=1e-4)
        assert (vertices[..., 2].max(axis=1) > 0.7).all()
        away = np.linalg.norm(vertices.mean(axis=1)[:, :2], axis=1)
        assert away.min() > SETTINGS.distance[0] - 0.3
        assert away.max() < SETTINGS.distance[1] + 0.3
        distances.append(away.mean())
    assert np.ptp(distances) > 5


def test_subjects_keep_their_shape_and_differ(sequences):
    people = [tuple(content["second_person"]["beta"]) for content in sequences]
    assert people[0] == people[2]  # two subjects take turns
    assert len(set(people)) == 3
    genders = [content["second_person"]["gender"] for content in sequences]
    assert genders[:2] == ["female", "male"]


def test_the_same_seed_gives_the_same_file(tmp_path, prior, sequences):
    again, other = simulate(tmp_path / "a", prior, 1), simulate(tmp_path / "b", prior, 1, seed=1)
    for key in ("opt_pose", "opt_trans"):
        np.testing.assert_array_equal(again["second_person"][key], sequences[1]["second_person"][key])
    for first, second in zip(
        again["second_person"]["point_clouds"], sequences[1]["second_person"]["point_clouds"], strict=True
    ):
        np.testing.assert_array_equal(first, second)
    assert np.abs(other["second_person"]["opt_pose"] - again["second_person"]["opt_pose"]).max() > 0.1


def test_faults_of_real_recordings_appear_at_their_rate(tmp_path, prior):
    content = simulate(tmp_path, prior, 0, SETTINGS.replace(frames=60, defects=0.5))
    clouds = content["second_person"]["point_clouds"]
    missing = 60 - len(clouds)
    empty = sum(len(cloud) == 0 for cloud in clouds)
    with_nan = sum(bool(np.isnan(cloud).any()) for cloud in clouds)
    assert min(missing, empty, with_nan) >= 3
    assert 18 <= missing + empty + with_nan <= 42


def test_clouds_of_ones_own_are_read_back_marked_as_simulated(tmp_path, prior, sequences):
    settings = SETTINGS.replace(layouts=("clouds",))
    name = simulated_plan(settings)[0].name
    path, root = simulated_file(tmp_path, name, "clouds"), simulated_root(tmp_path, name, "clouds")
    simulate_sequence(name, settings, load_body, prior, 0, path)
    assert maker_of(root).body_model == load_body("female").name
    listed = {root / file["path"] for file in json.loads(path.read_text())["files"]}
    assert listed == {file for file in root.rglob("*.*") if file != path}
    assert {file.suffix for file in listed} == {".ply", ".pcd", ".xyz", ".npy", ".npz", ".bin"}
    reading = clouds.read_sequence(root, name, "train", ExtractConfig())
    assert reading.simulated
    assert [frame.frame_id for frame in reading.frames] == [f"simulated/{name}/{i:06d}/0" for i in range(6)]
    # The same seed shows the same person to the same sensor, here y up.
    faces = load_body("female").faces.numpy()
    for mesh, frame in zip(meshes(sequences[0]), reading.frames, strict=True):
        assert np.median(Surface(mesh @ Z_UP_TO_Y_UP.T, faces).distances(frame.points)) < 0.01


def test_a_data_set_replaces_an_earlier_one_whole_or_not_at_all(tmp_path, prior):
    settings = SETTINGS.replace(layouts=("clouds",))
    name = simulated_plan(settings)[0].name
    path = simulated_file(tmp_path, name, "clouds")
    path.parent.mkdir(parents=True)
    (path.parent / "old.ply").touch()
    with pytest.raises(FileExistsError), atomic_folder(path.parent) as folder:
        folder.mkdir()
    assert [file.name for file in tmp_path.rglob("*")] == [name, "old.ply"]
    simulate_sequence(name, settings, load_body, prior, 0, path)
    assert not (path.parent / "old.ply").exists()
    assert [file.name for file in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"layouts": []}, "capture.layouts"),
        ({"layouts": ["sloper"]}, "sloper4d"),
        ({"sequences": 0}, "capture.sequences"),
        ({"test_sequences": 16}, "capture.test_sequences"),
        ({"frames": 0}, "capture.frames"),
        ({"framerate": 0}, "capture.framerate"),
        ({"genders": ["man"]}, "male"),
        ({"distance": [15, 3]}, "capture.distance"),
        ({"defects": 2}, "capture.defects"),
        ({"lidar": {"rings": 1}}, "capture.lidar.rings"),
        ({"lidar": {"lowest": 10}}, "capture.lidar"),
        ({"lidar": {"azimut_step": 0.1}}, "azimuth_step"),
        ({"moton": "x"}, "motion"),
    ],
)
def test_settings_that_cannot_be_are_reported(mapping, message):
    with pytest.raises(InputError, match=message):
        from_mapping(CaptureConfig, mapping, "capture")


def test_an_unknown_sequence_is_reported(tmp_path):
    with pytest.raises(InputError, match="seq001_simulated_001"):
        simulate_sequence("seq099", SETTINGS, load_body, None, 0, tmp_path / "x.pkl")
