"""The clips of SURREAL that are used, and the shard of each.

The workflow uses this while it plans, so this module imports only the standard library.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from sshmr.config.extract import ExtractConfig
from sshmr.errors import InputError

LONGEST_CLIP = 100
"""Frames; SURREAL cuts longer sequences into several clips."""
FILE = re.compile(r"(.+)_c(\d+)_(?:depth|segm|info)\.mat")


class Clip(NamedTuple):
    """One clip: ``run0_01_01_c0001`` and its files' path up to their kind, ``…/run0/01_01/01_01_c0001``."""

    name: str
    stem: Path

    def file(self, kind: str) -> Path:
        """Path of its ``depth``, ``segm`` or ``info`` file."""
        return self.stem.with_name(f"{self.stem.name}_{kind}.mat")


def surreal_shards(root: str | Path, settings: ExtractConfig) -> dict[tuple[str, str], list[Clip]]:
    """``(split, shard)`` → its clips, for both splits.

    Args:
        root: the folder that holds ``cmu`` (or ``data/cmu``), or that folder itself.
        settings: an ``ExtractConfig``.

    Raises:
        InputError: when there is no clip.
    """
    shards = {
        (split, shard): clips
        for split in ("train", "test")
        for shard, clips in _shards(root, split, settings).items()
    }
    if not shards:
        raise InputError(
            root,
            found="it has no clip",
            expected="SURREAL's folders, such as cmu/train/run0/01_01/01_01_c0001_info.mat",
            fix="Point source.root at the folder that holds cmu, and see extract.surreal.exclude",
        )
    return shards


def clips_of_shard(root: str | Path, shard: str, split: str, settings: ExtractConfig) -> list[Clip]:
    """The clips of a shard, in order.

    Raises:
        InputError: when there is no such shard.
    """
    shards = _shards(root, split, settings)
    if shard not in shards:
        raise InputError(root, "shard", f'"{shard}"', "one of " + (", ".join(shards) or "none: it is empty"))
    return shards[shard]


def clip_files(clips: Iterable[Clip]) -> list[Path]:
    """All files that clips are read from; if a clip lacks one, the others."""
    return [
        path for clip in clips for kind in ("depth", "segm", "info") if (path := clip.file(kind)).is_file()
    ]


def all_clips(root: str | Path, split: str) -> list[Clip]:
    """Every clip of ``train``, ``val`` or ``test``, by name; clip numbers may have gaps."""
    for top in (Path(root) / "cmu", Path(root) / "data" / "cmu", Path(root)):
        if (top / split).is_dir():
            break
    found = {}
    for path in (top / split).glob("run*/*/*.mat"):
        match = FILE.fullmatch(path.name)
        if match and match[1] == path.parent.name:
            stem = path.with_name(f"{match[1]}_c{match[2]}")
            clip = Clip(f"{path.parent.parent.name}_{stem.name}", stem)
            found[clip.name] = clip
    return [found[name] for name in sorted(found)]


def _shards(root: str | Path, split: str, settings: ExtractConfig) -> dict[str, list[Clip]]:
    """Shard name → its clips. A hash picks the clips, so that one more on disk changes few of them."""
    own = settings.surreal
    number, frames = {
        "train": (own.train_clips, own.train_frames),
        "test": (own.test_clips, own.test_frames),
    }[split]
    clips = [clip for clip in all_clips(root, split) if not _excluded(clip.stem.parent.name, own.exclude)]
    if number:
        clips = sorted(sorted(clips, key=lambda clip: _draw(own.seed, clip.name))[:number])
    size = max(settings.shard_frames // min(frames or LONGEST_CLIP, LONGEST_CLIP), 1)
    return {
        f"{split}_{start // size:03d}": clips[start : start + size] for start in range(0, len(clips), size)
    }


def _excluded(sequence: str, names: Sequence[str]) -> bool:
    """Whether a sequence such as ``143_21`` is named, in full or by its subject, ``143``."""
    return any(sequence == name or sequence.startswith(f"{name}_") for name in names)


def _draw(seed: int, name: str) -> bytes:
    return hashlib.sha256(os.fsencode(f"{seed}/{name}")).digest()
