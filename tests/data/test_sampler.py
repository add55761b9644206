"""Thinning and padding, against the obvious slow way."""

import numpy as np
import pytest

from sshmr.data.sampler import centre_and_pad, farthest_points, subsample, voxel_cells, voxel_means

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
