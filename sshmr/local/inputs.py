"""The clouds that arguments name: files, folders, patterns, lists."""

import glob
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from sshmr.config.extract import CloudsConfig, ScenesConfig
from sshmr.errors import InputError
from sshmr.formats.suffixes import BAG_SUFFIXES, IMAGE_SUFFIXES, KNOWN, SINGLE_SUFFIXES
from sshmr.sources.cloud_files import find_clouds, group_clouds, members

KINDS = SINGLE_SUFFIXES + BAG_SUFFIXES + IMAGE_SUFFIXES


class CloudFile(NamedTuple):
    """One cloud: sequence, frame number, file, the folder that its source is named from, seconds."""

    sequence: str
    frame: int
    path: Path
    root: Path
    time: float | None = None


def find_inputs(
    arguments: Sequence[str],
    lines: Sequence[str],
    settings: CloudsConfig | ScenesConfig,
    without: Path | None = None,
) -> list[CloudFile]:
    """The clouds that the arguments name, each once, sequence by sequence in order of the frames.

    Args:
        arguments: files, folders (all that is below), patterns (``**`` goes through folders), or ``-`` for
            the paths in ``lines``, one per line.
        settings: a ``CloudsConfig``.
        without: a folder whose files don't count: results may lie below the clouds' own folder.

    Raises:
        InputError: when a path does not exist or is not a cloud, or two sequences have the same name.
    """
    folders: list[Path] = []
    files: list[Path] = []
    for argument in arguments:
        names = [line.strip() for line in lines if line.strip()] if argument == "-" else [argument]
        for name in names:
            for path in _expanded(name):
                (folders if path.is_dir() else files).append(path.resolve())
    roots = {}
    for folder in folders:
        found = find_clouds(folder, settings.files, settings.intrinsics)
        roots[folder] = [path for path in found if not (without and path.is_relative_to(without.resolve()))]
    taken = {path for paths in roots.values() for path in paths}
    loose = sorted(set(files) - taken)
    if loose:
        _check_kinds(loose)
        top = Path(os.path.commonpath([path.parent for path in loose]))
        roots.setdefault(top, []).extend(item for path in loose for item in members(path))
    roots = {root: found for root, found in roots.items() if found}
    if not roots:
        raise InputError(" ".join(arguments), found="no cloud is named", expected="files, folders, patterns")
    return _merged(roots, settings)


def _expanded(name: str) -> list[Path]:
    path = Path(name)
    if path.exists():
        return [path]
    if not glob.has_magic(name):
        raise InputError(path, found="no such file or folder", expected="clouds: a file, a folder, a pattern")
    found = [Path(match) for match in sorted(glob.glob(name, recursive=True))]
    found = [path for path in found if path.is_file() and path.suffix.lower() in KINDS]
    if not found:
        raise InputError(name, found="the pattern matches no cloud", expected=f"files that end in {KNOWN}")
    return found


def _check_kinds(files: Iterable[Path]) -> None:
    for path in files:
        if path.suffix.lower() not in KINDS:
            raise InputError(path, "its ending", f'"{path.suffix}"', f"a cloud: one of {KNOWN}")


def _merged(roots: dict[Path, list[Path]], settings: CloudsConfig | ScenesConfig) -> list[CloudFile]:
    clouds: list[CloudFile] = []
    seen: set[Path] = set()
    origin: dict[str, Path] = {}
    for root, found in roots.items():
        for name, files in group_clouds(root, found, settings.sequence_pattern).items():
            if origin.setdefault(name, root) != root:
                raise InputError(
                    root,
                    "sequence",
                    f'"{name}", as in {origin[name]}',
                    "a different name for each",
                    "Name the folder above both, or fit them into two output folders",
                )
            fresh = [
                CloudFile(name, frame, path, root, time) for frame, time, path in files if path not in seen
            ]
            seen.update(cloud.path for cloud in fresh)
            clouds += fresh
    return clouds
