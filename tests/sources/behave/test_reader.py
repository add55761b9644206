"""What is read against the exact geometry that the simulation knew."""

import dataclasses
import json

import numpy as np
import torch
from PIL import Image

from sshmr.config.extract import ExtractConfig
from sshmr.geometry.raycast import Surface
from sshmr.sources.behave.calibration import read_camera, read_info
from sshmr.sources.behave.images import read_depth, read_mask
from sshmr.sources.behave.points import unproject
from sshmr.sources.extract import extract
from sshmr.sources.plan import Sequence
from sshmr.tables.schemas import read_points


def body_of(label, load_body):
    values = (
        torch.tensor(value[None], dtype=torch.float32) for value in (label.pose, label.betas, label.transl)
    )
    posed = load_body(label.gender)(*values)
    return posed.vertices[0].numpy(), posed.joints[0].numpy()


def test_labels_are_the_mesh_that_was_rendered(made, open_bodies):
    reading = made.read()
    assert len(reading.frames) == 8
    for frame in reading.frames:
        assert frame.truth.gender == made.gender
        vertices, joints = body_of(frame.truth, open_bodies)
        truth = made.vertices[round(frame.frame / 200)]  # five moments a second
        assert np.abs(vertices - truth).max() < 1e-3
        assert np.abs(joints - frame.truth.joints).max() < 1e-3


def test_points_lie_on_the_mesh_within_the_noise(made, open_bodies):
    faces = open_bodies(made.gender).faces.numpy()
    for frame in made.read().frames:
        distance = Surface(made.vertices[round(frame.frame / 200)], faces).distances(frame.points)
        assert len(frame.points) > 300
        # At 2.5 m a reading's noise is 6 mm; a few points fly behind the edges.
        assert np.median(distance) < 0.008
        assert np.quantile(distance, 0.9) < 0.02


def test_without_noise_pixels_are_exact_to_a_millimetre(exact, open_bodies):
    faces, info = open_bodies("male").faces.numpy(), read_info(exact.sequence / "info.json")
    for number in range(4):
        camera = read_camera(info, number)
        shape, folder = camera.table.shape[:2], exact.moment()
        mask = read_mask(next(folder.glob(f"k{number}.person_mask.*")), shape)
        depth = read_depth(folder / f"k{number}.depth.png", shape, mask.box)
        points = unproject(depth, mask, camera) * [1, -1, -1]
        distance = Surface(exact.vertices[0], faces).distances(points)
        # A mask bleeds over the edge by a pixel; all that is on the person is right.
        assert (distance < 0.001).mean() > 0.85
        # Back through the lens, each point falls on its own pixel.
        local = (points * [1, -1, -1] - camera.translation) @ camera.rotation
        pixels = exact.scene.cameras[number].lens.project(local[:, :2] / local[:, 2:])
        rows, columns = np.nonzero(mask.pixels & (depth > 0))
        whole = np.stack([columns + mask.box[0], rows + mask.box[1]], axis=1)
        assert np.abs(pixels - whole).max() < 0.01


def test_pixel_tables_undo_a_lens_and_lack_their_corners(exact):
    camera = exact.scene.cameras[0]
    table, lens = camera.table, camera.lens
    assert np.isnan(table[0, 0]).all()
    assert np.isfinite(table[90:100]).all()
    columns, rows = np.meshgrid(np.arange(256), np.arange(192))
    known = np.isfinite(table[..., 0])
    error = np.abs(lens.project(table) - np.stack([columns, rows], axis=-1))[known]
    assert error.max() < 1e-3
    pinhole = np.stack([(columns - lens.cx) / lens.fx, (rows - lens.cy) / lens.fy], axis=-1)
    assert np.abs(table - pinhole)[known].max() * lens.fx > 1


def test_each_camera_is_a_view_of_the_same_moment(woman):
    frames = woman.read().frames
    assert [(frame.frame, frame.view) for frame in frames] == [(t, k) for t in (0, 200) for k in range(4)]
    assert frames[5].frame_id == f"simulated/{woman.name}/000200/1"
    assert frames[5].source == f"simulated: {woman.name}/t0000.200/k1.depth.png"
    for frame in frames[:4]:
        assert np.abs(frame.points.mean(axis=0) - frames[0].points.mean(axis=0)).max() < 0.2


def test_several_at_once_gives_the_same(woman):
    for one, four in zip(woman.read().frames, woman.read(threads=4).frames, strict=True):
        assert one.frame_id == four.frame_id
        np.testing.assert_array_equal(one.points, four.points)


def test_every_second_moment(woman):
    assert {frame.frame for frame in woman.read(every=2).frames} == {0}


def test_a_png_mask_wins_over_a_jpg(copy):
    before = copy.read().frames[0]
    empty = np.zeros((192, 256), np.uint8)
    Image.fromarray(empty).save(copy.moment() / "k0.person_mask.jpg")
    np.testing.assert_array_equal(copy.read().frames[0].points, before.points)


def test_a_missing_camera_costs_its_view_or_as_published_the_moment(copy):
    next(copy.moment().glob("k2.person_mask.*")).unlink()
    reading = copy.read()
    assert len(reading.frames) == 7
    assert reading.skipped == [
        (
            f"simulated/{copy.name}/000000/2",
            f"simulated: {copy.name}/t0000.000/k2.depth.png",
            "k2.person_mask.png and .jpg are missing",
        )
    ]
    reading = copy.read(all_cameras=True)
    assert {frame.frame for frame in reading.frames} == {200}
    assert {reason for *_, reason in reading.skipped} == {"it has no mask of k2"}


def test_without_a_fit_a_moment_has_no_labels(copy):
    (copy.moment() / "person" / "fit02" / "person_fit.pkl").unlink()
    reading = copy.read()
    assert [frame.truth is None for frame in reading.frames] == [True] * 4 + [False] * 4
    assert reading.notes == ["1 moments without ground truth: there is no fit"]


def test_a_damaged_fit_costs_the_labels_only(copy):
    (copy.moment() / "person" / "fit02" / "person_fit.pkl").write_bytes(b"\x80\x04cos\nsystem\n.")
    reading = copy.read()
    assert len(reading.frames) == 8
    assert "os.system" in reading.notes[0]


def test_info_without_kinects_means_the_first_three(copy):
    edit(copy.sequence / "info.json", kinects=None, empty="none", gender=None)
    reading = copy.read()
    assert {frame.view for frame in reading.frames} == {0, 1, 2}
    assert reading.notes == ["no ground truth: info.json states no gender"]


def test_labels_need_the_body_they_were_made_with(woman, copy, open_bodies):
    assert "made with another" in woman.read(lambda _: open_bodies("male")).notes[0]
    assert "no female body" in woman.read(lambda _: None).notes[0]
    (copy.root / "manifest.json").unlink()  # a real recording from here on
    reading = copy.read()
    assert not reading.simulated
    assert reading.frames[0].frame_id.startswith("behave/")
    assert "it is for SMPL" in reading.notes[0]
    smpl = dataclasses.replace(open_bodies("female"), name="smpl_female")
    assert copy.read(lambda _: smpl).frames[0].truth.body_model == "smplh"


def test_the_published_cleaning_draws_points_that_have_neighbours(woman, open_bodies):
    frames = woman.read(cleaning="published", minimum_points=50).frames
    assert len(frames) == 8
    for frame in frames:
        assert len(frame.points) <= 1024
        distance = Surface(woman.vertices[round(frame.frame / 200)], open_bodies("female").faces.numpy())
        assert np.median(distance.distances(frame.points)) < 0.01


def test_the_table_has_a_row_for_each_view(tmp_path, woman, open_bodies):
    summary = extract(
        "behave", [Sequence(woman.name, woman.root)], "train", ExtractConfig(), open_bodies,
        tmp_path / "a.parquet", tmp_path / "a.skipped.parquet", threads=2,
    )  # fmt: skip
    assert "4 frames, 0 skipped" in summary  # one moment in two
    table = read_points(tmp_path / "a.parquet", truth=True)
    assert list(table["view"]) == [0, 1, 2, 3]
    assert np.isfinite(table["pose"]).all()


def edit(path, **changes):
    content = json.loads(path.read_text())
    content.update(changes)
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))
