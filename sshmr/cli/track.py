"""``sshmr track``: a person followed through a recording."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from sshmr.cli import options as o
from sshmr.cli.result import Result


def track(
    recordings: o.Clouds,
    out: o.Out,
    formats: o.Formats = None,
    frames_per_second: Annotated[
        float,
        typer.Option(
            "--fps",
            min=0.01,
            help="Frame rate of the recordings, needed if the file names contain no times, and of "
            "animations.",
        ),
    ] = 10.0,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow",
            help="Wait for more files in the folder, and print each body as a line of JSON at once. Ctrl-C "
            "ends it.",
        ),
    ] = False,
    up: o.UpOption = None,
    unit: o.UnitOption = None,
    ground: o.GroundOption = None,
    files: o.Files = None,
    sequence_pattern: o.SequencePattern = None,
    config: o.ConfigFile = None,
    body: o.Body = None,
    jobs: o.Jobs = None,
    strict: o.Strict = False,
    json: o.Json = False,
) -> Result | None:
    """Follow one person through each recording, at the rate of the sensor, and smooth the motion.

    A recording is a folder of clouds, one moment per file. Each fit starts from the previous frame. The
    network and the search run only if the person was lost.

    With - or --follow, frames are followed as they come, and each body is printed at once as a line of JSON.

    Examples:

    sshmr track recording --fps 30 -o out -f glb

    find recording -name '*.pcd' | sort | sshmr track - --fps 30 -o out

    sshmr track recording --follow --fps 30 -o out
    """
    from sshmr.cli.settings import read_cloud_settings, shipped_network
    from sshmr.cli.work import work
    from sshmr.local.workers import Plan

    settings, notes = read_cloud_settings(
        config, "fit", body, up=up, unit=unit, ground=ground, files=files, sequence_pattern=sequence_pattern
    )
    network, more = shipped_network(settings)
    plan = Plan(settings, network, "cpu", together=True, search=True, follow=True)
    notes = [*notes, *more]
    if follow or "-" in recordings:
        from sshmr.errors import InputError
        from sshmr.local.live import follow_live, new_files

        given = {"--format": formats, "--jobs": jobs, "--strict": strict}
        unused = [name for name, value in given.items() if value]
        if unused:
            raise InputError(
                ", ".join(unused), found="given with - or --follow", expected="recordings that are finished",
                fix="Leave it out. sshmr export writes meshes of the finished folder",
            )  # fmt: skip
        for note in notes:
            print(note, file=sys.stderr)

        listed = (line.strip() for line in sys.stdin)
        paths = new_files(recordings, settings.extract.clouds, Path(out)) if follow else listed
        follow_live(paths, Path(out), plan, frames_per_second, sys.stdout)
        return None
    return work(recordings, Path(out), plan, jobs, formats, frames_per_second, notes, strict)
