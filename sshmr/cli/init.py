"""``sshmr init``: settings for your own clouds, found from the files."""

import re
import shlex
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sshmr.cli import options as o
from sshmr.cli.result import Result

if TYPE_CHECKING:
    from sshmr.local.inspect import Guess

UPRIGHT = 35.0
"""Degrees. Bodies that lean more than this do not show clearly which axis points up."""


def init(
    folder: Annotated[Path, typer.Argument(help="Folder with the clouds.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="File to write; default: FOLDER.yaml, in config/ if that exists."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
    json: o.Json = False,
) -> Result:
    """Find the format, unit, up axis and sequences of your clouds, and write a settings file.

    Both the commands and the workflow read this file.

    Examples:

    sshmr init scans

    sshmr fit scans --config scans.yaml -o out

    snakemake --configfile config/scans.yaml
    """
    from sshmr.config.extract import CloudsConfig
    from sshmr.errors import InputError
    from sshmr.files import atomic_path
    from sshmr.local.inputs import find_inputs
    from sshmr.local.inspect import guess

    if not folder.is_dir():
        raise InputError(folder, found="no such folder", expected="a folder with clouds")
    name = dataset_name(folder.resolve().name)
    home = Path("config") if Path("config.yaml").exists() and Path("config").is_dir() else Path()
    out = out or home / f"{name}.yaml"
    if out.exists() and not force:
        raise InputError(
            out, found="the file exists already", fix="Choose another file with --out, or use --force"
        )
    typer.echo(
        "Fitting bodies to some of the clouds to find the up axis. This takes about a minute …", err=True
    )
    found = guess(find_inputs([str(folder)], [], CloudsConfig()))
    with atomic_path(out) as temporary:
        temporary.write_text(_text(folder, out, name, found), encoding="utf-8")
    data = {
        "config": str(out),
        "formats": found.formats,
        "sequences": found.sequences,
        "unit": found.unit,
        "up": found.up,
        "up_is_clear": found.tilt < UPRIGHT,
        "tilt": round(found.tilt, 1),
        "size": found.size.round(4).tolist(),
        "points": found.points,
        "notes": found.notes,
        "unreadable": [{"source": str(path), "reason": reason} for path, reason in found.unreadable],
    }
    lines = [
        f"{_count(sum(found.formats.values()), 'file')} ({', '.join(found.formats)}), "
        f"{_count(len(found.sequences), 'sequence')}, {found.points} points per file (median)",
        f"unit: {found.unit} ({' × '.join(f'{side:.4g}' for side in found.size)} along x, y, z)",
        f"up: {found.up} ({_evidence(found)})",
        *found.notes,
        *(f"cannot be read: {reason}" for _, reason in found.unreadable),
        f"→ {out}",
    ]
    return Result(data, lines)


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def dataset_name(text: str) -> str:
    """A name that a run may have, as close to the text as possible: ``my scans`` becomes ``my_scans``."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9.-]+", "_", plain).strip("_.-")[:80] or "scans"


def _evidence(found: "Guess") -> str:
    text = f"bodies fitted to some of the clouds stand within {found.tilt:.0f}° of it"
    return text if found.tilt < UPRIGHT else f"{text}, which is not upright: check the first fits"


def _in_shell(path: Path) -> str:
    """A path as it is typed in a shell, on one line of a comment."""
    text = shlex.quote(str(path))
    return text if text.isprintable() else "PATH"


def _text(folder: Path, out: Path, name: str, found: "Guess") -> str:
    largest = max(found.sequences, key=found.sequences.__getitem__)
    kinds = ", ".join(f"{number} {suffix}" for suffix, number in found.formats.items())
    size = " × ".join(f"{side:.4g}" for side in found.size)
    count = _count(len(found.sequences), "sequence")
    together = TOGETHER if found.sequences[largest] > 1 else APART
    from sshmr.config.extract import OWN_CLOUDS

    folder_typed, out_typed = _in_shell(folder), _in_shell(out)
    return f"""# Settings for {folder_typed}, written by sshmr init from the files. Please check them.
#   sshmr fit {folder_typed} --config {out_typed} -o out   # Bodies, in minutes.
#   snakemake --configfile {out_typed}   # In the repository's folder. Also trains a network, in hours.

dataset: {_quoted(name)}  # Name of the run: the workflow writes to results/{name}.

source:
  kind: clouds
  root: {_quoted(folder.resolve())}

extract:
  voxel: {OWN_CLOUDS["voxel"]}  # Metres. Use 0.03 for the coarser clouds of a LiDAR.
  minimum_points: {OWN_CLOUDS["minimum_points"]}  # Clouds with this many points or fewer are left out.
  clouds:
    up: "{found.up}"  # {_evidence(found)}.
    unit: {found.unit}  # The median cloud measures {size} along x, y, z.
    files: ""  # All files ({kinds}). Or a pattern such as "**/*_person.ply".
    # {count}: each folder is one. The largest is {_quoted(largest)} with {found.sequences[largest]} files.
    # If the file names contain the sequences: '(?P<sequence>[^/]+)_(?P<frame>[0-9]+)[.]ply$'
    sequence_pattern: ""
    ground: auto  # Use remove if ground is left under the feet, keep if feet are missing.

report:
  split: train  # Nothing is held out for testing.

{together}"""


TOGETHER = """# snakemake and sshmr fit --together treat the files of a folder as consecutive frames of one
# person, in the order of their names. If they are not, use:
# fit:
#   shared_shape_weight: 0.0
#   smooth_weight: 0.0
"""
APART = """fit:  # One file per folder: nothing to share between frames.
  shared_shape_weight: 0.0
  smooth_weight: 0.0
"""


def _quoted(text: object) -> str:
    from json import dumps

    return dumps(str(text), ensure_ascii=False)
