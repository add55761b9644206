"""Thinning and padding, against the obvious slow way."""

import os
import resource
import subprocess
import sys

import numpy as np
import pytest

from sshmr.config.extract import CloudsConfig, ExtractConfig, Sloper4dConfig
from sshmr.sources import clouds, sloper4d
from sshmr.sources.cloud_files import cloud_files
from sshmr.sources.extract import extract
from sshmr.sources.plan import Sequence
from sshmr.sources.sampling import centre_and_pad, farthest_points, subsample, voxel_cells, voxel_means
from sshmr.tables.schemas import read_points, valid_mask

CLOUD = np.random.default_rng(0).normal(size=(700, 3))


@pytest.mark.parametrize("method", ["random", "farthest", "voxel"])
def test_a_frames_draw_depends_on_its_id_alone(method):
    first = subsample(CLOUD, 200, method, "a/b/000001/0")
    np.testing.assert_array_equal(first, subsample(CLOUD.copy(), 200, method, "a/b/000001/0"))
    assert len(first) == 200 or (method == "voxel" and 150 < len(first) < 200)
    if method != "voxel":
        assert not np.array_equal(first, subsample(CLOUD, 200, method, "a/b/000002/0"))
        assert len(np.unique(first, axis=0)) == 200
        assert {tuple(row) for row in first} <= {tuple(row) for row in CLOUD}


@pytest.mark.parametrize("method", ["random", "farthest", "voxel"])
def test_small_clouds_stay_as_they_are(method):
    assert subsample(CLOUD[:50], 50, method, "x") is not None
    np.testing.assert_array_equal(subsample(CLOUD[:50], 50, method, "x"), CLOUD[:50])


def test_farthest_points_against_the_naive_rule():
    chosen = [3]
    for _ in range(14):
        gaps = [min(np.linalg.norm(CLOUD[i] - CLOUD[j]) for j in chosen) for i in range(len(CLOUD))]
        chosen.append(int(np.argmax(gaps)))
    np.testing.assert_array_equal(farthest_points(CLOUD, 15, 3), chosen)


def test_voxel_means_against_a_dictionary():
    cells = {}
    for point in CLOUD:
        cells.setdefault(tuple(np.floor(point / 0.4).astype(int)), []).append(point)
    expected = np.array([np.mean(cells[cell], axis=0) for cell in sorted(cells)])
    np.testing.assert_allclose(voxel_means(CLOUD, 0.4), expected, atol=1e-12)


@pytest.mark.parametrize("spread", [0.5, 1e9])  # the latter has too many cells to number
def test_voxel_cells_are_ordered_and_counted(spread):
    points = np.random.default_rng(0).normal(0, spread, (500, 3))
    means, sizes = voxel_cells(np.concatenate([points, points[:50]]), 0.3)
    cells, counts = np.unique(np.floor(points / 0.3), axis=0, return_counts=True)
    doubled = np.unique(np.floor(points[:50] / 0.3), axis=0, return_counts=True)
    extra = dict(zip(map(tuple, doubled[0]), doubled[1], strict=True))
    expected = [count + extra.get(tuple(cell), 0) for cell, count in zip(cells, counts, strict=True)]
    np.testing.assert_array_equal(sizes, expected)
    np.testing.assert_array_equal(np.floor(means / 0.3), cells)
    assert voxel_cells(points[:0], 0.3)[0].shape == (0, 3)


def test_voxel_means_far_from_the_origin_keep_their_precision():
    far = (CLOUD[:100] * 0.1 + [400, -300, 5]).astype(np.float64)
    means = voxel_means(far, 0.03)
    nearest = np.linalg.norm(means[:, None] - far[None], axis=-1).min(axis=1)
    assert nearest.max() < 0.03


def test_padding_is_zero_and_the_offset_brings_the_points_back():
    points = CLOUD[:30] + np.array([100.0, 50.0, 2.0])
    padded, count, offset = centre_and_pad(points, 64)
    assert (padded.shape, padded.dtype, count) == ((64, 3), np.float32, 30)
    assert not padded[30:].any()
    np.testing.assert_allclose(padded[:30].mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(padded[:30].astype(np.float64) + offset, points, atol=1e-5)


@pytest.fixture(scope="module")
def scans(tmp_path_factory, neutral_body):
    """Three clouds of a person on some ground: a sparse, a middling and a dense one."""
    root, rng = tmp_path_factory.mktemp("scans"), np.random.default_rng(3)
    (root / "ann").mkdir()
    vertices = neutral_body.v_template.numpy() - [0, neutral_body.v_template[:, 1].min().item(), 0]
    for number, count in enumerate((1000, 5000, 13000)):
        person = vertices[rng.integers(0, len(vertices), count)] + rng.normal(0, 0.004, (count, 3))
        floor = rng.uniform([-1, -0.004, -1], [1, 0.004, 1], (2000, 3))
        np.save(root / "ann" / f"{number}.npy", np.concatenate([person, floor]))
    return root


def points_by_frame(reading):
    return {frame.frame_id: frame.points for frame in reading.frames}


def same(first, second):
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])


@pytest.mark.parametrize("method", ["random", "farthest", "voxel"])
def test_a_clouds_points_do_not_depend_on_its_company(scans, method):
    settings = ExtractConfig(sampling=method)
    together = points_by_frame(clouds.read_sequence(scans, "ann", "train", settings))
    assert len(together) == 3
    assert all(len(points) <= 1024 for points in together.values())
    files = cloud_files(scans, CloudsConfig())["ann"]
    same(together, points_by_frame(clouds.read_files(scans, "ann", files[::-1], settings)[0]))
    alone = {}
    for file in files:
        alone.update(points_by_frame(clouds.read_files(scans, "ann", [file], settings)[0]))
    same(together, alone)
    held_out = ExtractConfig(sampling=method, clouds=CloudsConfig(test_sequences=("ann",)))
    same(together, points_by_frame(clouds.read_sequence(scans, "ann", "test", held_out)))


@pytest.mark.parametrize("method", ["random", "farthest", "voxel"])
def test_a_recordings_points_do_not_depend_on_the_split(recording, write, load_body, method):
    root, name = write(recording), "seq002_football_001"

    def read(split, rule):
        settings = ExtractConfig(points=256, sampling=method, sloper4d=Sloper4dConfig(split=rule))
        return points_by_frame(sloper4d.read_sequence(root, name, split, settings, load_body))

    train, test = read("train", "published"), read("test", "published")
    assert train
    assert test
    same(read("train", "sequence"), train | test)


def test_another_process_with_more_threads_gives_the_same_points(scans, tmp_path):
    program = (
        "import sys; from pathlib import Path; import numpy as np; from sshmr.sources import clouds;"
        "from sshmr.config.extract import ExtractConfig;"
        "reading = clouds.read_sequence(Path(sys.argv[1]), 'ann', 'train', ExtractConfig());"
        "np.savez(sys.argv[2], *[frame.points for frame in reading.frames])"
    )
    command = [sys.executable, "-c", program, scans, tmp_path / "points.npz"]
    subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "4"})
    here = clouds.read_sequence(scans, "ann", "train", ExtractConfig()).frames
    with np.load(tmp_path / "points.npz") as there:
        assert len(there.files) == len(here)
        for frame, name in zip(here, there.files, strict=True):
            np.testing.assert_array_equal(frame.points, there[name])


@pytest.mark.parametrize("method", ["random", "farthest", "voxel"])
def test_rows_are_padded_and_the_mask_tells_where(scans, tmp_path, method):
    """With more room than points in some frames, and less in others."""
    settings = ExtractConfig(points=2048, voxel=0.015, sampling=method)
    output = tmp_path / "a.parquet"
    extract("clouds", [Sequence("ann", scans)], "train", settings, None, output, tmp_path / "skipped.parquet")
    table = read_points(output)
    mask = valid_mask(table)
    assert table["points"].shape == (3, 2048, 3)
    assert (~mask).any()
    np.testing.assert_array_equal(mask.sum(axis=1), table["n_points"])
    assert not table["points"][~mask].any()
    assert (np.abs(table["points"][mask]).sum(axis=-1) > 0).all()
    for points, valid in zip(table["points"], mask, strict=True):
        np.testing.assert_allclose(points[valid].mean(axis=0), 0, atol=1e-5)
        assert len(np.unique(points[valid], axis=0)) == valid.sum()


def test_a_million_points_take_no_more_memory_than_they_must(neutral_body, tmp_path):
    rng = np.random.default_rng(4)
    vertices = neutral_body.v_template.numpy().astype(np.float32)
    (tmp_path / "ann").mkdir()
    cloud = np.tile(vertices, (146, 1))[:1_000_000]
    np.save(tmp_path / "ann" / "1.npy", cloud + rng.normal(0, 0.003, cloud.shape).astype(np.float32))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    reading = clouds.read_sequence(tmp_path, "ann", "train", ExtractConfig(voxel=0.0))
    assert len(reading.frames[0].points) == 1024
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 600_000  # kB
