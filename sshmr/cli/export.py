"""``sshmr export``: the bodies of a run as files for other programs."""

from pathlib import Path
from typing import Annotated

import typer

from sshmr.cli import options as o
from sshmr.cli.result import Result


def export(
    params: Annotated[
        list[Path],
        typer.Argument(help="A run's folder, whose last results are used, or params tables of one run."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write into.")],
    formats: o.Formats = None,
    frames_per_second: o.FramesPerSecond = None,
    up: Annotated[
        o.Up | None,
        typer.Option("--up", help="Up axis to write; default: each format's own.", rich_help_panel=o.WRITING),
    ] = None,
    unit: Annotated[
        o.Unit | None,
        typer.Option("--unit", help="Unit of the .ply and .obj meshes.", rich_help_panel=o.WRITING),
    ] = None,
    json: o.Json = False,
) -> Result:
    """Write fitted or predicted bodies as meshes and motions, at their place in the world.

    Without --up, .ply and .obj meshes have the axes of their clouds; .glb and smplx archives have y
    up, AMASS archives z up, all three in metres. A table of all bodies, bodies.parquet (y up, metres), is
    always written.

    Examples:

    sshmr export results/demo -o meshes -f glb

    sshmr export results/demo/round_0/fit/test/*.parquet -o meshes -f ply --up z
    """
    from sshmr.cli.work import write
    from sshmr.export.axes import Axes
    from sshmr.tables.run_folder import tables_of

    run, tables = tables_of(params)
    axes = Axes(str(up or "y"), str(unit or "m")) if up or unit else None
    written, notes = write(run, tables, out, formats, axes, frames_per_second)
    data = {"tables": [str(path) for _, path in tables], "written": [str(path) for path in written]}
    folders = list(dict.fromkeys(path.parent for path in written))
    lines = [f"{len(written)} files", *notes, *(f"→ {folder}" for folder in folders)]
    return Result(data | {"notes": notes}, lines)
