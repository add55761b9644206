"""The fit against the published routine, on the same simulated clouds of real poses, in one run.

    python benchmarks/fit.py POSES.parquet --frames 200 --baseline-frames 20

POSES.parquet has a column ``pose`` (72 rotation-vector numbers, y up). Each cloud is fitted from nothing, and
once more from its true body, which shows what the energy alone costs. The published routine is slow, so that
it may be given fewer frames; ratios compare the same frames. The last line is JSON.
"""

import argparse
import json
import time

import clouds
import numpy as np
import pandas as pd
import torch

from sshmr.body.model import BodyModel, open_body_path
from sshmr.body.prior import PosePrior, open_prior_path
from sshmr.body.template import build_template
from sshmr.evaluation.measures import pa_mpjpe
from sshmr.fit.config import FitConfig
from sshmr.fit.engine import Engine
from sshmr.fit.linearise import State
from sshmr.fit.surface import SurfaceElements
from sshmr.progress import track

SENSORS = {"depth": clouds.depth_camera, "lidar": clouds.lidar}


@torch.no_grad()
def run(engine, body, frames, from_truth=False):
    """Fit all frames in batches; joints (F, 24, 3), vertices (F, V, 3), seconds a frame."""
    data = {name: torch.from_numpy(value) for name, value in frames._asdict().items()}
    parts, start = [], time.perf_counter()
    step = engine.config.batch
    batches = [slice(i, i + step) for i in range(0, len(frames.points), step)]
    for rows in track(batches, "fit"):
        cloud = (data["points"][rows], data["mask"][rows])
        if from_truth:
            truth = State.from_pose(data["pose"][rows], data["betas"][rows], data["transl"][rows])
            parts.append(engine.from_predictions(*cloud, [truth]).state)
        else:
            parts.append(engine.from_nothing(*cloud).state)
    seconds = (time.perf_counter() - start) / len(frames.points)
    posed = [body(state.pose, state.betas, state.transl) for state in parts]
    joints = torch.cat([part.joints for part in posed]).numpy()
    vertices = torch.cat([part.vertices for part in posed]).numpy()
    return joints, vertices, seconds


def figures(joints, vertices, seconds, frames):
    """What is told of a method: millimetres, percent, seconds a frame."""
    error = 1e3 * np.linalg.norm(joints - frames.joints, axis=2).mean(1)
    return {
        "seconds_per_frame": seconds,
        "mpjpe_mean": error.mean(),
        "mpjpe_median": np.median(error),
        "mpjpe_p95": np.percentile(error, 95),
        "pa_mpjpe": 1e3 * pa_mpjpe(joints, frames.joints).mean(),
        "mpvpe": 1e3 * np.linalg.norm(vertices - frames.vertices, axis=2).mean(),
        "under_60_percent": 100 * (error < 60).mean(),
        "over_150_percent": 100 * (error > 150).mean(),
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("poses", help="Parquet table with the column pose")
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--baseline-frames", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    poses = np.stack(pd.read_parquet(options.poses)["pose"])
    body, prior = BodyModel.load(open_body_path("neutral")), PosePrior.load(open_prior_path())
    surface = SurfaceElements.of(body, build_template(body).vertex_ids)
    everywhere = SurfaceElements.of(body, torch.arange(len(body.v_template)))
    ours = Engine(surface, prior, FitConfig())
    published = Engine(everywhere, prior, FitConfig(optimiser="adam", headings=4, poses=1, batch=1))
    result = {}
    for name, sensor in SENSORS.items():
        frames = clouds.frames(sensor, poses, options.frames, options.seed)
        some = clouds.Frames(*(part[: options.baseline_frames] for part in frames))
        result[name] = {"ours": figures(*run(ours, body, frames), frames)}
        result[name]["from_truth"] = figures(*run(ours, body, frames, from_truth=True), frames)
        if options.baseline_frames:
            base = figures(*run(published, body, some), some)
            same = figures(*run(ours, body, some), some)
            result[name] |= {"published_on_some": base, "ours_on_same": same}
            result[name]["ratio_time"] = base["seconds_per_frame"] / same["seconds_per_frame"]
            result[name]["ratio_mpjpe"] = same["mpjpe_mean"] / base["mpjpe_mean"]
        print(
            pd.DataFrame({k: v for k, v in result[name].items() if isinstance(v, dict)}).round(2).to_string()
        )
    print(json.dumps(result, default=float))


if __name__ == "__main__":
    main()
