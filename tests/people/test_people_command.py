"""``sshmr people`` and the source ``scenes`` on a simulated recording."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from sshmr.cli.app import app
from sshmr.config.extract import ExtractConfig, ScenesConfig
from sshmr.formats.points import read_points
from sshmr.people.axes import upright
from sshmr.sources.scenes import read_sequence
from sshmr.sources.shards import list_sequences
from sshmr.viewing.scene import scene_files, scene_points
from tools.scenes.scene import write_scene


@pytest.fixture(scope="module")
def recording(street, tmp_path_factory):
    folder = write_scene(street, tmp_path_factory.mktemp("data") / "street")
    (folder / "000006.ply").write_bytes(b"ply\nbroken")
    return folder


def call(*arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, result.stdout, result.stderr


def test_each_person_gets_a_folder_in_the_scene_s_axes(recording, tmp_path, street):
    code, printed, _ = call("people", recording, "-o", tmp_path / "crops", "--up", "z", "--jobs", "1")
    assert code == 3  # one file is broken, the rest is done
    assert "000006.ply" in printed
    table = pq.read_table(tmp_path / "crops" / "detections.parquet").to_pandas()
    kept = table[table.person.notna()]
    truth = pq.read_table(recording / "truth.parquet").to_pandas()
    clear = truth[(truth.points > 60) & (truth.points > 0.5 * truth.free_points) & (truth.frame != 6)]
    assert len(clear) > 20
    hits = 0
    for row in clear.itertuples():
        boxes = kept[kept.frame == row.frame]
        middle = (np.stack(boxes.low) + np.stack(boxes.high))[:, :2] / 2
        hits += np.linalg.norm(middle - [row.x, row.y], axis=1).min() < 0.5
    assert hits / len(clear) > 0.9
    for person, rows in kept.groupby("person"):
        for frame, count in zip(rows.frame, rows.points, strict=True):
            cloud = read_points(tmp_path / "crops" / person / f"{frame:06d}.ply")
            scene = read_points(recording / f"{frame:06d}.ply")
            assert len(cloud) == count
            assert {tuple(point) for point in cloud} <= {tuple(point) for point in scene}
    assert (table[table.person.isna()].reason != "").all()
    _shows_the_scene(tmp_path, kept.iloc[0], recording)


def _shows_the_scene(folder, row, recording):
    """The viewer finds the scene that a cut-out cloud came from, with the person in it."""
    crop = folder / "crops" / row.person / f"{row.frame:06d}.ply"
    points = folder / "points.parquet"
    pq.write_table(
        pa.table({"x": [0]}, metadata={b"sshmr": json.dumps({"files": {str(crop): 0}}).encode()}), points
    )
    scene = scene_files([points])[row.person, row.frame]
    assert scene.path == recording / f"{row.frame:06d}.ply"
    around = {tuple(point) for point in scene_points(scene).round(3)}
    own = upright(read_points(crop), scene.up, scene.unit).astype(np.float32).round(3)
    assert np.mean([tuple(point) in around for point in own]) > 0.1


def test_the_source_scenes_makes_a_sequence_of_each_person(recording):
    settings = ExtractConfig(minimum_points=30, scenes=ScenesConfig(up="z", unit="m"))
    assert list_sequences("scenes", recording.parent, settings) == {"train": ["street"], "test": []}
    reading = read_sequence(recording.parent, "street", "train", settings)
    names = {frame.sequence for frame in reading.frames}
    assert len(names) >= 2
    assert all(name.startswith("street_person_") for name in names)
    heights = [np.ptp(frame.points[:, 1]) for frame in reading.frames]
    assert 1.2 < np.median(heights) < 2.1
    assert any("000006" in source for _, source, _ in reading.skipped)


def test_fit_and_init_say_that_it_is_a_scene(recording, tmp_path):
    for arguments in (
        ("fit", recording, "-o", tmp_path / "out"),
        ("init", recording, "-o", tmp_path / "x.yaml"),
    ):
        code, _, printed = call(*arguments)
        assert code == 2
        assert "a whole scene" in printed
        assert "sshmr people" in printed
