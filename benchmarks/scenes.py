"""Recall, precision and identity switches of people in simulated scenes, for each kind of sensor.

    python benchmarks/scenes.py --frames 200 --sensors lidar16 lidar32 lidar64 lidar128 depth

Everything is simulated: the open body among simple meshes (tools/scenes), with seeds that the
classifier was not trained on. A person counts with 20 points or more, and a third of those that would be seen
without occlusion, at 3–12 m from a LiDAR or 1–4.5 m from a depth camera. A detection is right
within 0.6 m of such a person's pelvis, seen from above; people outside these bounds are ignored. The
last line is one JSON object.
"""

import argparse
import functools
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from sshmr.body.model import BodyModel, open_body_path
from sshmr.body.prior import PosePrior, open_prior_path
from sshmr.config.extract import ScenesConfig
from sshmr.formats.ply_writer import write_ply
from sshmr.people.scene import read_recording

sys.path.append(str(Path(__file__).resolve().parents[1]))  # tools/ is not installed
from tools.scenes.scene import Scene
from tools.scenes.settings import scene_preset

RANGES = {"lidar": (3.0, 12.0), "depth": (1.0, 4.5)}
LEAST_POINTS, LEAST_SHARE = 20, 1 / 3
NEAR = 0.6
"""Metres, seen from above, between a detection and the pelvis of the person it is."""


def measure(sensor: str, frames: int, seed: int, load_body, prior: PosePrior, background: bool) -> dict:
    """Recall, precision, identity switches and speed on one recording."""
    changes = {"indoors": True} if sensor != "depth" and seed % 2 else {}
    scene = Scene(scene_preset(sensor, frames=frames, **changes), load_body, prior, seed)
    kind = "depth" if sensor == "depth" else "lidar"
    near, far = RANGES[kind]
    wanted, doubtful = [], []
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for number, seen in enumerate(scene.frames()):
            path = Path(folder) / f"{number:06d}.ply"
            write_ply(path, seen.sweep.points)
            files.append((number, path))
            counts = np.bincount(seen.sweep.person, minlength=len(scene.people) + 1)[1:]
            away = np.linalg.norm(_flat(seen.centres, kind), axis=1)
            there = np.isfinite(away) & (counts > 0)
            clear = (
                there & (away >= near) & (away <= far) & (counts >= LEAST_POINTS)
                & (counts >= LEAST_SHARE * seen.sweep.free)
            )  # fmt: skip
            places = _flat(seen.centres, kind)
            wanted.append({int(i): places[i] for i in np.flatnonzero(clear)})
            doubtful.append([places[i] for i in np.flatnonzero(there & ~clear)])
        settings = ScenesConfig(up="z" if kind == "lidar" else "-y", unit="m", background=background)
        started = time.process_time()
        recording = read_recording(sensor, files, settings)
        seconds = time.process_time() - started
    found = _places(recording, frames, kind)
    return _score(wanted, doubtful, found) | {"frames_per_second": frames / seconds}


def _flat(points, kind):
    """The two level coordinates (K, 2) in the sensor's axes."""
    return points[:, [0, 1]] if kind == "lidar" else points[:, [0, 2]]


def _places(recording, frames, kind):
    """For each frame: [(track, place (2,))]."""
    found = [[] for _ in range(frames)]
    for number, track in enumerate(recording.people.values()):
        for frame, one in zip(track.frames, track.found, strict=True):
            middle = recording.to_file(one.points.mean(axis=0)[None])
            found[frame].append((number, _flat(middle, kind)[0]))
    return found


def _score(wanted, doubtful, found):
    right = missed = false = switches = 0
    last: dict[int, int] = {}
    for people, others, detections in zip(wanted, doubtful, found, strict=True):
        left = list(detections)
        for person, place in people.items():
            apart = [np.linalg.norm(spot - place) for _, spot in left]
            if apart and min(apart) < NEAR:
                track, _ = left.pop(int(np.argmin(apart)))
                switches += last.get(person, track) != track
                last[person] = track
                right += 1
            else:
                missed += 1
        false += sum(not any(np.linalg.norm(spot - place) < NEAR for place in others) for _, spot in left)
    return {"right": right, "missed": missed, "false": false, "switches": switches, "frames": len(wanted)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--sensors", nargs="+", default=["lidar16", "lidar32", "lidar64", "lidar128", "depth"]
    )
    parser.add_argument("--frames", type=int, default=100, help="of each recording")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1], help="one recording each")
    parser.add_argument("--no-background", action="store_true", help="every frame by itself")
    arguments = parser.parse_args()
    load_body = functools.lru_cache(lambda gender: BodyModel.load(open_body_path(gender)))
    prior, results = PosePrior.load(open_prior_path()), {}
    for sensor in arguments.sensors:
        some = [
            measure(sensor, arguments.frames, seed, load_body, prior, not arguments.no_background)
            for seed in arguments.seeds
        ]
        total = {name: sum(one[name] for one in some) for name in some[0]}
        results[sensor] = {
            "frames": total["frames"],
            "people": total["right"] + total["missed"],
            "recall": round(total["right"] / max(total["right"] + total["missed"], 1), 4),
            "precision": round(total["right"] / max(total["right"] + total["false"], 1), 4),
            "switches_per_100_frames": round(100 * total["switches"] / total["frames"], 2),
            "frames_per_second": round(total["frames_per_second"] / len(some), 1),
        }
        print(sensor, results[sensor], flush=True)
    print(json.dumps({"simulated": True, **results}))


if __name__ == "__main__":
    main()
