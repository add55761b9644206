"""The simulated depth cameras and the files in BEHAVE's layout."""

import functools
import json
import pickle

import numpy as np
import pytest
from PIL import Image

from sshmr.body.model import BodyModel, open_body_path
from sshmr.capture.depth_rig import make_rig, measure
from sshmr.capture.depth_scene import ROOM
from sshmr.capture.props import PARTS, box, joined, thing
from sshmr.capture.simulate import simulate_sequence
from sshmr.config.capture import CaptureConfig, DepthConfig
from sshmr.geometry.raycast import Surface
from sshmr.sources.shards import simulated_file, simulated_plan

SMALL = DepthConfig(width=160, height=120)
QUIET = SMALL.replace(noise=0.0, dropout=0.0, edges=0.0)
SETTINGS = CaptureConfig(
    layouts=("behave",), sequences=1, test_sequences=0, subjects=1, frames=2, defects=0.0, depth=SMALL
)
PERSON = box((0.0, 0.0, 0.0), (0.4, 1.7, 0.3))
EMPTY_ROOM = box((0.0, 0.0, 0.0), ROOM)


@functools.cache
def load_body(gender):
    return BodyModel.load(open_body_path(gender))


def simulate(folder, prior, settings=SETTINGS, seed=0):
    name = simulated_plan(settings)[0].name
    path = simulated_file(folder, name, "behave")
    simulate_sequence(name, settings, load_body, prior, seed, path)
    return path.parent, path.parent / "sequences" / name


def look(camera, settings, rest=EMPTY_ROOM, seed=0):
    return measure(camera, PERSON, rest, settings, np.random.default_rng(seed))


@pytest.fixture(scope="module")
def rig():
    return make_rig(SMALL, np.random.default_rng(0))


def test_four_cameras_see_the_whole_person_from_four_sides(rig):
    bearings = np.degrees([np.arctan2(camera.position[0], camera.position[2]) for camera in rig])
    assert (np.diff(np.sort(bearings % 360)) > 50).all()
    for camera in rig:
        assert 2.0 <= np.hypot(*camera.position[[0, 2]]) <= 3.0
        assert np.linalg.det(camera.rotation) == pytest.approx(1)
        assert camera.rotation[1, 1] < -0.9  # y points down
        mask = look(camera, QUIET).mask
        assert mask.sum() > 200
        border = np.ones_like(mask)
        border[1:-1, 1:-1] = False
        assert not mask[border].any()


def test_depths_are_those_along_the_cameras_axis(rig):
    for camera in rig:
        depth = look(camera, QUIET).depth / 1000
        rays = np.concatenate([camera.table, np.ones((*depth.shape, 1))], axis=-1)
        points = (depth[..., None] * rays)[depth > 0] @ camera.rotation.T + camera.position
        surface = Surface(*joined([PERSON, EMPTY_ROOM]))
        assert surface.distances(points).max() < 0.001
        assert (depth[np.isnan(camera.table[..., 0])] == 0).all()


def test_noise_grows_with_the_square_of_the_depth(rig):
    exact = look(rig[0], QUIET).depth / 1000
    noisy = look(rig[0], QUIET.replace(noise=0.002)).depth / 1000
    both = (exact > 0) & (noisy > 0)
    scaled = (noisy - exact)[both] / exact[both] ** 2
    for near, far in ((1, 2), (2, 3), (3, 5)):
        band = (exact[both] > near) & (exact[both] < far)
        assert np.std(scaled[band]) == pytest.approx(0.002, rel=0.1)


def test_pixels_at_edges_fly_or_are_lost(rig):
    exact = look(rig[0], QUIET).depth / 1000
    faulty = look(rig[0], QUIET.replace(edges=0.9)).depth / 1000
    changed = np.abs(faulty - exact) > 0.01
    near_edge = np.zeros_like(changed)
    for axis in (0, 1):
        for shift in (-1, 1):
            near_edge |= np.abs(np.roll(exact, shift, axis) - exact) > 0.05
    flying = changed & (faulty > 0)
    assert 20 < flying.sum() < 1000
    assert (changed & (faulty == 0) & near_edge).sum() > 20
    assert (near_edge | (exact == 0))[flying].mean() > 0.6
    assert not changed[60, 20]


def test_what_stands_in_front_hides_the_person(rig):
    camera = rig[0]
    toward = camera.position[[0, 2]] / np.linalg.norm(camera.position[[0, 2]])
    table = thing("table", 0.8 * toward, 0.3)
    free, hidden = look(camera, QUIET), look(camera, QUIET, joined([EMPTY_ROOM, table]))
    gone = free.mask & ~hidden.mask & (free.depth > 0)
    assert gone.sum() > 20
    assert (hidden.depth[gone] < free.depth[gone]).mean() > 0.8


@pytest.mark.parametrize("kind", PARTS)
def test_things_stand_on_the_ground_and_are_closed(kind):
    vertices, faces = thing(kind, (1.0, -2.0), 0.7)
    assert vertices[:, 1].min() == 0
    np.testing.assert_allclose(vertices[:, [0, 2]].mean(axis=0), [1, -2], atol=0.3)
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()


def test_the_layout_is_behaves(tmp_path, prior):
    root, sequence = simulate(tmp_path, prior)
    info = json.loads((sequence / "info.json").read_text())
    assert info["kinects"] == [0, 1, 2, 3]
    assert info["gender"] == "female"
    assert info["empty"] is None
    assert json.loads((root / "split.json").read_text()) == {"train": [sequence.name], "test": []}
    moment = sequence / "t0000.200"
    for number in range(4):
        depth = Image.open(moment / f"k{number}.depth.png")
        assert depth.mode == "I;16"
        assert depth.size == (160, 120)
        mask = Image.open(moment / f"k{number}.person_mask{'.jpg' if number % 2 else '.png'}")
        assert mask.size == (160, 120)
        intrinsics = sequence / info["intrinsic"] / str(number)
        colour = json.loads((intrinsics / "calibration.json").read_text())["color"]
        assert len(colour["opencv"]) == 4 + 8
        assert np.load(intrinsics / "pointcloud_table.npy").shape == (120, 160, 2)
        pose = json.loads((sequence / info["config"] / str(number) / "config.json").read_text())
        if number == 1:  # the world's frame is that of camera 1
            np.testing.assert_allclose(pose["rotation"], np.eye(3).ravel(), atol=1e-12)
            np.testing.assert_allclose(pose["translation"], 0, atol=1e-12)
    fit = pickle.loads((moment / "person" / "fit02" / "person_fit.pkl").read_bytes())
    assert {key: value.shape for key, value in fit.items()} == {"pose": (156,), "betas": (10,), "trans": (3,)}
    assert json.loads((root / "manifest.json").read_text())["simulated"] is True


def test_the_same_seed_gives_the_same_files(tmp_path, prior):
    manifests = [
        (simulate(tmp_path / str(number), prior, seed=seed)[0] / "manifest.json").read_text()
        for number, seed in enumerate((0, 0, 1))
    ]
    assert manifests[0] == manifests[1] != manifests[2]


def test_faults_of_real_recordings_appear(tmp_path, prior):
    _, sequence = simulate(tmp_path, prior, SETTINGS.replace(frames=8, defects=0.5))
    moments = sorted(sequence.glob("t*"))
    assert len(moments) == 8
    without_mask = sum(4 - len(list(moment.glob("*person_mask*"))) for moment in moments)
    without_depth = sum(4 - len(list(moment.glob("*depth*"))) for moment in moments)
    without_fit = sum(not (moment / "person").exists() for moment in moments)
    assert min(without_mask, without_depth, without_fit) >= 1
