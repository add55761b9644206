"""The input of a run: its sequences with their files, packed into shards.

The workflow lists a source once, while it plans, so this module imports only the standard library. Each
extraction reads its own part of that list from a file.
"""

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from sshmr.config.capture import CaptureConfig
from sshmr.config.extract import ExtractConfig
from sshmr.files import write_json
from sshmr.sources.cloud_files import cloud_files, safe_name
from sshmr.sources.shards import KINDS, list_sequences, simulated_plan, simulated_root
from sshmr.sources.surreal.clips import Clip, clip_files, surreal_shards
from sshmr.tables.run_folder import SPLITS, Shard


class Sequence(NamedTuple):
    """A sequence of a source.

    Attributes:
        name: for its reader. root: the source's top folder.
        frames: approximate number of clouds.
        files: its files, if the reader would otherwise have to search the whole source.
    """

    name: str
    root: str
    frames: int = 0
    files: tuple[Any, ...] = ()


class Packed(NamedTuple):
    """The input of a shard: the kind of source, and the sequences in their order."""

    kind: str
    sequences: list[Sequence]

    def files(self) -> list[Path]:
        """Its files, each once: of a recording, the one that holds its messages."""
        found = (path for one in self.sequences for file in one.files for path in _paths(self.kind, file))
        return list(dict.fromkeys(found))


class State(NamedTuple):
    """The state of files without reading them: a hash of their names, sizes and times; their bytes."""

    digest: str
    size: int


def state_of(paths: Iterable[Path]) -> State:
    """The state of some files; it also changes when a file is replaced by an older one, or is missing."""
    hasher, size = hashlib.sha256(), 0
    for path in paths:
        try:
            about = path.stat()
        except OSError:
            hasher.update(os.fsencode(path) + b"\0gone\0")
            continue
        size += about.st_size
        hasher.update(os.fsencode(path) + f"\0{about.st_size} {about.st_mtime_ns}\0".encode())
    return State(hasher.hexdigest()[:16], size)


def plan_shards(kind: str, root: str | Path, settings: ExtractConfig) -> dict[Shard, Packed]:
    """The shards of data on disk, the training split first.

    Args:
        kind: ``sloper4d``, ``behave``, ``surreal``, ``clouds`` or ``scenes``. root: the data's top folder.

    Raises:
        InputError: when the folder is missing or holds nothing of that kind.
    """
    files: dict[Any, list[Any]] = {}
    if kind in ("clouds", "scenes") and Path(root).is_dir():
        files = dict(cloud_files(root, getattr(settings, kind)))
    names = list_sequences(kind, root, settings, files)
    if kind == "surreal":
        return {
            Shard(*shard): Packed(kind, [Sequence(shard[1], str(root), files=tuple(clips))])
            for shard, clips in surreal_shards(root, settings).items()
        }
    plan: dict[Shard, Packed] = {}
    for split in SPLITS:
        sequences = [_sequence(kind, root, name, files.get(name, ()), settings) for name in names[split]]
        plan |= pack(kind, split, sequences, settings.shard_frames)
    return plan


def plan_simulated(
    capture: CaptureConfig, settings: ExtractConfig, folder: str | Path
) -> dict[Shard, Packed]:
    """The shards of a simulated run, before any of their files exist; each has sequences of one layout.

    Args:
        folder: the run's folder ``capture``.
    """
    plan: dict[Shard, Packed] = {}
    simulated = simulated_plan(capture)
    for split in SPLITS:
        for layout in dict.fromkeys(capture.layouts):
            sequences = [
                Sequence(item.name, str(simulated_root(folder, item.name, layout)), capture.frames)
                for item in simulated
                if (item.split, item.layout) == (split, layout)
            ]
            plan |= pack(layout, split, sequences, settings.shard_frames)
    return plan


def pack(kind: str, split: str, sequences: Iterable[Sequence], limit: int) -> dict[Shard, Packed]:
    """Sequences in shards of at most ``limit`` frames, in their order; a longer one has its own shard.

    Sequences that are added at the end change the last shard only.
    """
    groups: list[list[Sequence]] = []
    room = 0
    for sequence in sequences:
        if not groups or sequence.frames > room:
            groups.append([])
            room = limit
        groups[-1].append(sequence)
        room -= sequence.frames
    plan: dict[Shard, Packed] = {}
    for group in groups:
        first, others = group[0].name, len(group) - 1
        # Folder names can contain anything: files and shell lines get a safe name, tables the true one.
        shard = Shard(split, safe_name(f"{first}_and_{others}_more" if others else first))
        if shard in plan:
            shard = Shard(split, safe_name(first, apart=True))
        plan[shard] = Packed(kind, group)
    return plan


def write_listing(path: str | Path, packed: Packed) -> None:
    """Write the input of a shard. The file is not changed if the content is the same."""
    content = {
        "source": packed.kind,
        "sequences": [
            {"name": one.name, "root": one.root, "files": [_plain(file) for file in one.files]}
            for one in packed.sequences
        ],
    }
    path = Path(path)
    if not path.is_file() or json.loads(path.read_text()) != content:
        write_json(path, content)


def read_listing(path: str | Path) -> Packed:
    """What ``write_listing`` wrote."""
    content = json.loads(Path(path).read_text())
    sequences = [
        Sequence(one["name"], one["root"], files=tuple((*file[:-1], Path(file[-1])) for file in one["files"]))
        for one in content["sequences"]
    ]
    return Packed(content["source"], sequences)


def _paths(kind: str, file: tuple[Any, ...]) -> list[Path]:
    """The files on disk of one of a sequence's files."""
    if kind == "surreal":
        return clip_files([Clip(*file)])
    from sshmr.formats.bags import real_file  # loads numpy

    return [real_file(file[-1])]


def _plain(file: tuple[Any, ...]) -> list[Any]:
    """A named tuple that ends in a path, as JSON can hold it."""
    return [*file[:-1], str(file[-1])]


def _sequence(kind: str, root: str | Path, name: str, files: Any, settings: ExtractConfig) -> Sequence:
    frames = KINDS[kind].frames(Path(root), name, settings) if kind in KINDS else len(files)
    return Sequence(name, str(root), frames, tuple(files))
