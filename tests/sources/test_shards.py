"""Which sequences and shards there are is known while the workflow is planned, without big imports."""

import os
import re
import subprocess
import sys

import pytest

from sshmr.config.capture import CaptureConfig
from sshmr.config.extract import CloudsConfig, ExtractConfig, Sloper4dConfig
from sshmr.errors import InputError
from sshmr.sources.plan import (
    Sequence,
    pack,
    plan_shards,
    plan_simulated,
    read_listing,
    state_of,
    write_listing,
)
from sshmr.sources.shards import list_sequences, simulated_plan

NAMES = [f"seq{number:03d}_name_001" for number in (2, 3, 5, 7, 8, 9)]


@pytest.fixture
def sloper4d(tmp_path):
    for name in NAMES:
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}_labels.pkl").touch()
    (tmp_path / "notes").mkdir()
    return tmp_path


def settings(**values):
    return ExtractConfig(sloper4d=Sloper4dConfig(**values))


def test_simulated_sequences_are_known_beforehand(tmp_path):
    plan = plan_simulated(CaptureConfig(), ExtractConfig(shard_frames=80), tmp_path)
    assert [(*shard, len(packed.sequences)) for shard, packed in plan.items()] == [
        ("train", "seq001_simulated_001_and_3_more", 4),
        ("train", "seq005_simulated_005_and_3_more", 4),
        ("train", "seq009_simulated_003_and_3_more", 4),
        ("test", "seq013_simulated_007_and_3_more", 4),
    ]
    people = {
        split: {p.subject for p in simulated_plan(CaptureConfig()) if p.split == split}
        for split in ("train", "test")
    }
    assert not people["train"] & people["test"]
    assert len(people["train"]) == 6


def test_a_simulated_shard_has_one_layout(tmp_path):
    capture = CaptureConfig(layouts=("sloper4d", "behave"), sequences=6, test_sequences=2, frames=5)
    plan = plan_simulated(capture, ExtractConfig(), tmp_path)
    assert [(packed.kind, len(packed.sequences)) for packed in plan.values()] == [
        ("sloper4d", 2), ("behave", 2), ("sloper4d", 1), ("behave", 1),
    ]  # fmt: skip
    assert plan["train", "seq002_simulated_002_and_1_more"].sequences[1].root.endswith("seq004_simulated_004")


@pytest.mark.parametrize(
    ("frames", "sizes"),
    [([20] * 9, [4, 4, 1]), ([300, 20, 20], [1, 2]), ([20, 300, 20], [1, 1, 1]), ([], []), ([0, 0], [2])],
)
def test_short_sequences_share_a_shard(frames, sizes):
    sequences = [Sequence(f"s{number}", "data", count) for number, count in enumerate(frames)]
    plan = pack("clouds", "train", sequences, 80)
    assert [len(packed.sequences) for packed in plan.values()] == sizes
    assert [one for packed in plan.values() for one in packed.sequences] == sequences
    more = pack("clouds", "train", [*sequences, Sequence("new", "data", 20)], 80)
    assert list(more.values())[: len(plan) - 1] == list(plan.values())[:-1]


def test_a_listing_tells_an_extraction_what_to_read(tmp_path):
    touch(tmp_path / "mine", "ann/1.ply", "ann/2.ply", "bob/7.ply", os.fsdecode(b"bob/\xff_8.ply"))
    (packed,) = plan_shards("clouds", tmp_path / "mine", ExtractConfig()).values()
    write_listing(tmp_path / "list.json", packed)
    read = read_listing(tmp_path / "list.json")
    assert read.kind == "clouds"
    for one, planned in zip(read.sequences, packed.sequences, strict=True):
        assert (one.name, one.root, one.files) == (planned.name, planned.root, planned.files)
    written = (tmp_path / "list.json").stat().st_mtime_ns
    write_listing(tmp_path / "list.json", packed)
    assert (tmp_path / "list.json").stat().st_mtime_ns == written


def test_any_other_file_than_before_changes_the_state_of_a_shard(tmp_path):
    touch(tmp_path / "mine", "ann/1.ply", "ann/2.ply")
    (packed,) = plan_shards("clouds", tmp_path / "mine", ExtractConfig()).values()
    first, second = packed.files()
    first.write_bytes(b"ply")
    before = state_of(packed.files())
    assert before.size == 3
    assert state_of(packed.files()) == before
    os.utime(first, (1, 1))  # as `cp -p` of an older file of the same size leaves it
    older = state_of(packed.files())
    second.unlink()
    assert len({before.digest, older.digest, state_of(packed.files()).digest}) == 3


def test_planning_imports_nothing_heavy():
    program = (
        "import sys, sshmr.sources.plan, sshmr.config.extract, sshmr.config.capture, sshmr.config.mapping\n"
        "heavy = {'torch', 'open3d', 'pandas', 'scipy', 'pyarrow', 'numpy'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_whole_sequences_are_held_out(sloper4d):
    shards = list_sequences("sloper4d", sloper4d, settings())
    assert sorted(shards["train"] + shards["test"]) == NAMES
    assert len(shards["test"]) == 2  # a quarter of six, rounded
    assert shards == list_sequences("sloper4d", sloper4d, settings())


def test_sequences_can_be_named(sloper4d):
    shards = list_sequences("sloper4d", sloper4d, settings(test_sequences=("seq005", NAMES[5])))
    assert shards["test"] == [NAMES[2], NAMES[5]]
    shards = list_sequences("sloper4d", sloper4d, settings(sequences=("seq002", "seq003"), test_fraction=0.0))
    assert shards == {"train": NAMES[:2], "test": []}


def test_the_cross_split_tests_on_sequence_009(sloper4d):
    assert list_sequences("sloper4d", sloper4d, settings(split="cross")) == {
        "train": NAMES[:5],
        "test": NAMES[5:],
    }
    two = settings(split="cross", sequences=("seq002", "seq009"))
    assert list_sequences("sloper4d", sloper4d, two) == {"train": NAMES[:1], "test": NAMES[5:]}
    (sloper4d / NAMES[5] / f"{NAMES[5]}_labels.pkl").unlink()
    with pytest.raises(InputError, match='"seq009" of extract test_sequences is not there'):
        list_sequences("sloper4d", sloper4d, settings(split="cross"))


def test_a_new_sequence_does_not_reshuffle_a_named_split(sloper4d):
    before = list_sequences("sloper4d", sloper4d, settings(test_sequences=("seq005",)))
    (sloper4d / "seq010_x_001").mkdir()
    (sloper4d / "seq010_x_001" / "seq010_x_001_labels.pkl").touch()
    after = list_sequences("sloper4d", sloper4d, settings(test_sequences=("seq005",)))
    assert after["test"] == before["test"]


def test_the_published_split_takes_frames_of_every_sequence(sloper4d):
    shards = list_sequences("sloper4d", sloper4d, settings(split="published"))
    assert shards == {"train": NAMES, "test": NAMES}


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_own_clouds_are_grouped_by_folder(tmp_path):
    touch(
        tmp_path, "ann/walk/001.ply", "ann/walk/002.ply", "bob/001.npy", "bob/readme.txt", "bob/.hidden.ply"
    )
    assert list_sequences("clouds", tmp_path, ExtractConfig()) == {"train": ["ann_walk", "bob"], "test": []}
    held = ExtractConfig(clouds=CloudsConfig(test_sequences=("bob",)))
    assert list_sequences("clouds", tmp_path, held) == {"train": ["ann_walk"], "test": ["bob"]}


def test_own_clouds_are_grouped_by_pattern(tmp_path):
    touch(tmp_path, "ann-1.ply", "ann-2.ply", "bob-1.ply", "other.ply")
    pattern = ExtractConfig(clouds=CloudsConfig(sequence_pattern=r"(?P<sequence>[a-z]+)-(?P<frame>\d+)"))
    assert list_sequences("clouds", tmp_path, pattern)["train"] == ["ann", "bob"]


def test_files_of_the_root_itself_are_one_sequence(tmp_path):
    touch(tmp_path / "scans", "a.ply", "b.ply")
    assert list_sequences("clouds", tmp_path / "scans", ExtractConfig())["train"] == ["scans"]


@pytest.mark.parametrize(
    ("kind", "extract", "message"),
    [
        ("sloper4d", settings(sequences=("seq099",)), "seq099"),
        ("sloper4d", settings(test_sequences=("football",)), "football"),
        ("clouds", ExtractConfig(), "no cloud"),
        ("clouds", ExtractConfig(clouds=CloudsConfig(files="*.laz")), "laz"),
        ("kitti", ExtractConfig(), "kitti"),
    ],
)
def test_what_is_not_there_is_reported(sloper4d, kind, extract, message):
    with pytest.raises(InputError, match=message):
        list_sequences(kind, sloper4d, extract)


@pytest.mark.parametrize(
    "pattern", [r"(?P<sequence>\d+", r"(\w+)-(\d+)", r"(?P<sequence>zzz)", r"(?P<sequence>\w)(?P<frame>nn)"]
)
def test_patterns_that_cannot_work_are_reported(tmp_path, pattern):
    touch(tmp_path, "ann-1.ply")
    with pytest.raises(InputError, match="sequence_pattern"):
        list_sequences("clouds", tmp_path, ExtractConfig(clouds=CloudsConfig(sequence_pattern=pattern)))


def test_wrong_roots_are_reported(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        list_sequences("sloper4d", tmp_path / "absent", ExtractConfig())
    with pytest.raises(InputError, match="seq002_football_001"):
        list_sequences("sloper4d", tmp_path, ExtractConfig())


def test_every_folder_is_a_sequence_whatever_its_name(tmp_path):
    """Names that would be one file, hide another's table, or are too long for one are told apart."""
    folders = [
        "a/b",
        "a_b",
        "walk",
        "walk.skipped",
        "{x}",
        "-rf",
        "$(touch PWNED)",
        "x" * 240,
        "x" * 239 + "y",
    ]
    touch(tmp_path, *(f"{folder}/1.ply" for folder in folders))
    names = list_sequences("clouds", tmp_path, ExtractConfig())["train"]
    assert len(set(names)) == len(folders)
    assert {"a_b", "walk", "walk_skipped", "_x_", "_rf"} <= set(names)
    for name in names:
        assert re.fullmatch(r"[\w.-]+", name)
        assert not name.startswith(("-", "."))
        assert len(name) <= 120
        assert not name.endswith(".skipped")
