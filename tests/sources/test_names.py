"""Names of users' folders are data: files and shells get a safe name, tables the true one."""

import os
import pickle
import re

import pyarrow.parquet as pq
import pytest

from sshmr.config.extract import ExtractConfig, SurrealConfig
from sshmr.sources.extract import extract
from sshmr.sources.plan import plan_shards, read_listing, write_listing
from sshmr.sources.sloper4d import read_sequence

NAMES = [
    "seq002_football_001", "a b", "it's", 'say "x"', "$(touch PWNED)", "`touch PWNED`", "a;touch PWNED;b",
    "a&b|c>d", "#x", "~root", "<img src=x>", "näme", "{x}", "{{y}}", "a\nb", "-x", "--skipped", "a" * 200,
    "ab" * 25, "x.skipped", "x_skipped", "..x", "A B", os.fsdecode(b"caf\xe9"), os.fsdecode(b"\xff\xfe"),
]  # fmt: skip
SAFE = re.compile(r"\w[\w.-]*")
FILES = {
    "sloper4d": ("{0}/{0}_labels.pkl",),
    "behave": ("sequences/{0}/info.json",),
    "clouds": ("{0}/1.ply", "{0}/2.npy"),
    "scenes": ("{0}/1.ply", "{0}/2.npy"),
    "surreal": tuple(f"cmu/train/run0/{{0}}/{{0}}_c0001_{kind}.mat" for kind in ("depth", "segm", "info")),
}


def touch(root, kind, names):
    for name in names:
        for file in FILES[kind]:
            path = root / file.replace("{0}", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("shard_frames", [1, 1000])
def test_every_name_gives_a_safe_shard(tmp_path, kind, shard_frames):
    root = tmp_path / "ro{o}t $(x)"
    touch(root, kind, NAMES)
    settings = ExtractConfig(
        shard_frames=shard_frames, surreal=SurrealConfig(train_clips=0, test_clips=0, exclude=())
    )
    plan = plan_shards(kind, root, settings)
    hidden = [name for name in NAMES if name.startswith(".")]
    if kind != "surreal":  # whose shards hold any clips
        read = len(NAMES) - (len(hidden) if kind in ("clouds", "scenes") else 0)
        assert sum(len(packed.sequences) for packed in plan.values()) == read
    for shard, packed in plan.items():
        assert SAFE.fullmatch(shard.name), shard
        assert len(shard.name.encode()) <= 140
        assert not shard.name.endswith(".skipped")
        assert not re.search(r"(.+?)\1{19}", shard.name)
        write_listing(tmp_path / "list.json", packed)
        assert read_listing(tmp_path / "list.json").sequences[0].name == packed.sequences[0].name
    found = {one.name for packed in plan.values() for one in packed.sequences}
    if kind in ("sloper4d", "behave"):
        assert found == set(NAMES)


def test_the_table_keeps_the_true_name(tmp_path, recording, load_body):
    """One shard with all of them; bytes that are no UTF-8 are written as escapes."""
    root = tmp_path / "sloper4d"
    for name in NAMES:
        path = root / name / f"{name}_labels.pkl"
        path.parent.mkdir(parents=True)
        path.write_bytes(pickle.dumps(recording))
    (packed, *_) = plan_shards("sloper4d", root, ExtractConfig(shard_frames=10**6)).values()
    some = [*packed.sequences[:3], *packed.sequences[-2:]]
    output, skipped = tmp_path / "a.parquet", tmp_path / "b.parquet"
    extract("sloper4d", some, "train", ExtractConfig(), load_body, output, skipped).encode()
    message = list(dict.fromkeys(pq.read_table(output)["sequence"].to_pylist()))
    assert message == [one.name.encode("utf-8", "backslashreplace").decode() for one in some]
    assert read_sequence(root, "{x}", "train", ExtractConfig(), load_body).frames
