"""``sshmr people``: find and follow the people in whole scenes, and cut them out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sshmr.cli import options as o
from sshmr.cli.result import FINE, INCOMPLETE, Result
from sshmr.config.extract import ScenesConfig

if TYPE_CHECKING:
    from sshmr.local.inputs import CloudFile
    from sshmr.people.scene import Recording

SHOWN = 12


def people(
    scenes: Annotated[
        list[str],
        typer.Argument(
            help="Files, folders, quoted patterns ('drive/**/*.pcd'), or - for paths on standard input. "
            "Each file is one moment of a whole scene, a folder one recording."
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the clouds cut out and the table of detections.")
    ],
    empty: Annotated[
        Path | None,
        typer.Option("--empty", help="The same scene without people. What it contains is ignored."),
    ] = None,
    apart: Annotated[
        bool, typer.Option("--apart", help="Treat each file as a separate scene, without tracking.")
    ] = False,
    frames_per_second: Annotated[
        float | None,
        typer.Option("--fps", min=0.01, help="Frame rate; default: from the times in the names, else 10."),
    ] = None,
    score: Annotated[
        float | None,
        typer.Option(
            "--score",
            min=0.05,
            max=1.0,
            help="Smallest mean score of a person's detections; default: 0.45, or 0.62 below 5 frames.",
        ),
    ] = None,
    up: o.UpOption = None,
    unit: o.UnitOption = None,
    files: o.Files = None,
    sequence_pattern: o.SequencePattern = None,
    config: o.ConfigFile = None,
    jobs: o.Jobs = None,
    json: o.Json = False,
) -> Result:
    """Find people in LiDAR sweeps or depth clouds of whole scenes, track them, and cut them out.

    Each person gets a folder of .ply files in the scene's axes and unit. detections.parquet lists everything
    that resembles a person, with its score, its box and, if it is not a person, the reason.

    Examples:

    sshmr people sweep.pcd -o crops

    sshmr people recording --empty empty.ply --up z -o crops

    sshmr fit crops --up z -o out -f glb
    """
    import sys

    from sshmr.cli.settings import read_settings, scene_settings
    from sshmr.config.mapping import to_json
    from sshmr.people.scene import rate_of, read_recording
    from sshmr.people.write import DETECTIONS, write_crops, write_detections
    from sshmr.progress import Progress

    given, notes = read_settings(config, "people")
    settings = scene_settings(
        given,
        up=None if up is None else str(up),
        unit=unit,
        files=files,
        sequence_pattern=sequence_pattern,
        score=score,
        empty=None if empty is None else str(empty),
        frames_per_second=frames_per_second,
    )
    lines = sys.stdin.read().splitlines() if "-" in scenes else []
    recordings, written = [], []
    found = _recordings(scenes, lines, settings, out, apart)
    with Progress("Find people", "frames") as progress:
        progress.total(sum(map(len, found.values())))
        for name, members in found.items():
            pairs = [(cloud.frame, cloud.path) for cloud in members]
            rate = rate_of([cloud.time for cloud in members])
            one = read_recording(name, pairs, settings, rate, jobs or o.cores(), progress.advance)
            written += write_crops(out, one)
            recordings.append(one)
    axes = {one.name: [one.up, one.unit] for one in recordings}
    about = {"settings": to_json(settings), "source": "scenes", "axes": axes}
    write_detections(out / DETECTIONS, recordings, about)
    return _result(recordings, written, out, out / DETECTIONS, notes)


def _recordings(
    scenes: list[str], lines: list[str], settings: ScenesConfig, out: Path, apart: bool
) -> dict[str, list["CloudFile"]]:
    """Recordings by name: a list of ``CloudFile`` each."""
    from sshmr.local.inputs import find_inputs

    found: dict[str, list[CloudFile]] = {}
    for cloud in find_inputs(scenes, lines, settings, without=out):
        name = cloud.sequence
        if apart:
            stem = "".join(
                letter if letter.isalnum() or letter in "._-" else "_" for letter in cloud.path.stem
            )
            name = stem if not found.get(stem) else f"{stem}_{len(found)}"
        found.setdefault(name, []).append(cloud)
    return found


def _result(
    recordings: list["Recording"], written: list[Path], out: Path, table: Path, notes: list[str]
) -> Result:
    data: dict[str, Any] = {"recordings": [], "table": str(table), "folders": [str(path) for path in written]}
    data["notes"] = notes
    lines, skipped = list(notes), 0
    for one in recordings:
        people = {
            name: {
                "frames": len(track.frames), "first": track.frames[0], "last": track.frames[-1],
                "points_median": int(sorted(found.number for found in track.found)[len(track.found) // 2]),
                "score_mean": round(sum(found.score for found in track.found) / len(track.found), 3),
            }
            for name, track in one.people.items()
        }  # fmt: skip
        skipped += len(one.skipped)
        data["recordings"].append(
            {
                "name": one.name, "frames": len(one.files), "up": one.up, "unit": one.unit, "people": people,
                "rejected_tracks": len(one.tracks) - len(people),
                "skipped": [{"source": str(path), "reason": reason} for path, reason in one.skipped],
                "notes": one.notes,
            }
        )  # fmt: skip
        lines.append(
            f"{one.name}: {_count(len(people), 'person', 'people')} in {_count(len(one.files), 'frame')}"
        )
        lines += [f"  {note}" for note in one.notes]
        lines += [
            f"  {name}: frames {one['first']}–{one['last']} ({one['frames']}), "
            f"{one['points_median']} points, score {one['score_mean']:.2f}"
            for name, one in list(people.items())[:SHOWN]
        ]
        if len(people) > SHOWN:
            lines.append(f"  … and {len(people) - SHOWN} more; --json lists all")
        lines += [f"  skipped: {reason}" for _, reason in one.skipped[:SHOWN]]
    lines.append(f"→ {table}: all candidates, with the reason if one is not a person")
    if written:
        ups, units = {one.up for one in recordings}, {one.unit for one in recordings}
        lines.append(f"→ {out}")
        if len(ups) == len(units) == 1:
            lines.append(f"next: sshmr fit {out} --up {ups.pop()} --unit {units.pop()} -o bodies")
    return Result(data, lines, INCOMPLETE if skipped else FINE)


def _count(number: int, word: str, words: str = "") -> str:
    return f"{number} {word if number == 1 else words or word + 's'}"
