"""Which files of an earlier export still hold what they should, so that only the others are written."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

import sshmr
from sshmr.files import write_json

RECORD = ".written.json"
"""The record's name in the folder of an export."""


class Written:
    """The record of a folder: of each sequence and format, from what its files were made.

    Args:
        folder: of the export.
    """

    def __init__(self, folder: Path):
        self._folder, self._file = folder, folder / RECORD
        self._now: dict[str, Any] = {}
        self._before = _entries(self._file)

    def unchanged(self, name: str, digest: str) -> tuple[list[Path], list[str]] | None:
        """The files made from the same, and their notes; None where one is missing or was changed since."""
        entry = self._before.get(name)
        if entry is None or entry["digest"] != digest:
            return None
        if any(_state(self._folder / path) != state for path, state in entry["files"].items()):
            return None
        self._now[name] = entry
        return [self._folder / path for path in entry["files"]], entry["notes"]

    def add(self, name: str, digest: str, paths: Iterable[Path], notes: list[str]) -> None:
        """Record files that were written now."""
        files = {path.relative_to(self._folder).as_posix(): _state(path) for path in paths}
        self._now[name] = {"digest": digest, "files": files, "notes": notes}

    def save(self) -> None:
        """Write the record. Formats that were not asked for this time keep their entries."""
        write_json(self._file, self._before | self._now)


def _entries(path: Path) -> dict[str, Any]:
    """The entries of a record; none if it is missing or damaged: then every file is written again."""
    try:
        entries = json.loads(path.read_text())
        for entry in entries.values():
            if not (
                isinstance(entry["digest"], str)
                and isinstance(entry["files"], dict)
                and isinstance(entry["notes"], list)
            ):
                return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    return entries


def digest_of(*parts: object) -> str:
    """A hash of arrays and of what has a text, and of the version of the package."""
    hasher = hashlib.sha256(sshmr.__version__.encode())
    for part in parts:
        hasher.update((part.tobytes() if isinstance(part, np.ndarray) else repr(part).encode()) + b"\0")
    return hasher.hexdigest()


def _state(path: Path) -> list[int] | None:
    """Size and time of change of a file; None where it is gone."""
    if not path.is_file():
        return None
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]
