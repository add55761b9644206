"""Arguments and options that several commands share. Nothing here loads torch."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

Format = StrEnum("Format", ["ply", "obj", "glb", "amass", "smplx"])
Ground = StrEnum("Ground", ["auto", "remove", "keep"])
Unit = StrEnum("Unit", ["m", "cm", "mm"])
Device = StrEnum("Device", ["auto", "cpu", "cuda"])
Up = StrEnum("Up", {"x": "x", "y": "y", "z": "z", "-x": "-x", "-y": "-y", "-z": "-z"})

READING, WRITING, RUNNING = "Reading clouds", "Writing meshes", "Running"

Clouds = Annotated[
    list[str],
    typer.Argument(
        help="Files, folders, quoted patterns ('scans/**/*.ply'), or - for paths on standard input. "
        "One person and one moment per file: .ply .pcd .xyz .npy .bin .las .obj …, or recordings of ROS.",
    ),
]
Out = Annotated[
    Path, typer.Option("--out", "-o", help="Folder for the results. The same command continues in it.")
]
UpOption = Annotated[
    Up | None, typer.Option("--up", help="Axis that points up in the files.", rich_help_panel=READING)
]
UnitOption = Annotated[
    str | None,
    typer.Option(
        "--unit",
        help="Unit of the files: m, cm, mm, or the length of one unit in metres (0.3048 for feet).",
        rich_help_panel=READING,
    ),
]
GroundOption = Annotated[
    Ground | None,
    typer.Option(
        "--ground", help="Ground at the feet: auto (remove it where it is clear), remove, keep.",
        rich_help_panel=READING,
    ),
]  # fmt: skip
Files = Annotated[
    str | None,
    typer.Option("--files", help="Pattern of the files below each folder.", rich_help_panel=READING),
]
SequencePattern = Annotated[
    str | None,
    typer.Option(
        "--sequence-pattern",
        help="Regular expression over the path with a group (?P<sequence>…) and optionally (?P<frame>…). "
        "Default: each folder is a sequence.",
        rich_help_panel=READING,
    ),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config", help="Settings file, as for the workflow (see sshmr init). Options override it.",
        rich_help_panel=RUNNING,
    ),
]  # fmt: skip
Formats = Annotated[
    list[Format] | None,
    typer.Option(
        "--format", "-f", help="Also write meshes or motions. May be repeated.", rich_help_panel=WRITING
    ),
]
FramesPerSecond = Annotated[
    float | None,
    typer.Option(
        "--fps",
        min=0.01,
        help="Frame rate of animations; default: from the times of the frames, else 10.",
        rich_help_panel=WRITING,
    ),
]
Body = Annotated[
    str | None,
    typer.Option("--body", help="open, or a folder of SMPL's own files.", rich_help_panel=RUNNING),
]
DeviceOption = Annotated[
    Device | None,
    typer.Option("--device", help="Where to compute; default: auto.", rich_help_panel=RUNNING),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs", "-j", min=1, help="Parallel processes; default: one per core, one on a GPU.",
        rich_help_panel=RUNNING,
    ),
]  # fmt: skip
Strict = Annotated[
    bool,
    typer.Option("--strict", help="Exit with code 3 unless every body is sure.", rich_help_panel=RUNNING),
]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object; the rest is written to standard error.")
]


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
