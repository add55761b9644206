"""The sequences of a source, and the split of each.

The workflow uses this while it plans, so this module imports only the standard library.
"""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sshmr.config.capture import CaptureConfig
from sshmr.config.extract import ExtractConfig
from sshmr.config.source import SOURCES
from sshmr.errors import InputError
from sshmr.sources.behave.files import official_split, sequence_folder, sequence_names, watched_files
from sshmr.sources.cloud_files import cloud_files
from sshmr.sources.surreal.clips import surreal_shards

CROSS_TEST = ("seq009",)
"""SLOPER4D's test sequence in comparisons across data sets."""
MANIFEST = "manifest.json"
SLOPER4D_FRAME = 20_000
"""Approximate bytes of a pickle per frame. The exact number of frames is known only after reading it."""
BEHAVE_CAMERAS = 4


class SimulatedSequence(NamedTuple):
    """A sequence that the simulation will make: all numbers count from 0, test sequences come last."""

    name: str
    number: int
    subject: int
    split: str
    layout: str


def simulated_plan(capture: CaptureConfig) -> list[SimulatedSequence]:
    """The sequences of a ``CaptureConfig``, in order.

    Subjects alternate; those of the test sequences appear in no training sequence. Layouts alternate within
    each split.
    """
    training = capture.sequences - capture.test_sequences
    plan = []
    for number in range(capture.sequences):
        if number < training:
            turn, subject, split = number, number % capture.subjects, "train"
        else:
            turn = number - training
            subject, split = capture.subjects + turn % capture.test_subjects, "test"
        name = f"seq{number + 1:03d}_simulated_{subject + 1:03d}"
        layout = capture.layouts[turn % len(capture.layouts)]
        plan.append(SimulatedSequence(name, number, subject, split, layout))
    return plan


def simulated_root(folder: str | Path, sequence: str, layout: str) -> Path:
    """The root that a simulated sequence's reader is given, below the run's folder ``capture``.

    SLOPER4D's sequences share one; a sequence of any other layout is a separate small data set.
    """
    return Path(folder) if layout == "sloper4d" else Path(folder) / sequence


def simulated_file(folder: str | Path, sequence: str, layout: str) -> Path:
    """The file that represents a simulated sequence: its pickle, or the list of its files."""
    root = simulated_root(folder, sequence, layout)
    return sloper4d_pickle(root, sequence) if layout == "sloper4d" else root / MANIFEST


def list_sequences(
    source_kind: str, root: str | Path, settings: ExtractConfig, files: Mapping[str, Any] | None = None
) -> dict[str, list[str]]:
    """Names of the sequences of data on disk: ``{"train": [...], "test": [...]}``.

    Args:
        source_kind: ``sloper4d``, ``behave``, ``clouds`` or ``scenes``; of ``surreal``, groups of clips.
        root: the data's top folder.
        settings: an ``ExtractConfig``.
        files: of clouds and scenes: the result of ``cloud_files``, if it is known already.

    Raises:
        InputError: when the folder is missing or holds nothing of that kind.
    """
    root = Path(root)
    if not root.is_dir():
        raise InputError(
            root, found="no such folder", expected=f"the {source_kind} data", fix="Correct source.root"
        )
    if source_kind in KINDS:
        return KINDS[source_kind].sequences(root, settings)
    if source_kind == "surreal":
        shards = surreal_shards(root, settings)
        return {split: [name for side, name in shards if side == split] for split in ("train", "test")}
    if source_kind in ("clouds", "scenes"):
        own = getattr(settings, source_kind)
        return _split(root, list(files or cloud_files(root, own)), own.test_sequences, own.test_fraction)
    raise InputError("config", 'key "source.kind"', repr(source_kind), "one of " + ", ".join(SOURCES))


def sloper4d_pickle(root: str | Path, sequence: str) -> Path:
    """Path of a sequence's one pickle in SLOPER4D's layout."""
    return Path(root) / sequence / f"{sequence}_labels.pkl"


def _sloper4d_shards(root: Path, extract: ExtractConfig) -> dict[str, list[str]]:
    settings = extract.sloper4d
    found = sorted(path.parent.name for path in root.glob("*/*_labels.pkl"))
    found = [name for name in found if sloper4d_pickle(root, name).is_file()]
    if not found:
        raise InputError(
            root,
            found="it has no <sequence>/<sequence>_labels.pkl",
            expected="SLOPER4D's folders, such as seq002_football_001/seq002_football_001_labels.pkl",
            fix="Point source.root at the folder that holds the seq0… folders",
        )
    chosen = [name for name in found if not settings.sequences or named(name, settings.sequences)]
    _check_named(root, found, settings.sequences, "sequences")
    if settings.split == "published":
        return {"train": chosen, "test": list(chosen)}
    test = CROSS_TEST if settings.split == "cross" else settings.test_sequences
    return _split(root, chosen, test, settings.test_fraction)


def _behave_shards(root: Path, extract: ExtractConfig) -> dict[str, list[str]]:
    settings = extract.behave
    found = sequence_names(root)
    if not found:
        raise InputError(
            root,
            found="it has no sequences/<sequence>/info.json",
            expected="BEHAVE's folders sequences and calibs",
            fix="Point source.root at the folder that holds them",
        )
    _check_named(root, found, settings.sequences, "sequences")
    chosen = [name for name in found if not settings.sequences or named(name, settings.sequences)]
    split = None if settings.test_sequences else official_split(root)
    if split is None:
        return _split(root, chosen, settings.test_sequences, settings.test_fraction)
    shards = {side: [name for name in chosen if name in split[side]] for side in ("train", "test")}
    if not shards["train"] and not shards["test"]:
        raise InputError(
            root / "split.json",
            found=f"it names none of {', '.join(chosen[:5])}",
            expected="the names of the folders in sequences",
            fix="Remove split.json, or set extract.behave.test_sequences",
        )
    return shards


def named(sequence: str, names: Sequence[str]) -> bool:
    """Whether one of the names means a sequence: in full, or as ``seq002`` for ``seq002_football_001``."""
    return any(sequence == name or sequence.startswith(f"{name}_") for name in names)


def _check_named(root: str | Path, found: Sequence[str], names: Sequence[str], key: str) -> None:
    for name in names:
        if not any(named(sequence, [name]) for sequence in found):
            raise InputError(root, f'"{name}" of extract {key}', "not there", "one of " + ", ".join(found))


def _split(
    root: str | Path, found: Sequence[str], test_names: Sequence[str], test_fraction: float
) -> dict[str, list[str]]:
    """Hold out the sequences named, or else a share of them picked by a hash of their names."""
    _check_named(root, found, test_names, "test_sequences")
    if test_names:
        test = [name for name in found if named(name, test_names)]
    else:
        count = round(test_fraction * len(found)) if len(found) > 1 else 0
        count = max(count, 1) if test_fraction > 0 and len(found) > 1 else count
        test = sorted(sorted(found, key=lambda name: hashlib.sha256(os.fsencode(name)).digest())[:count])
    return {"train": [name for name in found if name not in test], "test": test}


def _behave_frames(root: Path, sequence: str, settings: ExtractConfig) -> int:
    moments = sum(entry.name.startswith("t") for entry in os.scandir(sequence_folder(root, sequence)))
    return BEHAVE_CAMERAS * moments // settings.behave.every


class Kind(NamedTuple):
    """How the workflow plans a kind of source whose readers find their own files.

    Attributes:
        sequences: the sequences of each split, from the top folder.
        frames: approximate number of frames of a sequence.
        watched: the few files of a sequence whose changes rerun its extraction.
    """

    sequences: Callable[[Path, ExtractConfig], dict[str, list[str]]]
    frames: Callable[[Path, str, ExtractConfig], int]
    watched: Callable[[Path, str], list[Path]]


KINDS = {
    "sloper4d": Kind(
        _sloper4d_shards,
        lambda root, sequence, _: sloper4d_pickle(root, sequence).stat().st_size // SLOPER4D_FRAME,
        lambda root, sequence: [sloper4d_pickle(root, sequence)],
    ),
    "behave": Kind(_behave_shards, _behave_frames, watched_files),
}
