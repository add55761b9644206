"""``sshmr init``: settings for one's own clouds, asked of the files."""

from pathlib import Path
from typing import Annotated

import typer

from sshmr.cli import options as o
from sshmr.cli.result import Result
from sshmr.config.extract import ExtractConfig

UPRIGHT = 35.0
"""Degrees; people who lean more are no clear sign of what is up."""


def init(
    folder: Annotated[Path, typer.Argument(help="Folder with the clouds.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="File to write; default: FOLDER's name .yaml, in config/ if there."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    json: o.Json = False,
):
    """Look at your clouds and write settings for them: format, unit, up axis, sequences.

    The file serves the workflow and the commands alike.

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
    name = folder.resolve().name
    home = Path("config") if Path("config.yaml").exists() and Path("config").is_dir() else Path()
    out = out or home / f"{name}.yaml"
    if out.exists() and not force:
        raise InputError(
            out, found="it is there already", fix="Name another file with --out, or give --force"
        )
    typer.echo("Fitting bodies to some of the clouds, to tell which way is up: a minute or so …", err=True)
    found = guess(find_inputs([str(folder)], [], CloudsConfig()))
    with atomic_path(out) as temporary:
        temporary.write_text(_text(folder, name, found))
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
        "unreadable": [{"source": str(path), "reason": reason} for path, reason in found.unreadable],
    }
    lines = [
        f"{_count(sum(found.formats.values()), 'file')} ({', '.join(found.formats)}), "
        f"{_count(len(found.sequences), 'sequence')}, {found.points} points in the median one",
        f"unit: {found.unit} ({' × '.join(f'{side:.4g}' for side in found.size)} along x, y, z)",
        f"up: {found.up} ({_evidence(found)})",
        *(f"cannot be read: {reason}" for _, reason in found.unreadable),
        f"→ {out}",
    ]
    return Result(data, lines)


def _count(number, word):
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _evidence(found):
    told = f"bodies fitted to some of the clouds stand within {found.tilt:.0f}° of it"
    return told if found.tilt < UPRIGHT else f"{told} only: hardly upright, so look at the first fits"


def _text(folder, name, found):
    largest = max(found.sequences, key=found.sequences.get)
    kinds = ", ".join(f"{number} {suffix}" for suffix, number in found.formats.items())
    size = " × ".join(f"{side:.4g}" for side in found.size)
    count = _count(len(found.sequences), "sequence")
    together = TOGETHER if found.sequences[largest] > 1 else APART
    return f"""# Settings for {folder}, guessed from the files by sshmr init. Look them over.
#   sshmr fit {folder} --config THIS_FILE -o out   # bodies, in minutes
#   snakemake --configfile THIS_FILE   # in the repository's folder: trains a network on them too, for long

dataset: {_quoted(name)}  # Name of the run: the workflow's results lie in results/<dataset>.

source:
  kind: clouds
  root: {_quoted(folder.resolve())}

extract:
  voxel: 0.02  # Metres; 0.03 suits a LiDAR's coarser clouds.
  minimum_points: {ExtractConfig().minimum_points}  # Left out are clouds of no more than this, once cleaned.
  clouds:
    up: "{found.up}"  # {_evidence(found)}.
    unit: {found.unit}  # The median cloud spans {size} along x, y, z.
    files: ""  # All of them: {kinds}; or a pattern such as "**/*_person.ply".
    # {count}, a folder each; the largest is {_quoted(largest)} with {found.sequences[largest]} files.
    # If names tell the sequences instead: '(?P<sequence>[^/]+)_(?P<frame>[0-9]+)[.]ply$'
    sequence_pattern: ""
    ground: auto  # remove where ground is left under the feet; keep where feet go missing.

report:
  split: train  # Without labels nothing is held out.

{together}"""


TOGETHER = """# snakemake, and sshmr fit with --together, take a folder's files as one person's frames, in the
# order of their names. If they are not:
# fit:
#   shared_shape_weight: 0.0
#   smooth_weight: 0.0
"""
APART = """fit:  # One file a folder: there is nothing to hold together.
  shared_shape_weight: 0.0
  smooth_weight: 0.0
"""


def _quoted(text):
    import json

    return json.dumps(str(text), ensure_ascii=False)
