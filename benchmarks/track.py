"""People followed through recordings, compared with single fits and those of sequences, in one run.

    python benchmarks/track.py MOTIONS.parquet --people 3 --frames 25

MOTIONS.parquet has the columns subject, sequence, frame, fps, pose and trans. Each sensor is **simulated**: a
LiDAR at 10 frames a second, a depth camera at 30. Rotations are interpolated by splines. ``sshmr track`` and
``sshmr fit --together`` read the same files and write the same tables, each in one process. Seconds are CPU
seconds of the whole command, so that other programs hardly count; ``work`` subtracts what the command needs
for a single frame, mostly loading, and ``frames_per_cpu_second`` is its inverse. Errors are millimetres as
docs/measures.md defines them: ``single`` fits, ``together``, the bodies as ``followed``, and ``smoothed``.
The last line is JSON.
"""

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
from recordings import RATES, write_recordings

from sshmr.config.evaluate import EvaluateConfig
from sshmr.evaluation.rounds import evaluate_rounds
from sshmr.tables.run_folder import RunFolder

MEASURES = ("mpjpe", "pa_mpjpe", "acceleration_error", "foot_sliding", "penetration", "residual")
STAGES = {"fit": ("single", "together"), "track": ("followed", "smoothed")}


def cpu_seconds(*command):
    """CPU seconds of the command line with these arguments."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(
        [sys.executable, "-m", "sshmr", *map(str, command)],
        check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def errors(out, names):
    """The measures of a run's two rounds under the names of its stages."""
    rows = evaluate_rounds(RunFolder(out), EvaluateConfig()).rows
    rows = rows[(rows["sequence"] == "all") & (rows["joint"] == "all") & (rows["stage"] == "fit")]
    table = rows.pivot_table(index="round", columns="measure", values="value")
    return {name: {m: float(table.loc[i].get(m, math.nan)) for m in MEASURES} for i, name in enumerate(names)}


def compared(motions, sensor, people, frames, seed, folder):
    """Errors and CPU seconds of both commands on the same recordings of one sensor."""
    count = write_recordings(folder / sensor, motions, sensor, people, frames, seed)
    first = sorted((folder / sensor).glob("*/*.ply"))[0]
    result = {"frames": count}
    for command, names in STAGES.items():
        out = folder / f"{sensor}_{command}"
        options = ("--jobs", 1, "--fps", RATES[sensor], *(["--together"] if command == "fit" else []))
        start = cpu_seconds(command, first, "-o", f"{out}_start", *options)
        seconds = cpu_seconds(command, folder / sensor, "-o", out, *options)
        result |= errors(out, names)
        result[f"{command}_cpu_seconds"] = seconds
        result[f"{command}_work_seconds_per_frame"] = (seconds - start) / (count - 1)
    smoothed, together = result["smoothed"], result["together"]
    result["ratio_time"] = result["fit_work_seconds_per_frame"] / result["track_work_seconds_per_frame"]
    result["track_frames_per_cpu_second"] = 1 / result["track_work_seconds_per_frame"]
    for measure in ("mpjpe", "acceleration_error", "foot_sliding"):
        result[f"ratio_{measure}"] = smoothed[measure] / together[measure]
    return result


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("motions", help="Parquet table of motions")
    parser.add_argument("--people", type=int, default=3, help="recordings of each sensor")
    parser.add_argument("--frames", type=int, default=25, help="frames of each recording")
    parser.add_argument("--sensors", nargs="*", default=list(RATES), choices=list(RATES))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for sensor in options.sensors:
            some = (sensor, options.people, options.frames, options.seed)
            result = results[sensor] = compared(options.motions, *some, Path(folder))
            print(sensor)
            print(pd.DataFrame({k: v for k, v in result.items() if isinstance(v, dict)}).round(1).to_string())
            print({k: round(v, 3) for k, v in result.items() if not isinstance(v, dict)})
    print(json.dumps(results))


if __name__ == "__main__":
    main()
