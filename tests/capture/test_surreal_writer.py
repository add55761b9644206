"""Files in SURREAL's layout, held against the recipes by which others read them."""

import functools
import json

import numpy as np
import pytest
import torch
from scipy.io import loadmat
from scipy.spatial.transform import Rotation

from sshmr.body.model import BodyModel, open_body_path
from sshmr.capture.simulate import simulate_sequence
from sshmr.capture.surreal_writer import write_clip
from sshmr.config.capture import CaptureConfig
from sshmr.config.extract import ExtractConfig, SurrealConfig
from sshmr.errors import InputError
from sshmr.geometry.raycast import Surface
from sshmr.sources.shards import simulated_file, simulated_plan, simulated_root
from sshmr.sources.surreal.reader import read_sequence

SETTINGS = CaptureConfig(
    layouts=("surreal",), sequences=3, test_sequences=1, subjects=2, test_subjects=1, frames=7, defects=0.0
)


@functools.cache
def load_body(gender):
    return BodyModel.load(open_body_path(gender))


def clip(folder, reading, count=2):
    """A clip's three files, read by SciPy, and its body's arrays: (depth, segm, info, posed with zrot)."""
    rng = np.random.default_rng(1)
    pose = rng.normal(0, 0.2, (count, 72))
    pose[:, :3] = [0.1, 2.0, 0.1]
    place = np.tile([0.0, 0.9, 0.2], (count, 1))
    stem = folder / "01_01_c0001"
    write_clip(
        stem, load_body("female"), "female", pose, rng.normal(0, 1, 10), place, 7.0, rng, reading=reading
    )
    return [loadmat(f"{stem}_{kind}.mat") for kind in ("depth", "segm", "info")]


def pixels(depth, segm, frame):
    """Points before the camera, x right, y down, z ahead, and their parts."""
    rows, columns = np.nonzero(segm[f"segm_{frame}"])
    z = depth[f"depth_{frame}"][rows, columns].astype(float)
    points = np.stack([(columns - 160) * z / 600, (rows - 120) * z / 600, z], axis=1)
    return points, segm[f"segm_{frame}"][rows, columns]


def body_as_published(info, frame):
    """The body with its root turned by zrot about z and then by 90° about x, its pelvis at the origin."""
    pose = info["pose"][:, frame].astype(float)
    turn = Rotation.from_euler("x", 90, degrees=True) * Rotation.from_euler("z", info["zrot"][frame, 0])
    pose[:3] = (turn * Rotation.from_rotvec(pose[:3])).as_rotvec()
    tensors = [torch.tensor(values, dtype=torch.float32)[None] for values in (pose, info["shape"][:, frame])]
    posed = load_body("female")(*tensors, torch.zeros(1, 3))
    return (posed.vertices[0] - posed.joints[0, 0]).numpy(), load_body("female").faces.numpy()


def median_distance(vertices, faces, points):
    return np.median(Surface(vertices, faces).distances(points))


def test_the_arrays_are_surreals(tmp_path):
    depth, segm, info = clip(tmp_path, "straight")
    assert depth["depth_1"].shape == segm["segm_2"].shape == (240, 320)
    assert (depth["depth_1"].dtype, segm["segm_1"].dtype) == (np.float32, np.uint8)
    assert ((depth["depth_1"] == np.float32(1e10)) == (segm["segm_1"] == 0)).all()
    assert set(np.unique(segm["segm_1"])) <= set(range(25))
    shapes = {name: value.shape for name, value in info.items() if isinstance(value, np.ndarray)}
    assert shapes | {
        "pose": (72, 2), "shape": (10, 2), "joints2D": (2, 24, 2), "joints3D": (3, 24, 2), "gender": (2, 1),
        "zrot": (2, 1), "camLoc": (3, 1), "camDist": (1, 1),
    } == shapes  # fmt: skip
    assert clip(tmp_path, "straight", count=1)[2]["joints3D"].shape == (3, 24)


def test_joints_are_drawn_inside_the_person(tmp_path):
    for reading in ("straight", "swapped"):
        _, segm, info = clip(tmp_path, reading)
        columns, rows = info["joints2D"][:, [0, 3, 6, 9, 4, 5], 0].round().astype(int)
        assert (segm["segm_1"][rows, columns] > 0).all()


def test_straight_is_as_surreals_own_scripts_have_it(tmp_path):
    """World = the posed body moved to the pelvis of joints3D, and nothing exchanged."""
    depth, segm, info = clip(tmp_path, "straight")
    for frame in range(2):
        points, _ = pixels(depth, segm, frame + 1)
        x, y, z = points.T
        camera = info["camLoc"][:, 0]
        world = np.stack([camera[0] - z, camera[1] + y, camera[2] - x], axis=1)
        vertices, faces = body_as_published(info, frame)
        assert median_distance(vertices + info["joints3D"][:, 0, frame], faces, world) < 0.02


def test_swapped_is_as_the_published_evaluation_has_it(tmp_path):
    """Points and joints with y negated; the posed body's (x, y, z) at (z, −y, x) from the pelvis."""
    depth, segm, info = clip(tmp_path, "swapped")
    for frame in range(2):
        points, _ = pixels(depth, segm, frame + 1)
        x, y, z = points.T
        camera = info["camLoc"][:, 0]
        world = np.stack([camera[0] - z, -(camera[1] + y), camera[2] - x], axis=1)
        vertices, faces = body_as_published(info, frame)
        pelvis = info["joints3D"][:, 0, frame] * [1, -1, 1]
        assert median_distance(vertices[:, [2, 1, 0]] * [1, -1, 1] + pelvis, faces, world) < 0.02


def test_each_reading_fails_by_the_others_recipe(tmp_path):
    depth, segm, info = clip(tmp_path, "swapped")
    points, _ = pixels(depth, segm, 1)
    world = info["camLoc"][:, 0] + points @ np.array([[0, 0, -1], [0, 1, 0], [-1, 0, 0]]).T
    vertices, faces = body_as_published(info, 0)
    assert median_distance(vertices + info["joints3D"][:, 0, 0], faces, world) > 0.03


@pytest.mark.parametrize(("reading", "handedness"), [("straight", -1), ("swapped", 1)])
def test_images_show_the_person_mirrored_where_the_world_does_not(tmp_path, reading, handedness):
    """From the pixels of the part images alone: left, up and ahead as the camera sees them."""
    depth, segm, _ = clip(tmp_path, reading)
    points, parts = pixels(depth, segm, 1)
    # Parts are SMPL's joints plus 1: hips, head, and feet against ankles.
    left_hip, right_hip, head, pelvis = (points[parts == part].mean(axis=0) for part in (2, 3, 16, 1))
    ahead = [points[np.isin(parts, pair)].mean(axis=0) for pair in ((11, 12), (8, 9))]
    side, up, ahead = left_hip - right_hip, head - pelvis, ahead[0] - ahead[1]
    assert np.sign(np.cross(side, up) @ ahead) == handedness


def simulate(folder, prior, number, settings=SETTINGS):
    name = simulated_plan(settings)[number].name
    path = simulated_file(folder, name, "surreal")
    simulate_sequence(name, settings, load_body, prior, 0, path)
    return name, path


def test_a_simulated_sequence_is_read_back_in_clips(tmp_path, prior):
    settings = ExtractConfig(voxel=0.0, surreal=SurrealConfig(minimum_parts=1, train_clips=1))
    subjects = set()
    for number, split in enumerate(("train", "train", "test")):
        name, path = simulate(tmp_path, prior, number)
        listed = [file["path"] for file in json.loads(path.read_text())["files"]]
        assert len(listed) == 2 * 3
        assert all(path.startswith(f"cmu/{split}/run0/") for path in listed)
        reading = read_sequence(simulated_root(tmp_path, name, "surreal"), name, split, settings, load_body)
        assert reading.simulated
        assert reading.notes == ["reading straight: 2 clips"]
        clips = sorted({frame.sequence for frame in reading.frames})
        assert [clip[-6:] for clip in clips] == ["_c0001", "_c0002"]
        ids = [frame.frame_id for frame in reading.frames]
        assert ids == [
            f"simulated/{clip}/{n:06d}/0" for clip, frames in zip(clips, (5, 2), strict=True)
            for n in range(1, frames + 1)
        ]  # fmt: skip
        assert all(frame.truth.body_model == load_body("male").name for frame in reading.frames)
        assert all(frame.source.startswith("simulated") for frame in reading.frames)
        subjects.add((split, tuple(reading.frames[0].truth.betas)))
    assert len(subjects) == 3


def test_faults_show_nobody(tmp_path, prior):
    name, _ = simulate(tmp_path, prior, 0, SETTINGS.replace(frames=30, defects=0.4))
    settings = ExtractConfig(surreal=SurrealConfig(minimum_parts=1))
    root = simulated_root(tmp_path, name, "surreal")
    reading = read_sequence(root, name, "train", settings, load_body)
    assert len(reading.frames) + len(reading.skipped) == 30
    assert 4 <= len(reading.skipped) <= 20
    assert {reason for _, _, reason in reading.skipped} == {"no pixel shows the person"}


def test_surreal_has_no_neutral_people(tmp_path, prior):
    settings = SETTINGS.replace(genders=("neutral",))
    with pytest.raises(InputError, match='"male" or "female"'):
        simulate(tmp_path, prior, 0, settings)
    assert not list(tmp_path.iterdir())
