"""Every format is opened again by somebody else's library and has the fitted vertices."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pygltflib
import pytest
import smplx
import torch
import trimesh
from scipy.spatial.transform import Rotation
from smplx.utils import Struct

from sshmr.body.model import open_body_path
from sshmr.capture.motion_files import read_motion
from sshmr.export.axes import Axes
from sshmr.export.write import OPEN_BETAS, ExportConfig, export
from sshmr.export.written import RECORD

from .conftest import FROM_Y_UP, Truth

MICROMETRE = 1e-6


def written(truth, folder, *formats, **options):
    return export(truth.tables(), truth.body, folder, ExportConfig(formats, **options))


@pytest.fixture(scope="module")
def reference():
    """smplx's own model over the same arrays."""
    with np.load(open_body_path("neutral")) as archive:
        arrays = {name: archive[name] for name in archive.files}
    return lambda count: smplx.SMPL(model_path="", data_struct=Struct(**arrays), batch_size=count)


@pytest.mark.parametrize("suffix", ["ply", "obj"])
def test_meshes_lie_on_the_files_they_were_fitted_to(truth, tmp_path, suffix):

    written(truth, tmp_path, suffix)
    for name, expected in truth.vertices.items():
        for frame, vertices in enumerate(expected):
            mesh = trimesh.load(tmp_path / name / f"cloud{frame}.{suffix}", process=False)
            np.testing.assert_allclose(mesh.vertices, 100 * vertices @ FROM_Y_UP.T, atol=100 * MICROMETRE)
            np.testing.assert_array_equal(mesh.faces, truth.faces)


def test_meshes_in_a_frame_of_ones_own(truth, tmp_path):
    written(truth, tmp_path, "ply", axes=Axes("-y", "m"))
    mesh = trimesh.load(tmp_path / "walk" / "cloud2.ply", process=False)
    np.testing.assert_allclose(mesh.vertices, truth.vertices["walk"][2] * [1, -1, -1], atol=MICROMETRE)


def accessor(document, index, width):
    """The numbers of a glTF accessor, (count, width)."""
    entry = document.accessors[index]
    view = document.bufferViews[entry.bufferView]
    kind = {pygltflib.FLOAT: "<f4", pygltflib.UNSIGNED_SHORT: "<u2"}[entry.componentType]
    raw = document.binary_blob()[view.byteOffset : view.byteOffset + view.byteLength]
    return np.frombuffer(raw, kind).reshape(entry.count, width)


def played(document, time):
    """World positions (V, 3) that a player shows at a time, as the specification tells."""
    node = document.nodes[0]
    primitive = document.meshes[node.mesh].primitives[0]
    positions = accessor(document, primitive.attributes.POSITION, 3).astype(np.float64)
    if document.animations:
        sampler = document.animations[0].samplers[0]
        assert sampler.interpolation == "STEP"
        times = accessor(document, sampler.input, 1)[:, 0]
        weights = accessor(document, sampler.output, 1).reshape(len(times), -1)
        row = np.searchsorted(times, time, side="right") - 1
        for weight, target in zip(weights[row], primitive.targets, strict=True):
            positions = positions + weight * accessor(document, target["POSITION"], 3)
    return positions + node.translation


def test_an_animated_glb_shows_each_fitted_body_at_its_time(truth, tmp_path):
    written(truth, tmp_path, "glb", frames_per_second=4.0)
    document = pygltflib.GLTF2().load(str(tmp_path / "walk.glb"))
    for frame, vertices in enumerate(truth.vertices["walk"]):
        for late in (0.0, 0.24):
            np.testing.assert_allclose(played(document, frame / 4 + late), vertices, atol=MICROMETRE)
    indices = accessor(document, document.meshes[0].primitives[0].indices, 1)
    np.testing.assert_array_equal(indices.reshape(-1, 3), truth.faces)
    assert document.meshes[0].extras["targetNames"] == [f"cloud{frame}" for frame in range(1, 5)]


@pytest.mark.parametrize("numbers", [(0, 1, 4, 5, 6), (1000, 1101, 1398, 1502, 1600)])
def test_where_clouds_lack_the_pose_before_stays(tmp_path, neutral_body, numbers):
    """Whether files are counted or named by time."""
    lacking = Truth(tmp_path / "run", neutral_body, walk=numbers)
    _, notes = written(lacking, tmp_path, "glb", "smplx", frames_per_second=4.0)
    document = pygltflib.GLTF2().load(str(tmp_path / "walk.glb"))
    for moment, frame in enumerate((0, 1, 1, 1, 2, 3, 4)):
        shown = played(document, moment / 4 + 0.1)
        np.testing.assert_allclose(shown, lacking.vertices["walk"][frame], atol=MICROMETRE)
    assert any("walk.glb: 2 moments have no cloud" in note for note in notes)
    assert any("walk_smplx.npz: 2 moments have no cloud" in note for note in notes)


def test_animations_keep_the_times_of_the_frames(tmp_path, neutral_body):
    """Five moments at 20 Hz with some jitter, the third of which has no cloud; --fps goes before times."""
    times = 1316652689.74 + np.array([0.0, 0.051, 0.149, 0.2, 0.25])
    timed = Truth(tmp_path / "run", neutral_body, times=times)
    _, notes = written(timed, tmp_path, "glb", "smplx")
    document = pygltflib.GLTF2().load(str(tmp_path / "walk.glb"))
    for moment, frame in enumerate((0, 1, 1, 2, 3, 4)):
        np.testing.assert_allclose(
            played(document, (moment + 0.5) / 19.8), timed.vertices["walk"][frame], atol=MICROMETRE
        )
    rate = np.load(tmp_path / "walk_smplx.npz")["mocap_frame_rate"]
    assert rate == pytest.approx(1 / np.median(np.diff(times)), rel=0.01)
    assert notes[0].startswith(f"animations at {rate:g} frames per second, from the times of the frames")
    np.testing.assert_allclose(pd.read_parquet(tmp_path / "bodies.parquet")["time"][1:], times, atol=1e-6)
    _, notes = written(timed, tmp_path, "smplx", frames_per_second=4.0)
    assert np.load(tmp_path / "walk_smplx.npz")["mocap_frame_rate"] == 4
    assert notes[0] == "animations at 4 frames per second; --fps overrides this"


@pytest.mark.parametrize(
    "names",
    [
        {"walk": "../../escaped", "sit": "_.._escaped"},
        {"walk": "Walk a", "sit": "walk_a"},
        {"walk": "é" * 200, "sit": "é" * 201},
        {"walk": "..", "sit": "/"},
        {"walk": "{x}\n$(touch PWNED)", "sit": "<img src=x>"},
    ],
)
def test_whatever_a_sequence_is_called_its_files_stay_in_the_folder(tmp_path, neutral_body, names):
    named = Truth(tmp_path / "run", neutral_body)
    for path in named.run.points():
        table = pq.read_table(path)
        column = pa.array([names[name] for name in table["sequence"].to_pylist()])
        place = table.schema.get_field_index("sequence")
        pq.write_table(table.set_column(place, "sequence", column), path)
    before = set(tmp_path.rglob("*"))
    paths, _ = written(named, tmp_path / "out", "ply", "glb", "smplx")
    made = {path for path in set(tmp_path.rglob("*")) - before if path.is_file() and path.name != RECORD}
    assert made == set(paths)
    assert len(made) == 1 + 6 + 2 + 2
    assert all(path.resolve().is_relative_to(tmp_path / "out") for path in made)
    assert set(pd.read_parquet(tmp_path / "out/bodies.parquet")["source"]) == {
        f"{name}/cloud{frame}.ply" for name, frames in named.vertices.items() for frame in range(len(frames))
    }


def test_bounds_in_a_glb_hold_its_numbers(truth, tmp_path):
    """Viewers place the camera by them, and validators refuse wrong ones."""
    written(truth, tmp_path, "glb")
    document = pygltflib.GLTF2().load(str(tmp_path / "walk.glb"))
    primitive = document.meshes[0].primitives[0]
    for index in (primitive.attributes.POSITION, *(target["POSITION"] for target in primitive.targets)):
        numbers = accessor(document, index, 3)
        np.testing.assert_array_equal(document.accessors[index].min, numbers.min(axis=0))
        np.testing.assert_array_equal(document.accessors[index].max, numbers.max(axis=0))


def test_a_single_frame_makes_a_plain_glb(truth, tmp_path):
    written(truth, tmp_path, "glb")
    scene = trimesh.load(tmp_path / "sit.glb", process=False)
    np.testing.assert_allclose(scene.to_geometry().vertices, truth.vertices["sit"][0], atol=MICROMETRE)
    assert not pygltflib.GLTF2().load(str(tmp_path / "sit.glb")).animations


def test_long_sequences_become_several_glb_files(truth, tmp_path, monkeypatch):
    monkeypatch.setattr("sshmr.export.write.MOST_FRAMES", 2)
    paths, notes = written(truth, tmp_path, "glb")
    assert [path.name for path in paths[1:]] == ["sit.glb", "walk_0001.glb", "walk_0002.glb", "walk_0003.glb"]
    assert "walk: 3 .glb files" in notes[1]
    shown = [played(pygltflib.GLTF2().load(str(path)), 0.0) for path in paths[2:]]
    np.testing.assert_allclose(shown, truth.vertices["walk"][::2], atol=MICROMETRE)


@pytest.mark.parametrize("up", ["y", "z", "-x"])
def test_smplx_poses_the_same_vertices(truth, reference, tmp_path, up):
    written(truth, tmp_path, "smplx", axes=Axes(up))
    turn = Axes(up).rotation()
    for name, expected in truth.vertices.items():
        with np.load(tmp_path / f"{name}_smplx.npz") as archive:
            parts = {
                key: torch.tensor(archive[key], dtype=torch.float32)
                for key in ("global_orient", "body_pose", "betas", "transl")
            }
            scale, transl = archive["scale"][:, None, None], archive["transl"][:, None]
        posed = reference(len(expected))(**parts).vertices.detach().numpy()
        posed = scale * (posed - transl) + transl
        np.testing.assert_allclose(posed, expected @ turn.T, atol=3e-5)  # float32 at 80 m


def test_amass_has_the_same_vertices_where_a_sequence_has_one_shape(one_shape, reference, tmp_path):
    _, notes = written(one_shape, tmp_path, "amass")
    assert notes[0] == "animations at 10 frames per second; --fps overrides this"
    assert notes[1:] == [OPEN_BETAS]
    for name, expected in one_shape.vertices.items():
        with np.load(tmp_path / f"{name}_amass.npz") as archive:
            poses, trans, betas = (torch.tensor(archive[key]).float() for key in ("poses", "trans", "betas"))
        count = len(expected)
        posed = reference(count)(
            global_orient=poses[:, :3],
            body_pose=torch.cat([poses[:, 3:69], poses[:, 111:114]], 1),
            betas=betas[:10].expand(count, -1),
            transl=trans,
        ).vertices.detach()
        np.testing.assert_allclose(posed, expected @ FROM_Y_UP.T, atol=3e-5)


def test_amass_tells_how_much_one_shape_changes(truth, tmp_path):
    _, notes = written(truth, tmp_path, "amass")
    assert [note.split(":")[0] for note in notes[2:]] == ["sit_amass.npz", "walk_amass.npz"]
    assert "no scale" in notes[2]
    assert "mm" in notes[2]


def test_amass_files_serve_the_simulated_capture(one_shape, tmp_path):
    written(one_shape, tmp_path, "amass", frames_per_second=20.0)
    clip = next(clip for clip in read_motion(tmp_path) if clip.name == "walk_amass")

    assert clip.fps == 20
    read, fitted = (
        Rotation.from_rotvec(pose[:, :66].reshape(-1, 3)) for pose in (clip.pose, one_shape.poses["walk"])
    )
    assert (read * fitted.inv()).magnitude().max() < 1e-6


def test_the_table_has_every_body_at_its_place(truth, tmp_path):
    paths, _ = written(truth, tmp_path)
    table = pd.read_parquet(paths[0])
    assert table["sequence"].tolist() == ["sit"] + ["walk"] * 5
    assert table["source"].tolist()[1:] == [f"walk/cloud{frame}.ply" for frame in range(5)]
    pose, betas = (torch.tensor(np.stack(table[name])) for name in ("pose", "betas"))
    local = truth.body(pose, betas, torch.zeros(6, 3)).vertices.numpy().astype(float)
    local *= np.asarray(table["scale"], float)[:, None, None]
    expected = np.concatenate([truth.vertices["sit"], truth.vertices["walk"]])
    np.testing.assert_allclose(local + np.stack(table["transl"])[:, None], expected, atol=MICROMETRE)


def test_a_second_export_writes_what_changed_and_nothing_else(truth, tmp_path):
    paths, notes = written(truth, tmp_path, "ply", "amass")
    before = {path: path.stat().st_mtime_ns for path in paths[1:]}
    again, told = written(truth, tmp_path, "ply", "amass")
    assert (again, told) == (paths, notes)
    assert {path: path.stat().st_mtime_ns for path in paths[1:]} == before

    (tmp_path / "walk" / "cloud0.ply").unlink()
    for path in (tmp_path / "sit").iterdir():
        path.write_text("overwritten by hand")
    written(truth, tmp_path, "ply", "amass", axes=Axes("y", "m"))
    changed = {path for path, stamp in before.items() if path.stat().st_mtime_ns != stamp}
    assert changed == set(before)  # Other axes change every file.
    last = {path: path.stat().st_mtime_ns for path in before}
    (tmp_path / "sit" / "cloud0.ply").unlink()
    written(truth, tmp_path, "ply", "amass", axes=Axes("y", "m"))
    changed = {path for path, stamp in last.items() if path.stat().st_mtime_ns != stamp}
    assert changed == {tmp_path / "sit" / "cloud0.ply"}


@pytest.mark.parametrize(
    "text", ["", "[]", '{"walk ply": 3}', '{"walk ply": {"digest": "x", "files": [], "notes": []}}']
)
def test_with_a_damaged_record_every_file_is_written_again(truth, tmp_path, text):
    paths, notes = written(truth, tmp_path, "ply")
    (tmp_path / RECORD).write_text(text)
    paths[1].unlink()
    assert written(truth, tmp_path, "ply") == (paths, notes)
    assert paths[1].is_file()
