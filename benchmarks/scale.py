"""How a run grows with its data: the plan, the listing of a source, and the clouds of a training.

    python benchmarks/scale.py
    python benchmarks/scale.py --shards 5000 --files 1000000 --clouds 1000000

Each is measured at a hundredth of the size and at the whole, in separate processes: processor seconds and
the largest memory. The tables have random content. The last line is JSON.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
POINTS, SHARD = 1024, 500
LOAD = """
import sys, torch
from pathlib import Path
from sshmr.body.model import BodyModel, open_body_path
from sshmr.training.dataset import Clouds
folder = Path(sys.argv[1])
points, labels, fits = (
    sorted(map(str, folder.glob(f"{kind}/*.parquet"))) for kind in ("points", "labels", "fits")
)
clouds = Clouds.load(points, labels, fits, BodyModel.load(open_body_path("neutral")), 1024, folder / "resume")
order = torch.randperm(len(clouds), generator=torch.Generator().manual_seed(0))
for few in order[:2400].split(24):
    clouds.take(few)
"""
BARE = """
SHARDS = range(int(config["shards"]))
rule all:
    input: expand("label/3/{s}", s=SHARDS)
rule points:
    output: "points/{s}"
rule bootstrap:
    input: "points/{s}"
    output: "fit/0/{s}"
rule label:
    input: "points/{s}", "fit/{r}/{s}"
    output: "label/{r}/{s}"
rule train:
    input: lambda wildcards: expand(f"label/{int(wildcards.r) - 1}/{{s}}", s=SHARDS)
    output: "train/{r}"
rule infer:
    input: "points/{s}", "train/{r}"
    output: "infer/{r}/{s}"
rule fit:
    input: "points/{s}", "infer/{r}/{s}"
    output: "fit/{r,[1-9]}/{s}"
"""
"""Rules without work that make as many jobs of the same shape."""

LIST = """
import sys
from sshmr.config.extract import ExtractConfig
from sshmr.sources.plan import plan_shards, state_of
for packed in plan_shards("clouds", sys.argv[1], ExtractConfig(shard_frames=2000)).values():
    state_of(packed.files())
"""


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shards", type=int, default=200, help="of the plan, with three rounds")
    parser.add_argument("--files", type=int, default=100_000, help="of the source that is listed")
    parser.add_argument("--clouds", type=int, default=10_000, help="of the training")
    arguments = parser.parse_args()
    results = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name, measure, size in (
            ("plan", plan, arguments.shards),
            ("bare plan", bare, arguments.shards),
            ("listing", listing, arguments.files),
            ("training", training, arguments.clouds),
        ):
            for count in (max(1, size // 100), size):
                seconds, megabytes = measure(count, Path(scratch) / f"{name}_{count}".replace(" ", "_"))
                print(f"{name} {count}: {seconds:.1f} s of processor time, {megabytes:.0f} MB", flush=True)
                results[f"{name} {count}"] = {"seconds": round(seconds, 2), "megabytes": round(megabytes)}
    print(json.dumps(results))


def plan(count, folder):
    """The graph of the default settings' jobs with so many shards, as a run makes it before its first job."""
    capture = f"capture={{sequences: {count + 1}, test_sequences: 1, frames: 80}}"
    command = ("-m", "snakemake", "-s", ROOT / "Snakefile", "--rulegraph", "--directory", folder)
    return used(*command, "--workflow-profile", ROOT / "profiles" / "default", "--config", capture)


def bare(count, folder):
    """The plan of as many jobs by rules without work: what Snakemake itself takes."""
    folder.mkdir()
    (folder / "Snakefile").write_text(BARE)
    command = ("-m", "snakemake", "-s", folder / "Snakefile", "--rulegraph", "--directory", folder)
    return used(*command, "--config", f"shards={count}")


def listing(count, folder):
    """The plan of one's own clouds, a hundred files to a sequence, and the state of every file."""
    for number in range(count):
        path = folder / f"seq{number // 100:05d}" / f"{number:07d}.ply"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return used("-c", LIST, folder)


def training(count, folder):
    """Reading the clouds of a round, and a hundred batches of them."""
    from sshmr.tables.schemas import params_schema, points_schema, pseudo_labels_schema, write_table

    for kind in ("points", "labels", "fits", "resume"):
        (folder / kind).mkdir(parents=True)
    rng = np.random.default_rng(0)
    points = rng.normal(0, 0.3, (SHARD, POINTS, 3)).astype(np.float32)
    for start in range(0, count, SHARD):
        rows = min(SHARD, count - start)
        ids = [f"made/up/{start + row:07d}/0" for row in range(rows)]
        name = f"{start:07d}.parquet"
        columns = {
            "frame_id": ids, "sequence": ["up"] * rows, "frame": np.arange(rows), "view": np.zeros(rows, int),
            "split": ["train"] * rows, "points": points[:rows], "n_points": np.full(rows, POINTS),
            "offset": np.zeros((rows, 3)), "source": ["made up"] * rows,
        }  # fmt: skip
        write_table(folder / "points" / name, columns, points_schema(POINTS), {})
        segments = rng.integers(0, 1024, (rows, POINTS)).astype(np.int16)
        labels = {"frame_id": ids, "segment": segments, "weight": np.ones((rows, POINTS), np.float32)}
        labels["trust"] = np.ones(rows, np.float32)
        write_table(folder / "labels" / name, labels, pseudo_labels_schema(POINTS), {})
        zeros = {key: np.zeros((rows, width)) for key, width in (("pose", 72), ("betas", 10), ("transl", 3))}
        write_table(folder / "fits" / name, {"frame_id": ids, **zeros}, params_schema(), {})
    return used("-c", LOAD, folder)


def used(*arguments):
    """Processor seconds and most megabytes of a Python process."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(errors.decode()[-3000:])
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main()
