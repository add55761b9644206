"""Files of own clouds, with the sequence and the frame of each.

The workflow uses this while it plans, so this module imports only the standard library, and what
reads the index of a recording.
"""

import fnmatch
import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from sshmr.config.extract import CloudsConfig, ScenesConfig
from sshmr.errors import InputError
from sshmr.formats.suffixes import (
    BAG_SUFFIXES,
    CAMERA_FILES,
    IMAGE_SUFFIXES,
    KNOWN,
    PROSE,
    SINGLE_SUFFIXES,
    holds_points,
)
from sshmr.sources.frame_order import Numbered, numbered

REPEATED = re.compile(r"(.+?)\1{9,}")
"""If a name repeats a part 20 times, Snakemake assumes a rule that calls itself."""
LONGEST_NAME = 120
"""Bytes of a sequence's name: it is the name of its tables, and file names have at most 255."""
TRUTH_NAMES = ("truth.parquet", "labels.parquet")
"""The table of true bodies beside clouds; the second is an older name."""


def cloud_files(root: Path | str, settings: CloudsConfig | ScenesConfig) -> dict[str, list[Numbered]]:
    """Files of own clouds by sequence, in order of the frames.

    Args:
        root: the top folder.

    Raises:
        InputError: when there is no file, or the pattern matches none.
    """
    found = find_clouds(root, settings.files, settings.intrinsics)
    return group_clouds(root, found, settings.sequence_pattern)


def files_of_sequence(
    root: Path | str,
    sequence: str,
    settings: CloudsConfig | ScenesConfig,
    listed: Iterable[tuple[int, float | None, Path]] = (),
) -> list[Numbered]:
    """The files of one sequence: those listed, else those found below the root.

    Raises:
        InputError: when there is no such sequence.
    """
    if listed:
        return [Numbered(*file) for file in listed]
    files = cloud_files(root, settings)
    if sequence not in files:
        raise InputError(root, "sequence", f'"{sequence}"', "one of " + ", ".join(files))
    return files[sequence]


def find_clouds(root: Path | str, pattern: str = "", intrinsics: str = "") -> list[Path]:
    """The clouds below a folder that fit a pattern, all of them without one; hidden ones left out.

    Folders that are links are followed. Messages of a recording count as files below it.

    Args:
        intrinsics: of a depth camera; images without any are not clouds.

    Raises:
        InputError: when there is none.
    """
    root = Path(root)
    files = [path for path in sorted(_walk(root)) if is_cloud(path, intrinsics)]
    if pattern:
        fitting = set(root.glob(pattern))
        files = [path for path in files if path in fitting or _holds_fitting(root, path, pattern)]
    files = [item for path in files for item in members(path)]
    if pattern:
        files = [path for path in files if path in fitting or path.exists() or _fits(root, path, pattern)]
    if not files:
        raise InputError(
            root,
            found=f"it has no cloud{f' that matches {pattern!r}' if pattern else ''}",
            expected=f"files that end in {KNOWN}",
            fix="Correct source.root or extract.clouds.files",
        )
    return files


def members(path: Path) -> list[Path]:
    """The clouds that a file holds: itself, or the messages of a recording."""
    if path.suffix.lower() not in BAG_SUFFIXES:
        return [path]
    from sshmr.formats.bags import messages

    return messages(path)


def is_cloud(path: Path, intrinsics: str = "") -> bool:
    """Whether a file is a cloud, by its ending and, for ambiguous endings, by its first lines."""
    suffix = path.suffix.lower()
    if suffix in IMAGE_SUFFIXES:
        return bool(intrinsics) or has_camera_file(path)
    if suffix in PROSE:
        return path.stem.lower() not in CAMERA_FILES and holds_points(path)
    return suffix in SINGLE_SUFFIXES + BAG_SUFFIXES


def has_camera_file(image: Path) -> bool:
    """Whether there is a file of intrinsics beside an image or in the folder above."""
    return any(
        path.stem in CAMERA_FILES and path.suffix in (".json", ".yaml", ".yml", ".txt")
        for folder in (image.parent, image.parent.parent)
        for path in folder.iterdir()
        if path.stem in CAMERA_FILES
    )


def _walk(root: Path) -> Iterator[Path]:
    """Files below a folder, through links to folders but never in a circle; links to nowhere count.

    They are reported when they are read.
    """
    seen: set[str] = set()
    for folder, folders, files in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(folder, name) for name in files if not name.startswith("."))


def _fits(root: Path, path: Path, pattern: str) -> bool:
    return fnmatch.fnmatchcase(path.relative_to(root).as_posix(), pattern)


def _holds_fitting(root: Path, path: Path, pattern: str) -> bool:
    """Whether a recording may contain messages that match a pattern."""
    return path.suffix.lower() in BAG_SUFFIXES and any(_fits(root, item, pattern) for item in members(path))


def group_clouds(
    root: Path | str, files: Iterable[Path], sequence_pattern: str = ""
) -> dict[str, list[Numbered]]:
    """Files below ``root`` by sequence, in order of the frames.

    Raises:
        InputError: when the pattern matches no file.
    """
    root, files = Path(root), list(files)
    grouped: dict[str, list[tuple[int | None, Path]]] = {}
    for path in files:
        key, frame = _sequence_and_frame(root, path, sequence_pattern)
        if key is not None:
            grouped.setdefault(key, []).append((frame, path))
    if not grouped:
        raise InputError(
            "config",
            'key "extract.clouds.sequence_pattern"',
            f"{sequence_pattern!r}, which matches none of {len(files)} files",
            f'a regular expression that matches paths such as "{shown(root, files[0])}"',
        )
    sequences: dict[str, list[Numbered]] = {}
    for key, pairs in sorted(grouped.items()):
        name = safe_name(key)
        name = safe_name(key, apart=True) if name in sequences else name
        sequences[name] = numbered([path for _, path in pairs], [frame for frame, _ in pairs])
    return dict(sorted(sequences.items()))


def safe_name(key: str, apart: bool = False) -> str:
    """A folder's path as the name of a sequence, without characters that files or shells do not allow.

    Args:
        apart: add a hash of the path, for paths that would otherwise share a name.
    """
    name = re.sub(r"[^\w.-]+", "_", key)
    name = re.sub(r"^[-.]+", "_", name)
    name = re.sub(r"[.]skipped$", "_skipped", name)  # The tables of skipped frames end with this.
    if REPEATED.search(name):
        name, apart = REPEATED.sub(r"\1", name), True
    if apart or len(name.encode()) > LONGEST_NAME:
        digest = hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()[:8]
        name = f"{name.encode()[: LONGEST_NAME - 9].decode(errors='ignore')}_{digest}"
    return name


def shown(root: Path, path: Path) -> str:
    """A file's path below a root as text; bytes that are not UTF-8 are written as escapes."""
    return os.fsencode(path.relative_to(root).as_posix()).decode("utf-8", "backslashreplace")


def truth_file(root: Path | str, settings: CloudsConfig) -> Path | None:
    """The table with the true bodies of own clouds, None if there is none.

    Raises:
        InputError: when the config names one that does not exist.
    """
    if settings.truth:
        path = Path(settings.truth)
        if not path.is_file():
            raise InputError(
                path, found="no such file", expected="a Parquet table", fix="Correct extract.clouds.truth"
            )
        return path
    paths = [Path(root) / name for name in TRUTH_NAMES]
    return next((path for path in paths if path.is_file()), None)


def _sequence_and_frame(root: Path, path: Path, pattern: str) -> tuple[str | None, int | None]:
    """A file's sequence (None: the pattern leaves it out) and frame number (None: the pattern gives none)."""
    below = path.relative_to(root)
    if not pattern:
        folder = below.parent.as_posix()
        return (root.resolve().name if folder == "." else folder), None
    try:
        match = re.search(pattern, below.as_posix())
        named = match.groupdict() if match else {}
        if match and "sequence" not in named:
            raise re.error('it has no group "(?P<sequence>…)"')
    except re.error as error:
        raise InputError(
            "config", 'key "extract.clouds.sequence_pattern"', f"{pattern!r} ({error})"
        ) from error
    frame = named.get("frame")
    if frame is not None and not frame.isdigit():
        raise InputError(path, "frame", repr(frame), "digits", "Correct extract.clouds.sequence_pattern")
    return named.get("sequence"), None if frame is None else int(frame)
