"""Clouds of recordings in the wild: far origins, lost digits, wild points, odd names and times."""

import os

import numpy as np
import pyarrow.parquet as pq
import pytest

from sshmr.config.extract import CloudsConfig, ExtractConfig
from sshmr.errors import InputError
from sshmr.sources.cloud_files import cloud_files
from sshmr.sources.clouds import load_cloud, read_sequence
from sshmr.sources.extract import extract
from sshmr.sources.plan import Sequence
from sshmr.tables.schemas import read_points

UTM = np.array([447_123.25, 87.5, 5_411_456.75])
"""Metres, y up: where surveys put Stuttgart."""


@pytest.fixture(scope="module")
def person(neutral_body):
    """2,000 points of a standing person's front, y up, feet at 0, in float64."""
    vertices = neutral_body.v_template.numpy().astype(np.float64)
    front = vertices[vertices[:, 2] > np.median(vertices[:, 2]) - 0.05]
    picked = front[np.random.default_rng(0).choice(len(front), 2000, replace=False)]
    return picked - [0, vertices[:, 1].min(), 0]


def save(root, points, name="walk/1.npy"):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, points)
    return path


def read(root, sequence="walk", **clouds):
    return read_sequence(root, sequence, "train", ExtractConfig(voxel=0.0, clouds=CloudsConfig(**clouds)))


def test_clouds_far_from_the_origin_keep_their_millimetres(tmp_path, person):
    save(tmp_path, person + UTM)
    output = tmp_path / "a.parquet"
    settings = ExtractConfig(points=2048, voxel=0.0, clouds=CloudsConfig(ground="keep"))
    extract(
        "clouds",
        [Sequence("walk", tmp_path)],
        "train",
        settings,
        None,
        output,
        tmp_path / "a.skipped.parquet",
    )
    table = read_points(output)
    back = table["points"][0, : table["n_points"][0]].astype(np.float64) + table["offset"][0]
    assert table["offset"].dtype == np.float64
    original = person + UTM
    gaps = np.abs(back[:, None] - original[None]).max(axis=2).min(axis=1)
    assert gaps.max() < 1e-3
    assert np.abs(back.mean(axis=0) - original.mean(axis=0)).max() < 0.02  # but for strays, the same points


def test_lost_digits_are_reported(tmp_path, person):
    path = save(tmp_path, (person + UTM).astype(np.float32))
    with pytest.raises(InputError, match=r"in steps of 0.5 m: its coordinates have lost their digits"):
        load_cloud(path, CloudsConfig())
    east = UTM * [1, 1, 0]
    few = load_cloud(save(tmp_path, (person + east).astype(np.float32)), CloudsConfig())
    assert few.remark == "coordinates in steps of 3.1 cm: digits were lost"
    assert load_cloud(save(tmp_path, person + UTM), CloudsConfig()).remark == ""


def test_wild_points_are_dropped_and_reported(tmp_path, person):
    save(tmp_path, np.concatenate([person, [[1e6, 1e9, 3.0], [0.0, -1e8, 0.0]]]))
    reading = read(tmp_path)
    assert len(reading.frames) == 1
    assert any("points farther than 1000 m from the others dropped" in note for note in reading.notes)


def test_a_unit_may_be_a_number(tmp_path, person):
    save(tmp_path, person / 0.3048)
    (frame,) = read(tmp_path, unit=0.3048).frames
    assert np.ptp(frame.points[:, 1]) == pytest.approx(np.ptp(person[:, 1]), abs=0.02)
    with pytest.raises(InputError, match=r"unit to .?0.3048"):
        read(tmp_path)


def test_folders_that_are_links_are_followed_once(tmp_path, person):
    save(tmp_path / "elsewhere", person, "1.npy")
    root = tmp_path / "root"
    root.mkdir()
    (root / "walk").symlink_to(tmp_path / "elsewhere")
    (root / "back").symlink_to(root)
    assert list(cloud_files(root, CloudsConfig())) == ["walk"]
    assert len(read(root).frames) == 1


def test_names_of_any_kind_are_read(tmp_path, person):
    odd = os.fsdecode(b"caf\xe9.npy")
    for name in ("walk/{x}.npy", "walk/a b'c.npy", "walk/" + "n" * 240 + ".npy", f"walk/{odd}"):
        save(tmp_path, person, name)
    output, skipped = tmp_path / "a.parquet", tmp_path / "a.skipped.parquet"
    extract("clouds", [Sequence("walk", tmp_path)], "train", ExtractConfig(), None, output, skipped)
    sources = pq.read_table(output)["source"].to_pylist()
    assert len(sources) == 4
    assert "walk/caf\\xe9.npy" in sources


def test_times_of_names_reach_the_table(tmp_path, person):
    for stamp in ("1316652690.144386960", "1316652689.744386960"):
        save(tmp_path, person, f"walk/{stamp}.npy")
    for name in ("1", "2"):
        save(tmp_path, person, f"sit/{name}.npy")
    for sequence, times in (("walk", [1316652689.74438696, 1316652690.14438696]), ("sit", [np.nan] * 2)):
        output = tmp_path / f"{sequence}.parquet"
        extract(
            "clouds",
            [Sequence(sequence, tmp_path)],
            "train",
            ExtractConfig(),
            None,
            output,
            tmp_path / "s.parquet",
        )
        np.testing.assert_allclose(read_points(output)["time"], times, atol=1e-6)
