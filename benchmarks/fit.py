"""The fit compared with the published routine, on the same simulated clouds of real poses, in one run.

    python benchmarks/fit.py POSES.parquet --frames 200 --baseline-frames 200 --run results/demo

POSES.parquet has the columns subject and pose (72 rotation-vector numbers, y up). A quarter of the subjects
is held out for the clouds; pose prior and start poses are learned from the rest. Each cloud is fitted without
a prediction, and again from its true body, which shows the error of the energy alone. Of the bodies with more
than 150 mm error, preferred_percent is the share whose energy is no higher than that of the fit from the true
body. In these cases the energy is wrong, not the search.

The published routine is slow. --baseline-frames gives it fewer frames, the first of ours; ratios compare the
same frames. It omits the pairs of vertex and point that its derivative does not need. all_pairs is the time
of a few frames with all pairs. With --run, both start from the predictions of a finished run's last round.
--growth measures our time for more points, larger batches and more threads. The last line is JSON.
"""

import argparse
import json
import time
from pathlib import Path
from typing import NamedTuple

import clouds
import numpy as np
import pandas as pd
import people
import torch
from plain_adam import written_down

from sshmr.body.model import BodyModel, open_body_path
from sshmr.body.prior import PosePrior, open_prior_path
from sshmr.body.template import build_template
from sshmr.config.fit import FitConfig
from sshmr.evaluation.measures import joint_errors, pa_mpjpe, visible_mpjpe
from sshmr.fit.confidence import confidence, evidence
from sshmr.fit.engine import Engine
from sshmr.fit.linearise import State
from sshmr.fit.residuals import residuals, visible_joints
from sshmr.fit.search import found_from_nothing
from sshmr.fit.surface import SurfaceElements
from sshmr.progress import track
from sshmr.report.frame_errors import calibration
from sshmr.runtime import keep_freed_memory
from sshmr.tables.schemas import read_params, read_points, valid_mask

SENSORS = {"depth": clouds.depth_camera, "lidar": clouds.lidar}
PUBLISHED = FitConfig(optimiser="adam", headings=4, poses=1, batch=1)
WRITTEN_DOWN_FRAMES = 3


class Run(NamedTuple):
    """State of F bodies, energy (F,) nats, seconds a frame."""

    state: State
    energy: torch.Tensor
    seconds: float


@torch.no_grad()
def run(engine, frames, starts=None, body=None, known=False):
    """Fit all frames in batches.

    ``body``: the complete body. The search without a prediction uses it to decide which fits to repeat.
    ``starts``: State of F bodies to start from; None starts without a prediction. ``known``: those fits know
    where the sensor was.
    """
    points, mask = torch.from_numpy(frames.points), torch.from_numpy(frames.mask)
    parts, energy, start = [], [], time.perf_counter()
    step = engine.config.clouds_at_once(points.device)
    for rows in track([slice(i, i + step) for i in range(0, len(points), step)], "fit"):
        if starts is None:
            some = (points[rows], mask[rows])
            fitted = found_from_nothing(engine, body, *some).fitted if body else engine.from_nothing(*some)
        else:
            sensor = torch.from_numpy(frames.sensor[rows]) if known else None
            fitted = engine.from_predictions(points[rows], mask[rows], [starts.rows(rows)], sensor=sensor)
        parts.append(fitted.state)
        energy.append(fitted.energy["energy"])
    seconds = (time.perf_counter() - start) / len(points)
    return Run(State(*(torch.cat(part) for part in zip(*parts, strict=True))), torch.cat(energy), seconds)


def posed_by(body, state):
    """Joints (F, 24, 3) and vertices (F, 6890, 3) of the bodies."""
    posed = body(state.pose, state.betas, state.transl)
    return posed.joints.numpy(), posed.vertices.numpy()


def errors(joints, frames):
    """(F,) MPJPE, millimetres."""
    return 1e3 * np.linalg.norm(joints - frames.joints, axis=2).mean(1)


def figures(body, done, frames):
    """The figures of a method: millimetres, percent, seconds per frame."""
    joints, vertices = posed_by(body, done.state)
    error = errors(joints, frames)
    return {
        "seconds_per_frame": done.seconds,
        "mpjpe_mean": error.mean(),
        "mpjpe_median": np.median(error),
        "mpjpe_p95": np.percentile(error, 95),
        "pa_mpjpe": 1e3 * pa_mpjpe(joints, frames.joints).mean(),
        "mpvpe": 1e3 * np.linalg.norm(vertices - frames.vertices, axis=2).mean(),
        "under_60_percent": 100 * (error < 60).mean(),
        "over_150_percent": 100 * (error > 150).mean(),
    }


@torch.no_grad()
def sureness(engine, body, state, frames):
    """Confidence in fits (F,), and the joints that the clouds show (F, 24)."""
    points, mask = torch.from_numpy(frames.points), torch.from_numpy(frames.mask)
    residual = residuals(body, state, points, mask).median
    visible = visible_joints(engine.body, state, points, mask)
    found = evidence(engine.surface, engine.prior, points, mask, state, residual)
    return confidence(found).numpy(), visible.numpy()


def calibration_error(engine, body, state, frames):
    """Expected calibration error of the confidence in fits, 0 to 1."""
    sure, visible = sureness(engine, body, state, frames)
    shown = visible_mpjpe(joint_errors(posed_by(body, state)[0], frames.joints), visible)
    return float(calibration(sure, shown)[1])


def preferred(body, ours, truth, frames):
    """Percent of our bodies with more than 150 mm error whose energy is no higher than from the true body."""
    wrong = errors(posed_by(body, ours.state)[0], frames) > 150
    return float(100 * (ours.energy <= truth.energy).numpy()[wrong].mean()) if wrong.any() else None


def compared(result, body, ours, published, frames, count, starts=None, base_starts=None):
    """Add the figures of both routines on the same ``count`` frames, and their ratios."""
    some = clouds.Frames(*(part[:count] for part in frames))
    base, same = result["published"], result["ours_on_same"] = (
        figures(body, run(published, some, base_starts), some),
        figures(body, run(ours, some, starts), some),
    )
    few = clouds.Frames(*(part[:WRITTEN_DOWN_FRAMES] for part in some))
    with written_down():
        seconds = run(published, few, base_starts and base_starts.rows(slice(WRITTEN_DOWN_FRAMES))).seconds
    result["all_pairs"] = {"seconds_per_frame": seconds}
    result["ratio_time_all_pairs"] = seconds / same["seconds_per_frame"]
    result["ratio_time"] = base["seconds_per_frame"] / same["seconds_per_frame"]
    result["ratio_mpjpe"] = same["mpjpe_mean"] / base["mpjpe_mean"]


def from_run(folder, body):
    """The test frames with truth of a finished run, and the last round's predictions for them."""
    folder = Path(folder)
    rounds = sorted(folder.glob("round_*/infer/test"), key=lambda path: int(path.parts[-3].split("_")[1]))
    parts, starts = [], []
    for path in sorted((folder / "points" / "test").glob("*.parquet")):
        if path.name.endswith(".skipped.parquet"):
            continue
        points, params = read_points(path, truth=True), read_params(rounds[-1] / path.name)
        truth = [np.asarray(points[name], np.float32) for name in ("pose", "betas", "transl")]
        joints = points["joints"].reshape(-1, 24, 3)
        vertices = body(*map(torch.from_numpy, truth)).vertices.numpy()
        unknown = np.full((len(vertices), 3), np.nan, np.float32)
        parts.append((points["points"], valid_mask(points), *truth, joints, vertices, unknown))
        starts.append(
            State.from_pose(*(torch.from_numpy(params[name]) for name in ("pose", "betas", "transl")))
        )
    frames = clouds.Frames(*(np.concatenate(part) for part in zip(*parts, strict=True)))
    return frames, State(*(torch.cat(part) for part in zip(*starts, strict=True)))


def growth(surface, known, frames):
    """Our seconds per frame without a prediction, for more points, larger batches and more threads."""
    rows = []
    for threads, batch, size in (
        *((1, 8, size) for size in (256, 1024, 4096, 16384)),
        *((1, batch, 1024) for batch in (1, 2, 4, 16)),
        (2, 8, 1024),
    ):
        torch.set_num_threads(threads)
        repeats = -(-size // frames.points.shape[1])
        tiled = np.concatenate([frames.points] * repeats, 1)[:, :size]
        many = frames._replace(points=tiled, mask=np.concatenate([frames.mask] * repeats, 1)[:, :size])
        engine = Engine(surface, known.prior, FitConfig(batch=batch), known.starts)
        seconds = run(engine, many).seconds
        rows.append({"threads": threads, "batch": batch, "points": size, "seconds_per_frame": seconds})
    return rows


def told(result):
    """Print the columns of figures side by side."""
    columns = {name: value for name, value in result.items() if isinstance(value, dict)}
    print(pd.DataFrame(columns).round(2).to_string())
    for name, value in result.items():
        if isinstance(value, float):
            print(f"{name} {value:.3f}")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("poses", help="Parquet table with the columns subject and pose")
    parser.add_argument("--frames", type=int, default=200, help="clouds of each sensor")
    parser.add_argument(
        "--baseline-frames", type=int, default=200, help="how many of them the published routine fits"
    )
    parser.add_argument(
        "--run", help="folder of a finished run, results/demo, whose predictions start both routines"
    )
    parser.add_argument("--growth", action="store_true", help="also measure our time at other sizes")
    parser.add_argument("--sensors", nargs="*", default=list(SENSORS), choices=list(SENSORS))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_freed_memory()
    known = people.split(options.poses, options.seed)
    body = BodyModel.load(open_body_path("neutral"))
    surface = SurfaceElements.of(body, build_template(body).vertex_ids)
    everywhere = SurfaceElements.of(body, torch.arange(len(body.v_template)))
    ours = Engine(surface, known.prior, FitConfig(), known.starts)
    published = Engine(everywhere, known.prior, PUBLISHED)
    results = {}
    for name in options.sensors:
        frames = clouds.frames(SENSORS[name], known.held_out, options.frames, options.seed)
        truth = State.from_pose(*(torch.from_numpy(frames[i]) for i in (2, 3, 4)))
        free, told_truth = run(ours, frames, body=body), run(ours, frames, truth)
        result = results[name] = {"ours": figures(body, free, frames)}
        result["from_truth"] = figures(body, told_truth, frames)
        result["expected_calibration_error"] = calibration_error(ours, body, free.state, frames)
        result["preferred_percent"] = preferred(body, free, told_truth, frames)
        if options.baseline_frames:
            compared(result, body, ours, published, frames, options.baseline_frames)
        print(f"{name}, people left out, from nothing:")
        told(result)
    if options.run:
        frames, starts = from_run(options.run, body)
        prior = PosePrior.load(open_prior_path())
        result = results["predictions"] = {}
        engines = Engine(surface, prior, FitConfig()), Engine(everywhere, prior, PUBLISHED)
        compared(result, body, *engines, frames, len(frames.points), starts, starts)
        print(f"test frames of {options.run}, from its network's predictions:")
        told(result)
    if options.growth:
        few = clouds.Frames(*(part[:16] for part in frames))
        results["growth"] = growth(surface, known, few)
        print(pd.DataFrame(results["growth"]).to_string(index=False))
    print(json.dumps(results, default=float))


if __name__ == "__main__":
    main()
