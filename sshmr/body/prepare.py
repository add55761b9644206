"""Write the bodies of a run."""

import shutil
from pathlib import Path

from sshmr.body.sources import LETTERS, body_source
from sshmr.errors import InputError
from sshmr.files import atomic_path


def bring_body(body: str, gender: str, output: Path) -> str | None:
    """Write one gender's body as .npz: the shipped one, or SMPL's own file.

    Args:
        body: ``open`` or a folder of SMPL's files. gender: ``neutral``, ``male`` or ``female``.

    Returns:
        What was converted, one line; None where the shipped one was copied.

    Raises:
        InputError: when the folder has no suitable file, or it cannot be read.
    """
    source = body_source(body, gender)
    if body == "open":
        with atomic_path(output) as temporary:
            shutil.copyfile(source, temporary)
        return None
    from sshmr.body.official import convert_body  # It loads torch, which a copy does not need.

    return convert_body(source, gender, output)


def bring_bodies(body: str, folder: Path) -> None:
    """Write the neutral body, and the others where there are any, as ``{gender}.npz`` into a folder."""
    for gender in LETTERS:
        try:
            bring_body(body, gender, Path(folder) / f"{gender}.npz")
        except InputError:
            if gender == "neutral":
                raise
