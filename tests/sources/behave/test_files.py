"""Which sequences and moments there are, and which split each belongs to."""

import json

import pytest

from sshmr.config.extract import BehaveConfig, ExtractConfig
from sshmr.errors import InputError
from sshmr.sources.behave.files import frame_folders, watched_files
from sshmr.sources.shards import list_sequences

NAMES = ["Date01_Sub01_chair", "Date01_Sub02_boxlong", "Date03_Sub03_chair", "Date03_Sub03_tablesmall"]


@pytest.fixture
def root(tmp_path):
    for name in NAMES:
        (tmp_path / "sequences" / name).mkdir(parents=True)
        (tmp_path / "sequences" / name / "info.json").write_text("{}")
    (tmp_path / "sequences" / "leftover").mkdir()
    return tmp_path


def shards(root, **options):
    return list_sequences("behave", root, ExtractConfig(behave=BehaveConfig(**options)))


def test_the_official_split_is_followed_as_far_as_its_sequences_are_there(root):
    split = {"train": [*NAMES[:2], "Date09_Sub01_gone"], "test": [NAMES[2]]}
    (root / "split.json").write_text(json.dumps(split))
    assert shards(root) == {"train": NAMES[:2], "test": [NAMES[2]]}
    assert shards(root, sequences=("Date03",)) == {"train": [], "test": [NAMES[2]]}
    assert shards(root, test_sequences=(NAMES[0],)) == {"train": NAMES[1:], "test": [NAMES[0]]}


def test_calibration_is_watched_too(root):
    about = {"config": "../../calibs/Date01/config", "intrinsic": "../../calibs/intrinsics"}
    info = root / "sequences" / NAMES[0] / "info.json"
    assert watched_files(root, NAMES[0]) == [info]
    info.write_text(json.dumps(about))
    files = [
        root / "calibs" / path
        for path in ("Date01/config/0/config.json", "intrinsics/0/pointcloud_table.npy")
    ]
    for path in files:
        path.parent.mkdir(parents=True)
        path.touch()
    assert watched_files(root, NAMES[0]) == [info, *files]


def test_without_a_split_whole_sequences_are_held_out(root):
    split = shards(root)
    assert len(split["test"]) == 1
    assert sorted(split["train"] + split["test"]) == NAMES
    assert split == shards(root)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "split.json: it is not JSON"),
        ("[]", "it holds a list"),
        ('{"train": []}', 'key "test" is missing'),
        ('{"train": "all", "test": []}', "a list of sequence names"),
        ('{"train": [1], "test": []}', "sequence names as text"),
        (json.dumps({"train": NAMES, "test": NAMES[:1]}), "in train and in test"),
        ('{"train": ["Date09_Sub01_gone"], "test": []}', "it names none of Date01_Sub01_chair"),
        ("[" * 100000, "it is not JSON"),
    ],
)
def test_a_wrong_split_ends_the_run(root, content, message):
    (root / "split.json").write_text(content)
    with pytest.raises(InputError, match=message):
        shards(root)


def test_a_wrong_root_says_what_it_lacks(tmp_path):
    with pytest.raises(InputError, match=r"sequences/<sequence>/info\.json"):
        shards(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        shards(tmp_path / "nowhere")


def test_an_unknown_sequence_is_reported(root):
    with pytest.raises(InputError, match="Date07"):
        shards(root, sequences=("Date07",))


def test_moments_are_ordered_by_time_and_other_folders_left_alone(tmp_path):
    for name in ("t0010.000", "t0003.000", "t0003.500", "t0003.5", "t3", "person", "t0004.000.bak"):
        (tmp_path / name).mkdir()
    (tmp_path / "t0005.000").touch()
    times = [(time, folder.name) for time, folder in frame_folders(tmp_path)]
    assert times == [
        (3000, "t0003.000"), (3000, "t3"), (3500, "t0003.5"), (3500, "t0003.500"), (10000, "t0010.000"),
    ]  # fmt: skip
