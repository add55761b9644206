"""Which clouds are worked on together, and how those that are done are told."""

import os
from pathlib import Path

import numpy as np
import pytest

from sshmr.config.extract import CloudsConfig, ExtractConfig
from sshmr.errors import InputError
from sshmr.local.chunks import known_clouds, parts_of, remove_stale, renumbered, write_part
from sshmr.local.inputs import CloudFile, find_inputs
from sshmr.locks import alone_in
from sshmr.tables.run_folder import RunFolder

SETTINGS = ExtractConfig(minimum_points=50, voxel=0.0)


def clouds(**counts):
    return [
        CloudFile(name, frame, Path(f"/data/{name}/{frame}.ply"), Path("/data"))
        for name, count in counts.items()
        for frame in range(count)
    ]


def person(path, seed=0):
    """Points all over an upright box of a person's size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.random.default_rng(seed).uniform(0, [0.4, 1.7, 0.3], (600, 3)))
    return path


def test_parts_are_of_one_sequence_but_for_the_shortest():
    parts = parts_of(clouds(a=130, b=1, c=3, d=70), jobs=1)
    assert [[len(part), {cloud.sequence for cloud in part}] for part in parts] == [
        [51, {"a"}], [51, {"a"}], [28, {"a"}], [51, {"d"}], [19, {"d"}], [4, {"b", "c"}],
    ]  # fmt: skip


def test_parts_stay_bounded_and_no_cloud_is_lost():
    given = clouds(a=10000)
    parts = parts_of(given, jobs=4)
    assert max(map(len, parts)) == 64
    assert [cloud for part in parts for cloud in part] == given


def test_folders_files_and_patterns_give_each_cloud_once(tmp_path):
    for name in ("a/1.npy", "a/2.npy", "b/c/1.npy"):
        person(tmp_path / name)
    found = find_inputs([str(tmp_path), str(tmp_path / "a" / "1.npy")], [], CloudsConfig())
    assert [(cloud.sequence, cloud.frame) for cloud in found] == [("a", 1), ("a", 2), ("b_c", 1)]
    listed = find_inputs(["-", str(tmp_path / "**" / "1.npy")], [f"{tmp_path}/a/1.npy", ""], CloudsConfig())
    assert [cloud.path.relative_to(tmp_path).as_posix() for cloud in listed] == ["a/1.npy", "b/c/1.npy"]


def test_results_below_the_clouds_are_not_clouds(tmp_path):
    person(tmp_path / "1.npy")
    person(tmp_path / "out" / "meshes" / "2.npy")
    found = find_inputs([str(tmp_path)], [], CloudsConfig(), without=tmp_path / "out")
    assert [cloud.path.name for cloud in found] == ["1.npy"]
    with pytest.raises(InputError, match="no cloud is named"):
        find_inputs([str(tmp_path / "out")], [], CloudsConfig(), without=tmp_path / "out")


def test_a_single_file_belongs_to_the_sequence_of_its_folder(tmp_path):
    person(tmp_path / "walk" / "7.npy")
    (found,) = find_inputs([str(tmp_path / "walk" / "7.npy")], [], CloudsConfig())
    assert (found.sequence, found.frame) == ("walk", 7)


def test_two_folders_of_one_name_are_refused(tmp_path):
    for side in ("left", "right"):
        person(tmp_path / side / "walk" / "1.npy")
    with pytest.raises(InputError, match="walk"):
        find_inputs([str(tmp_path / "left"), str(tmp_path / "right")], [], CloudsConfig())


def test_clouds_are_known_until_their_files_change(tmp_path):
    for number in range(2):
        person(tmp_path / "data" / "a" / f"{number}.npy")
        person(tmp_path / "data" / "b" / f"{number}.npy")
    run, given = RunFolder(tmp_path / "run"), find_inputs([str(tmp_path / "data")], [], CloudsConfig())
    for part in (given[:2], given[2:]):
        write_part(run, part, SETTINGS, check=True)
    holders, numbers = known_clouds(run)
    assert set(holders) == {cloud.path for cloud in given}
    assert numbers == {"a": {0, 1}, "b": {0, 1}}
    assert remove_stale(run, holders) == set(holders)

    os.utime(given[0].path, (1e9, 1e9))  # replaced by an older file, as `cp -p` does
    assert set(remove_stale(run, holders)) == {cloud.path for cloud in given[2:]}
    assert [path.name for path in run.points()] == ["b_0001.parquet"]
    assert len(list((tmp_path / "run").rglob("*.parquet"))) == 2  # the points of b, and what was skipped


def test_later_clouds_never_take_a_frame_number_that_is_taken():
    fresh = renumbered(clouds(a=3, b=1), {"a": {0, 5}})
    assert [(cloud.sequence, cloud.frame) for cloud in fresh] == [("a", 6), ("a", 1), ("a", 2), ("b", 0)]


def test_one_process_at_a_time_and_leftovers_go(tmp_path):
    (tmp_path / "points").mkdir()
    leftover = tmp_path / "points" / ".a_0001.parquet.77.tmp.parquet"
    leftover.touch()
    assert RunFolder(tmp_path).points() == []
    with alone_in(tmp_path):
        assert not leftover.exists()
        with pytest.raises(InputError, match="another process"), alone_in(tmp_path):
            pass
    with alone_in(tmp_path):
        pass
