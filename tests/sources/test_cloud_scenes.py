"""One's own clouds from scenes whose geometry is known: a person, some ground, strays, true bodies."""

import sys

import laspy
import numpy as np
import pandas as pd
import pytest
import torch
from scipy.spatial.transform import Rotation

from sshmr.body.model import BodyModel, open_body_path
from sshmr.config.extract import METRES, CloudsConfig, ExtractConfig
from sshmr.errors import InputError
from sshmr.geometry.frames import turn_body
from sshmr.geometry.open3d_import import open3d
from sshmr.geometry.raycast import Surface
from sshmr.sources.cloud_axes import TO_Y_UP
from sshmr.sources.clouds import read_sequence

NOISE = 0.005
CASES = [
    (".ply", "z", "m"),
    (".pcd", "-y", "mm"),
    (".xyz", "x", "cm"),
    (".npy", "-z", "mm"),
    (".npz", "y", "cm"),
    (".bin", "-x", "m"),
    (".las", "z", "m"),
    (".laz", "-y", "cm"),
]


def load_body(gender):
    return BodyModel.load(open_body_path(gender))


@pytest.fixture(scope="module")
def scenes():
    """Three frames of a walking woman, y up: parameters, mesh, and what a camera sees of it."""
    rng = np.random.default_rng(0)
    pose = np.zeros((3, 72))
    pose[:, :3] = [[0.1, 0.3, 0.0], [0.0, 0.5, 0.1], [0.05, 0.7, 0.0]]
    pose[:, 3 : 3 + 63] = rng.normal(0, 0.12, (3, 63))
    pose[:, [50, 53]] += [-1.1, 1.1]  # arms down
    betas, transl = (
        np.tile(rng.normal(0, 1, 10), (3, 1)),
        np.array([[2.0, 0, 1], [2.3, 0, 1.1], [2.6, 0, 1.2]]),
    )
    body = load_body("female")
    values = [torch.tensor(value, dtype=torch.float32) for value in (pose, betas, transl)]
    transl[:, 1] -= body(*values).vertices[..., 1].amin(dim=1).numpy()
    values[2] = torch.tensor(transl, dtype=torch.float32)
    posed = body(*values)
    clouds = [_seen(mesh, body.faces.numpy(), rng) for mesh in posed.vertices.numpy()]
    return pose, betas, transl, posed, body.faces.numpy(), clouds


def _seen(mesh, faces, rng):
    """Points on person and ground as seen from one side, with noise along the ray, and some strays."""
    middle = mesh.mean(axis=0)
    camera = middle + np.array([0.5, 0.4, 3.0])
    targets = middle + rng.uniform([-1.2, -1.2, -0.5], [1.2, 1.2, 0.5], (60_000, 3))
    rays = (targets - camera) / np.linalg.norm(targets - camera, axis=1, keepdims=True)
    depth, _ = Surface(mesh, faces).cast(camera, rays)
    to_ground = np.where(rays[:, 1] < 0, -camera[1] / np.minimum(rays[:, 1], -1e-9), np.inf)
    depth = np.minimum(depth, np.where(to_ground < 5, to_ground, np.inf))
    seen = np.isfinite(depth)
    points = camera + rays[seen] * (depth[seen] + rng.normal(0, NOISE, seen.sum()))[:, None]
    strays = middle + rng.uniform(-1.5, 1.5, (25, 3)) + [0, 1.6, 0]
    return np.concatenate([points, strays, np.full((5, 3), np.nan)])


def save(path, points):
    if path.suffix in (".ply", ".pcd"):
        module = open3d()
        cloud = module.geometry.PointCloud(module.utility.Vector3dVector(points))
        assert module.io.write_point_cloud(str(path), cloud, compressed=path.suffix == ".pcd")
    elif path.suffix == ".xyz":
        np.savetxt(path, points)
    elif path.suffix == ".npy":
        np.save(path, points)
    elif path.suffix == ".npz":
        np.savez_compressed(path, points=points)
    elif path.suffix == ".bin":
        np.c_[points, np.ones(len(points))].astype("<f4").tofile(path)
    else:
        points = points[np.isfinite(points).all(axis=1)]
        header = laspy.LasHeader(point_format=3, version="1.2")
        header.scales, header.offsets = [1e-4] * 3, [0.0] * 3
        data = laspy.LasData(header)
        data.x, data.y, data.z = points.T
        data.write(path)


def truth_in(turn, unit, scenes, names):
    """The true bodies in a file's axes and unit, as a table."""
    pose, betas, transl, *_ = scenes
    pelvis = load_body("female").rest_joints(torch.tensor(betas, dtype=torch.float32))[:, 0].double()
    root, moved = turn_body(torch.tensor(turn.T), torch.tensor(pose[:, :3]), torch.tensor(transl), pelvis)
    turned = np.concatenate([root.numpy(), pose[:, 3:]], axis=1)
    return pd.DataFrame(
        {
            "file": names,
            "pose": list(turned),
            "betas": list(betas),
            "transl": list(moved.numpy() / unit),
            "gender": "female",
            "body_model": "open",
        }
    )


@pytest.fixture
def write(tmp_path, scenes):
    """Write the scenes as a walk in one format, axis and unit, with the truth; returns the root."""

    def write(suffix=".npy", up="z", unit="m", truth=True):
        turn = np.array(TO_Y_UP[up], float)
        (tmp_path / "walk").mkdir(exist_ok=True)
        names = [f"walk/{number}{suffix}" for number in range(3)]
        for name, cloud in zip(names, scenes[-1], strict=True):
            save(tmp_path / name, cloud @ turn / METRES[unit])
        if truth:
            truth_in(turn, METRES[unit], scenes, names).to_parquet(tmp_path / "truth.parquet")
        return tmp_path

    return write


def read(root, voxel=0.0, **clouds):
    settings = ExtractConfig(voxel=voxel, stray_distance=0.06, clouds=CloudsConfig(**clouds))
    return read_sequence(root, "walk", "train", settings, load_body)


@pytest.mark.parametrize(("suffix", "up", "unit"), CASES)
def test_points_and_truth_lie_on_the_mesh_that_was_seen(write, scenes, suffix, up, unit):
    *_, posed, faces, _ = scenes
    reading = read(write(suffix, up, unit), up=up, unit=unit)
    assert len(reading.frames) == 3
    assert reading.notes == ["ground removed from 3"]
    body = load_body("female")
    for row, frame in enumerate(reading.frames):
        mesh = posed.vertices[row].numpy()
        distance = Surface(mesh, faces).distances(frame.points)
        assert len(frame.points) == 1024
        assert np.median(distance) < NOISE
        # Of the ground only what touches the feet may be left.
        assert np.percentile(distance, 98) < 4 * NOISE
        assert distance[frame.points[:, 1] > 0.1].max() < 0.06
        label = frame.truth
        values = (
            torch.tensor(value[None], dtype=torch.float32)
            for value in (label.pose, label.betas, label.transl)
        )
        np.testing.assert_allclose(body(*values).vertices[0], mesh, atol=1e-3)
        np.testing.assert_allclose(label.joints, posed.joints[row], atol=1e-3)
        assert (label.gender, label.body_model) == ("female", "open")


def test_truth_of_smplh_are_shortened(write, scenes):
    root = write()
    table = pd.read_parquet(root / "truth.parquet")
    fingers = np.zeros(156)
    table["pose"] = [np.concatenate([pose[:66], fingers[66:]]) for pose in table["pose"]]
    table.to_parquet(root / "truth.parquet")
    label = read(root, up="z").frames[0].truth
    np.testing.assert_allclose(label.joints, scenes[3].joints[0], atol=1e-3)


def test_there_is_no_truth_without_a_table_or_a_body(write):
    assert all(frame.truth is None for frame in read(write(truth=False), up="z").frames)
    root = write()
    table = pd.read_parquet(root / "truth.parquet")
    table.drop(columns="body_model").to_parquet(root / "truth.parquet")
    reading = read(root, up="z")
    assert all(frame.truth is None for frame in reading.frames)
    assert any("no ground truth: it is for SMPL" in note for note in reading.notes)


def test_some_files_may_have_no_truth(write, tmp_path):
    root = write()
    table = pd.read_parquet(root / "truth.parquet").drop(index=2)
    table.at[1, "pose"] = np.full(72, np.nan)
    other = tmp_path / "elsewhere.parquet"
    table.to_parquet(other)
    (root / "truth.parquet").unlink()
    reading = read(root, up="z", truth=str(other))
    assert [frame.truth is None for frame in reading.frames] == [False, True, True]
    assert "1 rows of elsewhere.parquet dropped: pose is not finite or far too large" in reading.notes


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda table: table.assign(pose=[pose[:70] for pose in table["pose"]]),
            "pose does not have 72 or 156 numbers",
        ),
        (lambda table: table.assign(pose=[pose * 1e300 for pose in table["pose"]]), "far too large"),
        (lambda table: table.assign(betas="long"), "betas holds no numbers"),
        (lambda table: table.assign(gender="f"), "gender is not one of neutral, male, female"),
        (lambda table: table.assign(body_model=[[1]] * len(table)), "body_model is not text"),
        (lambda table: pd.concat([table, table]), "the same file in several rows"),
        (
            lambda table: table.assign(transl=[transl + 3 for transl in table["transl"]]),
            "the axes and the unit",
        ),
        (
            lambda table: table.assign(transl=[transl * 1000 for transl in table["transl"]]),
            "the axes and the unit",
        ),
    ],
)
def test_truth_that_cannot_be_is_dropped_and_no_cloud_with_it(write, change, message):
    root = write()
    whole = read(root, up="z")
    change(pd.read_parquet(root / "truth.parquet")).to_parquet(root / "truth.parquet")
    reading = read(root, up="z")
    assert any(message in note for note in reading.notes)
    assert all(frame.truth is None for frame in reading.frames)
    for frame, known in zip(reading.frames, whole.frames, strict=True):
        assert known.truth is not None
        np.testing.assert_array_equal(frame.points, known.points)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pose": [np.zeros(10**6, np.float32)]}, 'column "pose" is 1000000 values; expected at most 156'),
        ({"file": ["x" * 10_000]}, 'column "file" is longer than any path'),
        ({"file": [7]}, 'column "file" is no text'),
    ],
)
def test_tables_that_unfold_to_far_more_than_bodies_are_refused(write, change, message):
    """Parquet stores a value that repeats once, however often that is."""
    root = write()
    row = pd.read_parquet(root / "truth.parquet").head(1)
    row.assign(**change).to_parquet(root / "truth.parquet", compression="zstd")
    with pytest.raises(InputError, match=message):
        read(root, up="z")


def test_truth_of_other_files_and_of_none(write):
    """A table need not name all files, nor any of a sequence."""
    root = write()
    table = pd.read_parquet(root / "truth.parquet")
    (root / "truth.parquet").rename(root / "labels.parquet")
    assert all(frame.truth is not None for frame in read(root, up="z").frames)
    table.assign(file="elsewhere/" + table["file"]).to_parquet(root / "labels.parquet")
    assert [frame.truth for frame in read(root, up="z").frames] == [None] * len(table)


def test_a_column_that_is_missing_is_reported(write):
    root = write()
    pd.read_parquet(root / "truth.parquet").drop(columns="betas").to_parquet(root / "truth.parquet")
    with pytest.raises(InputError, match='column "betas" is missing'):
        read(root, up="z")


def test_a_table_that_cannot_be_read_is_reported(write):
    root = write()
    (root / "truth.parquet").write_bytes(b"PAR1 broken")
    with pytest.raises(InputError, match="not readable"):
        read(root, up="z")
    with pytest.raises(InputError, match="no such file"):
        read(root, up="z", truth=str(root / "nowhere.parquet"))


@pytest.mark.parametrize(
    ("up", "unit", "read_up", "read_unit", "fix"),
    [
        ("z", "mm", "z", "m", 'Set extract.clouds.unit to "mm"'),
        ("z", "cm", "z", "m", 'Set extract.clouds.unit to "cm"'),
        ("z", "m", "z", "mm", 'Set extract.clouds.unit to "m"'),
        ("y", "mm", "z", "m", 'Set extract.clouds.unit to "mm" and extract.clouds.up to "y"'),
        ("-y", "cm", "y", "mm", 'Set extract.clouds.unit to "cm" and extract.clouds.up to "-y"'),
    ],
)
def test_the_right_unit_is_named(write, up, unit, read_up, read_unit, fix):
    with pytest.raises(InputError) as caught:
        read(write(".npy", up, unit, truth=False), up=read_up, unit=read_unit)
    assert fix in str(caught.value)


@pytest.mark.parametrize("up", sorted(TO_Y_UP))
@pytest.mark.parametrize("read_up", ["y", "z", "-x"])
def test_the_right_axis_is_named(tmp_path, scenes, up, read_up):
    """The person alone, without ground: read along another axis, something says which one it is."""
    person = [Rotation.identity().apply(mesh[::3]) for mesh in scenes[3].vertices.numpy()]
    (tmp_path / "walk").mkdir()
    for number, cloud in enumerate(person):
        np.save(tmp_path / "walk" / f"{number}.npy", cloud @ np.array(TO_Y_UP[up]))
    try:
        said = " ".join(read(tmp_path, up=read_up, voxel=0.02).notes)
    except InputError as error:
        said = str(error)
    assert (f'extract.clouds.up to "{up}"' in said) == (up != read_up), said


def test_a_missing_laspy_stops_at_once(write, monkeypatch):
    root = write(".laz", truth=False)
    monkeypatch.setitem(sys.modules, "laspy", None)
    with pytest.raises(InputError, match=r'pip install "sshmr\[las\]"'):
        read(root, up="z")
