"""One's own clouds: every format, axis and unit; ground, strays and wrong sizes."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy.spatial import cKDTree

from sshmr.config.extract import CloudsConfig, ExtractConfig
from sshmr.config.mapping import from_mapping
from sshmr.errors import InputError
from sshmr.geometry.open3d_import import open3d
from sshmr.sources.cloud_axes import TO_Y_UP
from sshmr.sources.clouds import clean, read_sequence
from sshmr.sources.extract import extract
from sshmr.sources.plan import Sequence
from sshmr.sources.sampling import farthest_points

UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001}


@pytest.fixture(scope="module")
def person(neutral_body):
    """3,000 points of a standing person's front, y up, feet at 0."""
    vertices = neutral_body.v_template.numpy()
    front = vertices[vertices[:, 2] > np.median(vertices[:, 2]) - 0.05]
    picked = front[np.random.default_rng(0).choice(len(front), 3000, replace=False)].astype(np.float64)
    return picked - [0, vertices[:, 1].min(), 0]


def save(path, points):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix in (".ply", ".pcd"):
        module = open3d()
        cloud = module.geometry.PointCloud(module.utility.Vector3dVector(points))
        assert module.io.write_point_cloud(str(path), cloud)
    elif path.suffix == ".xyz":
        np.savetxt(path, points)
    elif path.suffix == ".npy":
        np.save(path, points.astype(np.float32))
    elif path.suffix == ".npz":
        np.savez(path, points=points)
    else:
        np.concatenate([points, np.ones((len(points), 1))], axis=1).astype("<f4").tofile(path)
    return path


def read(root, sequence="walk", **clouds):
    return read_sequence(root, sequence, "train", ExtractConfig(voxel=0.0, clouds=CloudsConfig(**clouds)))


@pytest.mark.parametrize("up", sorted(TO_Y_UP))
@pytest.mark.parametrize("unit", ["m", "mm"])
def test_any_axis_and_unit_ends_up_y_up_in_metres(tmp_path, person, up, unit):
    turn = np.array(TO_Y_UP[up])
    assert np.linalg.det(turn) == pytest.approx(1)  # no mirror image: left hands stay left
    sign = -1 if up.startswith("-") else 1
    np.testing.assert_array_equal(turn @ (sign * np.eye(3)["xyz".index(up[-1])]), [0, 1, 0])
    save(tmp_path / "walk" / "1.npy", person @ turn / UNITS[unit])
    reading = read(tmp_path, up=up, unit=unit)
    height = np.ptp(reading.frames[0].points[:, 1])
    assert height == pytest.approx(np.ptp(person[:, 1]), abs=0.02)
    assert reading.notes == []


def test_frames_are_numbered_by_their_names_or_in_order(tmp_path, person):
    for name in ("f2", "f10", "f1"):
        save(tmp_path / "walk" / f"{name}.npy", person)
    frames = read(tmp_path).frames
    assert [frame.frame for frame in frames] == [1, 2, 10]
    assert frames[2].frame_id == "clouds/walk/000010/0"
    assert frames[2].source == "walk/f10.npy"
    for name in ("b", "a"):
        save(tmp_path / "sit" / f"{name}.npy", person)
    assert [frame.source for frame in read(tmp_path, "sit").frames] == ["sit/a.npy", "sit/b.npy"]


def ground(rng, tilt=0.0, noise=0.004, count=2500):
    floor = np.stack(
        [rng.uniform(-1, 1, count), rng.normal(0, noise, count), rng.uniform(-1, 1, count)], axis=1
    )
    floor[:, 1] += np.tan(np.radians(tilt)) * floor[:, 0]
    return floor


@pytest.mark.parametrize("tilt", [0, 4, 10])
def test_a_clear_ground_is_taken_away_and_the_feet_stay(tmp_path, person, tilt):
    floor = ground(np.random.default_rng(1), tilt)
    save(tmp_path / "walk" / "1.npy", np.concatenate([floor, person]))
    reading = read(tmp_path)
    points = reading.frames[0].points
    assert "ground removed" in reading.notes[0]
    assert np.abs(points[:, [0, 2]]).max() < 1.0
    assert points[:, 1].min() < 0.06
    assert np.ptp(points[:, 1]) > 0.95 * np.ptp(person[:, 1])
    kept = read(tmp_path, ground="keep")
    assert kept.notes == []
    assert np.ptp(kept.frames[0].points[:, 0]) > 1.9


def rings(rng, height=1.7, noise=0.008):
    """What a LiDAR of 16 rings sees of the ground around (0, 0, 0) from 5 m away, 50 cm to every side."""
    points = []
    for angle in np.radians(np.arange(17.0, 21.0, 1.0)):
        across = np.arange(-0.5, 0.5, 0.04)
        reach = height / np.tan(angle)
        points.append(np.stack([across, 0 * across, np.sqrt(reach**2 - across**2) - 5.0], axis=1))
    return np.concatenate(points) + rng.normal(0, noise, (4 * 25, 3))


@pytest.mark.parametrize("tilt", [0, 6])
def test_rings_of_ground_are_taken_away(tmp_path, person, tilt):
    """They are too thin for a plane that shows in many squares, and too low and far apart for a person."""
    floor = rings(np.random.default_rng(3))
    floor[:, 1] += np.tan(np.radians(tilt)) * floor[:, 2]
    sparse = person[::4]
    save(tmp_path / "walk" / "1.npy", np.concatenate([floor, sparse]))
    reading = read(tmp_path)
    assert reading.notes == ["ground removed from 1"]
    points = reading.frames[0].points
    assert np.abs(points[:, 2]).max() < np.abs(sparse[:, 2]).max() + 0.02
    assert np.ptp(points[:, 1]) > 0.95 * np.ptp(sparse[:, 1])


def test_a_single_ring_on_a_slope_is_taken_away_up_to_the_feet(tmp_path, person):
    ring = rings(np.random.default_rng(3), noise=0.002)[50:75]
    ring[:, 2] += 0.25 - ring[:, 2].mean()
    ring[:, 1] += np.tan(np.radians(7)) * ring[:, 0]
    sparse = person[::4]
    save(tmp_path / "walk" / "1.npy", np.concatenate([ring, sparse]))
    points = read(tmp_path).frames[0].points
    assert cKDTree(sparse).query(points)[0].max() < 0.03
    assert np.ptp(points[:, 1]) > 0.95 * np.ptp(sparse[:, 1])


def test_feet_and_a_lying_person_are_not_ground(tmp_path, person):
    save(tmp_path / "walk" / "1.npy", person)
    lying = person[:, [0, 2, 1]] * [1, -1, 1]
    save(tmp_path / "lie" / "1.npy", np.concatenate([lying, lying + np.array([0, 0.2, 0])]))
    upright = read(tmp_path)
    assert upright.notes == []
    assert upright.frames[0].points[:, 1].min() < 0.01
    flat = read(tmp_path, "lie", ground="auto")
    assert not any("ground" in note for note in flat.notes)
    assert any("extract.clouds.up" in note for note in flat.notes)


def test_ground_is_removed_on_demand_where_none_is_clear(tmp_path, person):
    save(tmp_path / "walk" / "1.npy", person)
    reading = read(tmp_path, ground="remove", ground_thickness=0.1)
    assert reading.frames[0].points[:, 1].min() > 0.09


def test_strays_and_small_fragments_are_dropped_but_a_hidden_arm_stays(tmp_path, person):
    rng = np.random.default_rng(2)
    lone = rng.uniform([-1, 2.0, -1], [1, 2.4, 1], (20, 3))
    clump = rng.normal([1.0, 1.0, 0.5], 0.01, (20, 3))
    without_wrist = person[(np.abs(person[:, 0]) < 0.45) | (np.abs(person[:, 0]) > 0.66)]
    save(tmp_path / "walk" / "1.npy", np.concatenate([without_wrist, lone, clump]))
    points = read(tmp_path).frames[0].points
    assert points[:, 1].max() < person[:, 1].max() + 0.01
    assert (np.abs(points[:, 0]) > 0.66).any()
    assert not (np.linalg.norm(points - [1.0, 1.0, 0.5], axis=1) < 0.1).any()


def test_sparse_clouds_keep_their_points_but_no_strays(person):
    sparse = person[farthest_points(person, 60, 0)]
    settings = ExtractConfig(voxel=0.0)
    cleaned, _ = clean(np.concatenate([sparse, [[0.0, 2.3, 0.0]]]), settings)
    assert len(cleaned) >= 57
    assert cleaned[:, 1].max() < 2.0


def test_dense_clouds_are_thinned_the_same_way_each_time(tmp_path, person):
    save(tmp_path / "walk" / "1.npy", person)
    first, second = read(tmp_path).frames[0].points, read(tmp_path).frames[0].points
    assert len(first) == 1024
    np.testing.assert_array_equal(first, second)


def test_one_bad_file_is_skipped_and_reported(tmp_path, person):
    for number in range(4):
        save(tmp_path / "walk" / f"{number}.ply", person)
    (tmp_path / "walk" / "4.ply").write_bytes(b"ply\nbroken")
    save(tmp_path / "walk" / "5.npy", person[:50])
    save(tmp_path / "walk" / "6.npy", person * 100)
    reading = read(tmp_path)
    assert len(reading.frames) == 4
    reasons = {source: reason for _, source, reason in reading.skipped}
    assert "its header has the line 'broken'" in reasons["walk/4.ply"]
    assert "100 or fewer" in reasons["walk/5.npy"]
    assert reasons.keys() == {"walk/4.ply", "walk/5.npy", "walk/6.npy"}


@pytest.mark.parametrize(
    ("scale", "unit", "fix"),
    [
        (1000, "m", 'unit to "mm"'),
        (100, "m", 'unit to "cm"'),
        (1, "mm", 'unit to "m"'),
        (1, "cm", 'unit to "m"'),
        (100, "mm", 'unit to "cm"'),
        (30, "m", "Cut each file to one person"),
    ],
)
def test_a_wrong_unit_ends_at_once_and_the_right_one_is_named(tmp_path, person, scale, unit, fix):
    save(tmp_path / "walk" / "1.npy", person * scale)
    with pytest.raises(InputError) as caught:
        read(tmp_path, unit=unit)
    assert fix in str(caught.value)
    assert "0.3 to 2.5 m" in str(caught.value)


def test_a_wrong_up_axis_is_pointed_out(tmp_path, person):
    save(tmp_path / "walk" / "1.npy", person[:, [0, 2, 1]])
    try:
        notes = read(tmp_path).notes
    except InputError as error:
        notes = [str(error)]
    assert "extract.clouds.up" in notes[0]


def spoil(folder, person):
    """Fifteen ways to spoil a file, one each; returns what is said of it by name."""
    whole = save(folder / "whole.ply", person).read_bytes()
    (folder / "whole.ply").unlink()
    (folder / "20_cut.ply").write_bytes(whole[: len(whole) // 2])
    (folder / "21_empty.pcd").write_bytes(b"")
    (folder / "22_other.pcd").write_bytes(whole)
    (folder / "23_text.xyz").write_text("no numbers\nat all\n")
    np.save(folder / "24_text.npy", person.astype("U8"))
    np.save(folder / "25_flat.npy", person.ravel())
    np.save(folder / "26_nan.npy", person * np.nan)
    np.save(folder / "27_none.npy", person[:0])
    np.save(folder / "28_few.npy", person[:80])
    np.savez(folder / "29_name.npz", cloud=person, other=person)
    save(folder / "30_unit.npy", person * 100)
    save(folder / "31_wild.npy", np.concatenate([person, np.full((100, 3), 1e9)]))
    (folder / "32_cut.bin").write_bytes(bytes(1000))
    (folder / "33_lost.npy").symlink_to(folder / "nowhere.npy")
    (folder / "34_loop.npy").symlink_to(folder / "34_loop.npy")
    return {
        "20_cut.ply": "cut short",
        "21_empty.pcd": "it is empty",
        "22_other.pcd": "no header",
        "23_text.xyz": "line 2",
        "24_text.npy": "of dtype <U8",
        "25_flat.npy": "of shape",
        "26_nan.npy": "not finite",
        "27_none.npy": "empty",
        "28_few.npy": "before, it has 80 and is 1.",
        "29_name.npz": 'array "points" is missing',
        "30_unit.npy": "before, it has 3000 and is 1",
        "31_wild.npy": "1e+09 m wide",
        "32_cut.bin": "50",
        "33_lost.npy": "no such file",
        "34_loop.npy": "symbolic links",
    }


def test_every_spoilt_file_is_skipped_and_listed(tmp_path, person):
    for number in range(16):
        save(tmp_path / "walk" / f"{number}.npy", person)
    expected = spoil(tmp_path / "walk", person)
    output, skipped = tmp_path / "a.parquet", tmp_path / "a.skipped.parquet"
    extract("clouds", [Sequence("walk", tmp_path)], "train", ExtractConfig(), None, output, skipped)
    assert len(pq.read_table(output)) == 16
    rows = pq.read_table(skipped).to_pylist()
    assert [row["source"] for row in rows] == [f"walk/{name}" for name in expected]
    for row, said in zip(rows, expected.values(), strict=True):
        assert said in row["reason"]
    assert len({row["frame_id"] for row in rows}) == len(rows)


def test_frames_of_the_same_number_are_distinguished_by_order(tmp_path, person):
    for name in ("a_1", "b_1", "b_2"):
        save(tmp_path / "walk" / f"{name}.npy", person)
    assert [frame.frame for frame in read(tmp_path).frames] == [0, 1, 2]


def test_settings_that_cannot_be_are_reported():
    for mapping, message in [
        ({"points": 10}, "extract.points"),
        ({"minimum_points": 1024}, "minimum_points"),
        ({"voxel": -1.0}, "voxel"),
        ({"sampling": "nearest"}, "farthest"),
        ({"clouds": {"up": "w"}}, "-x"),
        ({"clouds": {"unit": "inch"}}, "mm"),
        ({"clouds": {"ground_thickness": 0.0}}, "ground_thickness"),
        ({"sloper4d": {"split": "random"}}, "published"),
        ({"sloper4d": {"test_fraction": 1.0}}, "test_fraction"),
        ({"sloper4d": {"neighbour": True}}, "neighbours"),
    ]:
        with pytest.raises(InputError, match=message):
            from_mapping(ExtractConfig, json.loads(json.dumps(mapping)), "extract")
