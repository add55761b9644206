"""Speed of reading each source: frames per second and peak memory, on one and two cores, in one run.

    python benchmarks/extract.py --frames 48

The data are simulated. Depth images have BEHAVE's size, 2048 × 1536. A few images are rendered and then
linked under other times until there are enough. ``plain_readers.py`` also reads each source in the simplest
way: one process, whole files and images, the same cleaning. Both must give the same points. Every case runs
in its own process on its own cores, and the time starts after the imports. The best of --repeat runs counts.
The last line is JSON.
"""

import argparse
import concurrent.futures
import json
import multiprocessing
import os
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
from plain_readers import PLAIN

from sshmr.body.model import BodyModel, open_body_path
from sshmr.body.prior import PosePrior, open_prior_path
from sshmr.capture.simulate import DATA_SETS, simulate_sequence
from sshmr.config.capture import CaptureConfig, DepthConfig
from sshmr.config.extract import BehaveConfig, ExtractConfig
from sshmr.geometry.open3d_import import open3d
from sshmr.sources.extract import READERS
from sshmr.sources.shards import simulated_file, simulated_plan, simulated_root

SETTINGS = ExtractConfig(voxel=0.02, behave=BehaveConfig(every=1))
CAMERAS = 4


def make_data(folder, layout, frames, rendered):
    """Simulate one sequence and return its root and name; ``frames`` clouds, images ``rendered`` moments."""
    images = layout == "behave"
    settings = CaptureConfig(
        layouts=(layout,),
        sequences=1,
        test_sequences=0,
        frames=rendered if images else frames,
        defects=0.0,
        depth=DepthConfig(width=2048, height=1536),
    )
    name = simulated_plan(settings)[0].name
    path = simulated_file(folder, name, layout)
    bodies = {gender: BodyModel.load(open_body_path(gender)) for gender in settings.genders}
    simulate_sequence(name, settings, bodies.get, PosePrior.load(open_prior_path()), 0, path)
    root = simulated_root(folder, name, layout)
    if images:
        moments = sorted((root / "sequences" / name).glob("t*"))
        for number in range(len(moments), frames // CAMERAS):
            copy = moments[0].with_name(f"t{100 + number:04d}.000")
            shutil.copytree(moments[number % len(moments)], copy, copy_function=os.link)
    return root, name


def read(layout, root, name, threads):
    """The clouds of a sequence by frame id, as the workflow reads them, without the truth."""
    reading = READERS[layout](root, name, "train", SETTINGS, lambda gender: None, threads)
    return {frame.frame_id: frame.points for frame in reading.frames}


def read_plainly(layout, root, name, threads):
    """The same, read in the simplest way."""
    return dict(PLAIN[layout](root, name, SETTINGS))


WAYS = {"package": read, "straightforward": read_plainly}


def _child(way, arguments, cores):
    os.sched_setaffinity(0, cores)
    open3d()  # of the imports, the one that waits for its first use
    start, before = time.perf_counter(), time.process_time()
    clouds = WAYS[way](*arguments)
    seconds, cpu = time.perf_counter() - start, time.process_time() - before
    status = Path("/proc/self/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
    return clouds, seconds, cpu, peak


def measure(way, arguments, cores, jobs=1):
    """Run a case, ``jobs`` copies at once: frames a second, CPU seconds a frame, peak megabytes, clouds."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(jobs, mp_context=context) as pool:
        children = [pool.submit(_child, way, arguments, cores) for _ in range(jobs)]
        done = [child.result() for child in children]
    clouds = done[0][0]
    figures = {
        "frames_per_second": jobs * len(clouds) / max(seconds for _, seconds, _, _ in done),
        "cpu_seconds_per_frame": float(np.mean([cpu for _, _, cpu, _ in done])) / len(clouds),
        "peak_megabytes": sum(peak for *_, peak in done),
    }
    return figures, clouds


def best(runs):
    """Of several runs of one case, the best of each figure."""
    return {key: (max if key == "frames_per_second" else min)(run[key] for run in runs) for key in runs[0]}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=48, help="clouds of each source, or images of BEHAVE")
    parser.add_argument("--rendered", type=int, default=2, help="moments of BEHAVE that are rendered")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--sources", nargs="+", default=["sloper4d", *sorted(DATA_SETS)])
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    one, two = set(cores[:1]), set(cores[:2])
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for layout in options.sources:
            root, name = make_data(Path(folder) / layout, layout, options.frames, options.rendered)
            cases = {"package, 1 core": ("package", 1, one, 1), "package, 2 cores": ("package", 1, two, 2)}
            if layout == "behave":
                cases["package, 1 job, 2 threads"] = ("package", 2, two, 1)
            cases["straightforward, 1 process"] = ("straightforward", 1, two, 1)
            runs, clouds = {case: [] for case in cases}, {}
            for _ in range(options.repeat):
                for case, (way, threads, allowed, jobs) in cases.items():
                    figures, clouds[way] = measure(way, (layout, root, name, threads), allowed, jobs)
                    runs[case].append(figures)
            results[layout] = {case: best(done) for case, done in runs.items()}
            for case, figures in results[layout].items():
                print(
                    f"{layout:9s} {case:27s} {figures['frames_per_second']:7.1f} frames/s "
                    f"{1e3 * figures['cpu_seconds_per_frame']:7.1f} ms CPU/frame "
                    f"{figures['peak_megabytes']:6.0f} MB"
                )
            results[layout] |= compare(layout, results[layout], clouds)
    print(json.dumps({"frames": options.frames, "sources": results}))


def compare(layout, results, clouds):
    """The package's speed relative to the simplest way, and the distance between the points of both."""
    plain = results["straightforward, 1 process"]
    if clouds["package"].keys() != clouds["straightforward"].keys():
        raise SystemExit(f"{layout}: the two ways read different frames")
    gaps = []
    for name, cloud in clouds["package"].items():
        other = clouds["straightforward"][name]
        gaps.append(np.abs(cloud - other).max() if cloud.shape == other.shape else np.inf)
    ratios = {
        "speed_1_core": "package, 1 core",
        "speed_2_cores": "package, 2 cores",
        "speed_2_threads": "package, 1 job, 2 threads",
    }
    made = {
        name: results[case]["frames_per_second"] / plain["frames_per_second"]
        for name, case in ratios.items()
        if case in results
    }
    made["cpu_ratio"] = plain["cpu_seconds_per_frame"] / results["package, 1 core"]["cpu_seconds_per_frame"]
    made["frames_with_the_same_points"] = float(np.mean(np.array(gaps) < 1e-3))
    print(f"{layout:9s} " + ", ".join(f"{name} {value:.2f}" for name, value in made.items()))
    return made


if __name__ == "__main__":
    main()
