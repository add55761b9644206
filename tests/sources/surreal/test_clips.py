"""Which clips of SURREAL are used, as the workflow plans it from the folders alone."""

import pytest

from sshmr.config.extract import ExtractConfig, SurrealConfig
from sshmr.errors import InputError
from sshmr.sources.shards import list_sequences
from sshmr.sources.surreal.clips import all_clips, clip_files, clips_of_shard, surreal_shards
from tests.sources.surreal.conftest import stem_of

ALL = SurrealConfig(train_clips=0, test_clips=0, exclude=())
EVERYTHING = ExtractConfig(surreal=ALL, shard_frames=20)


def touch(root, *clips, split="train", kinds=("depth", "segm", "info", "mp4")):
    for sequence, number, run in clips:
        for kind in kinds:
            stem = stem_of(root, sequence, number, split, run)
            stem.parent.mkdir(parents=True, exist_ok=True)
            name = f"{stem.name}.mp4" if kind == "mp4" else f"{stem.name}_{kind}.mat"
            stem.with_name(name).touch()


def names(clips):
    return [clip.name for clip in clips]


def shards(root, settings):
    return list_sequences("surreal", root, settings)


def test_clips_are_found_whatever_their_numbers(tmp_path):
    touch(tmp_path, ("01_01", 1, 0), ("01_01", 7, 0), ("01_01", 1, 2), ("ung_104_02", 123, 1))
    touch(tmp_path, ("02_01", 1, 0), split="test")
    touch(tmp_path, ("03_01", 1, 0), split="val")
    assert names(all_clips(tmp_path, "train")) == [
        "run0_01_01_c0001", "run0_01_01_c0007", "run1_ung_104_02_c0123", "run2_01_01_c0001",
    ]  # fmt: skip
    assert names(all_clips(tmp_path, "test")) == ["run0_02_01_c0001"]


@pytest.mark.parametrize("inside", ["", "cmu", "data/cmu"])
def test_the_root_may_be_the_download_or_a_folder_in_it(tmp_path, inside):
    top = tmp_path / "SURREAL"
    touch(top, ("01_01", 1, 0))
    if inside == "data/cmu":
        (top / "data").mkdir()
        (top / "cmu").rename(top / "data" / "cmu")
    root = top / "cmu" if inside == "cmu" else top
    assert names(all_clips(root, "train")) == ["run0_01_01_c0001"]


def test_so_many_are_drawn_by_the_seed_and_one_more_on_disk_changes_little(tmp_path):
    touch(tmp_path, *((f"{number:02d}_01", 1, 0) for number in range(40)), kinds=("info",))
    settings = ALL.replace(train_clips=10)

    def drawn(settings):
        found = surreal_shards(tmp_path, ExtractConfig(surreal=settings))
        return {clip.name for clips in found.values() for clip in clips}

    before = drawn(settings)
    assert len(before) == 10
    assert before == drawn(settings)
    assert before != drawn(settings.replace(seed=1))
    touch(tmp_path, ("99_01", 1, 0), kinds=("info",))
    assert len(before - drawn(settings)) <= 1
    assert len(drawn(settings.replace(train_clips=0))) == 41


def test_misshapen_people_are_left_out(tmp_path):
    touch(tmp_path, *((name, 1, 0) for name in ("18_01", "19_15", "143_21", "143_2", "118_01", "180_01")))
    (clips,) = surreal_shards(tmp_path, ExtractConfig()).values()
    assert names(clips) == ["run0_118_01_c0001", "run0_143_2_c0001", "run0_180_01_c0001"]


def test_a_shard_has_clips_for_so_many_frames(tmp_path):
    """Five frames of each training clip are read, and up to a hundred of each test clip."""
    touch(tmp_path, *((f"{number:02d}_01", 1, 0) for number in range(10)), kinds=("info",))
    touch(tmp_path, *((f"{number:02d}_02", 1, 0) for number in range(3)), split="test", kinds=("info",))
    assert shards(tmp_path, EVERYTHING) == {
        "train": ["train_000", "train_001", "train_002"],
        "test": ["test_000", "test_001", "test_002"],
    }
    assert len(clips_of_shard(tmp_path, "train_002", "train", EVERYTHING)) == 2
    larger = EVERYTHING.replace(shard_frames=300)
    assert shards(tmp_path, larger) == {"train": ["train_000"], "test": ["test_000"]}


def test_train_and_test_share_nothing(tmp_path):
    touch(tmp_path, *((f"{number:02d}_01", 1, 0) for number in range(6)))
    touch(tmp_path, *((f"{number:02d}_01", 1, 0) for number in range(6, 9)), split="test")
    found = surreal_shards(tmp_path, EVERYTHING)
    files = {
        split: {path for (side, _), clips in found.items() if side == split for path in clip_files(clips)}
        for split in ("train", "test")
    }
    assert len(files["train"]) == 18
    assert not files["train"] & files["test"]


def test_what_holds_no_clip_is_reported(tmp_path):
    with pytest.raises(InputError, match="cmu/train/run0/01_01"):
        shards(tmp_path, EVERYTHING)
    touch(tmp_path, ("01_01", 1, 0))
    with pytest.raises(InputError, match='"train_009"; expected one of train_000'):
        clips_of_shard(tmp_path, "train_009", "train", EVERYTHING)
    with pytest.raises(InputError, match="no such folder"):
        shards(tmp_path / "nowhere", EVERYTHING)
