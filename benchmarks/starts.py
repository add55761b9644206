"""Fits that start from the shipped network, on simulated clouds of real poses that it was not trained on.

    python benchmarks/starts.py POSES.parquet --frames 160

POSES.parquet is the motion table that the network was trained with: the clouds are of the same subjects that
pretraining leaves out. Compared are the network's predictions, the fits from typical poses (search), from the
prediction and its mirrored start (network), the one of lower energy (both), and a search for only those
clouds whose fit from the prediction has a confidence below a limit (doubtful). The fits of
known_sensor are those of network that know where the sensor was. Times are of one CPU core and count
prediction. The last line is JSON.
"""

import argparse
import json
import time

import clouds
import numpy as np
import pandas as pd
import people
import torch
from fit import SENSORS, Run, errors, posed_by, run, sureness

from sshmr.body.model import BodyModel, open_body_path
from sshmr.body.template import build_template
from sshmr.config.fit import FitConfig
from sshmr.config.infer import InferConfig
from sshmr.fit.engine import Engine
from sshmr.fit.linearise import State
from sshmr.fit.search import found_from_nothing
from sshmr.fit.surface import SurfaceElements
from sshmr.geometry.rotations import rotmat_to_rotvec
from sshmr.network.pretrained import pretrained_path
from sshmr.runtime import keep_freed_memory
from sshmr.training.checkpoint import load_checkpoint, network_from
from sshmr.training.infer import predict_views

LIMITS = (0.5, 0.7, 0.8, 0.9)


@torch.inference_mode()
def predicted(network, body, frames, config):
    """States of the network's predictions."""
    descriptors, parts = network.encode_template(), []
    points, mask = torch.from_numpy(frames.points), torch.from_numpy(frames.mask)
    for first in range(0, len(points), config.batch):
        rows = slice(first, first + config.batch)
        prediction, _ = predict_views(network, points[rows], mask[rows], descriptors, config)
        pose = rotmat_to_rotvec(prediction.rotmats).flatten(1)
        parts.append(State.from_pose(pose, prediction.betas, prediction.transl(body)))
    return State(*(torch.cat(part).clone() for part in zip(*parts, strict=True)))


@torch.no_grad()
def run_search(engine, body, frames):
    """All frames from nothing, as ``fit.run`` does, people in doubt from every posture."""
    points, mask = torch.from_numpy(frames.points), torch.from_numpy(frames.mask)
    parts, step = [], engine.config.clouds_at_once("cpu")
    for first in range(0, len(points), step):
        rows = slice(first, first + step)
        parts.append(found_from_nothing(engine, body, points[rows], mask[rows]).fitted)
    state = State(*(torch.cat(part) for part in zip(*(one.state for one in parts), strict=True)))
    return Run(state, torch.cat([one.energy["energy"] for one in parts]), 0.0)


def timed(call, *arguments):
    """What a call returns, and its seconds of CPU a frame."""
    start = time.process_time()
    result = call(*arguments)
    frames = next(one for one in arguments if isinstance(one, clouds.Frames))
    return result, (time.process_time() - start) / len(frames.points)


def summary(error, seconds):
    return {
        "mpjpe_mean": error.mean(),
        "mpjpe_median": np.median(error),
        "over_150_percent": 100 * (error > 150).mean(),
        "seconds_per_frame": seconds,
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("poses", help="Parquet table with the columns subject and pose")
    parser.add_argument("--weights", default=pretrained_path(), help="a network; the shipped one")
    parser.add_argument("--frames", type=int, default=160, help="clouds of each sensor")
    parser.add_argument("--sensors", nargs="*", default=list(SENSORS), choices=list(SENSORS))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    known = people.split(options.poses)
    body = BodyModel.load(open_body_path("neutral"))
    template = build_template(body)
    network = network_from(load_checkpoint(options.weights, template), template, options.weights)
    engine = Engine(SurfaceElements.of(body, template.vertex_ids), known.prior, FitConfig(), known.starts)
    results = {}
    for name in options.sensors:
        frames = clouds.frames(SENSORS[name], known.held_out, options.frames, options.seed)
        state, seconds = timed(predicted, network, body, frames, InferConfig())
        result = results[name] = {}
        result["prediction"] = summary(errors(posed_by(body, state)[0], frames), seconds)
        searched, slow = timed(run_search, engine, body, frames)
        refined, quick = timed(run, engine, frames, state)
        told = run(engine, frames, state, known=True)
        error = {
            "search": errors(posed_by(body, searched.state)[0], frames),
            "network": errors(posed_by(body, refined.state)[0], frames),
        }
        result["search"] = summary(error["search"], slow)
        quick += seconds
        result["network"] = summary(error["network"], quick)
        result["known_sensor"] = summary(errors(posed_by(body, told.state)[0], frames), quick)
        lower = (refined.energy < searched.energy).numpy()
        best = np.where(lower, error["network"], error["search"])
        result["both"] = summary(best, quick + slow)
        sure, _ = sureness(engine, body, refined.state, frames)
        for limit in LIMITS:
            doubtful = sure < limit
            mixed = np.where(doubtful, best, error["network"])
            result[f"doubtful_{limit}"] = summary(mixed, quick + slow * doubtful.mean())
        for row in result.values():
            row["time_ratio"] = row["seconds_per_frame"] / result["search"]["seconds_per_frame"]
        print(f"{name}, {options.frames} clouds of people left out:")
        print(pd.DataFrame(result).T.round(2).to_string(), "\n")
    print(json.dumps(results, default=float))


if __name__ == "__main__":
    main()
