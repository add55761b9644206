"""The files and folders of BEHAVE.

The workflow uses this while it plans, so this module imports only the standard library.
"""

import os
import re
from pathlib import Path
from typing import Any

from sshmr.errors import InputError
from sshmr.formats.json_files import entry, read_json_mapping

CALIBRATION = ("config.json", "pointcloud_table.npy")
"""A camera's pose, and its pixel table."""
FRAME = re.compile(r"t(\d{1,6})(?:\.(\d{1,3}))?")


def sequence_folder(root: str | Path, sequence: str) -> Path:
    """The folder of one sequence."""
    return Path(root) / "sequences" / sequence


def info_file(root: str | Path, sequence: str) -> Path:
    """The file that identifies a sequence."""
    return sequence_folder(root, sequence) / "info.json"


def watched_files(root: str | Path, sequence: str) -> list[Path]:
    """The files of a sequence that Snakemake watches: its ``info.json`` and its calibration."""
    path = info_file(root, sequence)
    try:
        content = read_json_mapping(path)
        folders = [path.parent / content[key] for key in ("config", "intrinsic")]
        calibration = [
            sorted(folder.glob(f"*/{name}")) for folder, name in zip(folders, CALIBRATION, strict=True)
        ]
    except (InputError, KeyError, TypeError, ValueError, OSError):
        return [path]  # The extraction reports what is wrong.
    return [path, *(Path(os.path.normpath(file)) for files in calibration for file in files)]


def sequence_names(root: str | Path) -> list[str]:
    """The sequences below a root, sorted."""
    return sorted(path.parent.name for path in (Path(root) / "sequences").glob("*/info.json"))


def official_split(root: str | Path) -> dict[str, list[str]] | None:
    """The content of ``split.json``: ``{"train": [...], "test": [...]}``; None if there is no such file.

    Raises:
        InputError: when it cannot be read, or names a sequence in both splits.
    """
    path = Path(root) / "split.json"
    if not path.exists():
        return None
    content = read_json_mapping(path)
    split = {side: _names(path, content, side) for side in ("train", "test")}
    both = sorted(set(split["train"]) & set(split["test"]))
    if both:
        raise InputError(path, f'"{both[0]}"', "in train and in test", "each sequence in one of them")
    return split


def _names(path: Path, content: dict[str, Any], side: str) -> list[str]:
    names = entry(path, content, side, list, "a list of sequence names")
    if not all(isinstance(name, str) for name in names):
        raise InputError(path, f'key "{side}"', "not a list of names", "sequence names as text")
    return names


def frame_folders(sequence: Path) -> list[tuple[int, Path]]:
    """The moments of a sequence in order: a list of (milliseconds, folder) for ``t0003.000`` and so on."""
    found = []
    for folder in Path(sequence).iterdir():
        match = FRAME.fullmatch(folder.name)
        if match and folder.is_dir():
            found.append((1000 * int(match[1]) + int((match[2] or "").ljust(3, "0")), folder))
    return sorted(found)


def depth_file(folder: Path, camera: int) -> Path:
    """The depth image of one camera at one moment."""
    return folder / f"k{camera}.depth.png"


def mask_file(folder: Path, camera: int) -> Path | None:
    """The person's mask; None if there is none. A .png is exact and preferred to a .jpg, which is noisy."""
    for suffix in (".png", ".jpg"):
        path = folder / f"k{camera}.person_mask{suffix}"
        if path.is_file():
            return path
    return None


def fit_file(folder: Path) -> Path:
    """The body that was fitted to all cameras."""
    return folder / "person" / "fit02" / "person_fit.pkl"
