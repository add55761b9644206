"""Training, inference and fit on a GPU: time, memory, and difference from the CPU, in one run.

    python benchmarks/gpu.py --presets small medium paper

A training step is a preset's batch of synthetic people, with its optimiser. It runs in single precision, in
TF32 (``torch.set_float32_matmul_precision``), with the encoder in bfloat16, with repeatable operations
(``sshmr.device.repeatable``, as in training), and, with --compile, compiled. Inference is
``sshmr.training.infer`` with one view and one pass. The fit starts without a prediction, on simulated LiDAR
clouds, in batches of several sizes. Times are medians after two warm-up calls. Memory is the peak of
PyTorch's allocator. --device cpu runs the same on the CPU. The last line is JSON.
"""

import argparse
import contextlib
import json
import time

import clouds
import numpy as np
import pandas as pd
import torch
from network import PRESETS, settings_of

from sshmr.body.model import BodyModel, open_body_path
from sshmr.body.prior import PosePrior, open_prior_path
from sshmr.body.template import build_template
from sshmr.config.fit import FitConfig
from sshmr.config.network import network_config
from sshmr.config.train import train_config
from sshmr.device import repeatable
from sshmr.fit.engine import Engine
from sshmr.fit.hypotheses import typical_poses
from sshmr.fit.surface import SurfaceElements
from sshmr.network.model import MeshRegressor
from sshmr.runtime import keep_freed_memory
from sshmr.training.objective import objective
from sshmr.training.synthetic import SyntheticPeople

WAYS = {
    "float32": {},
    "float32, repeatable": {"repeatable": True},
    "tf32": {"matmul": "high"},
    "bfloat16": {"precision": "bfloat16"},
    "bfloat16, repeatable": {"precision": "bfloat16", "repeatable": True},
    "float32, compiled": {"compiled": True},
}


class Known:
    """Body, template and prior, on the CPU."""

    def __init__(self):
        self.body = BodyModel.load(open_body_path("neutral"))
        self.template = build_template(self.body)
        self.prior = PosePrior.load(open_prior_path())


def measured(run, device, repeat):
    """Median seconds and peak GiB (None on a CPU) of a call."""
    times = []
    for number in range(repeat + 2):
        if number == 2 and device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        start = time.perf_counter()
        run()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    peak = torch.cuda.max_memory_allocated() / 2**30 if device.type == "cuda" else None
    return float(np.median(times[2:])), peak


def training_step(known, preset, way, device):
    """A call that runs one step, and the network."""
    settings = settings_of(preset)
    train = train_config(settings.get("train", {}))
    network_settings = settings.get("network", {}) | {"precision": way.get("precision", "float32")}
    torch.manual_seed(0)
    network = MeshRegressor(network_config(network_settings), known.template.vertices).to(device)
    if way.get("compiled"):
        network.encoder.compile(dynamic=True)
    optimiser = torch.optim.Adam(network.parameters(), lr=train.learning_rate, fused=True)
    people = SyntheticPeople(known.body, known.template, known.prior)
    width = train.points or 1024
    batch = people.draw(train.batch, width, torch.Generator().manual_seed(0)).to(device)
    posed = known.body.subset(known.template.vertex_ids).to(device=device)

    def step():
        optimiser.zero_grad()
        output = network(batch.points, batch.mask, matched_points=train.matched_points)
        total, _ = objective(output, batch, network, posed, train.weights, first_epoch=False)
        total.backward()
        optimiser.step()

    return step, network


def inference(network, points, mask, batch):
    """A call that predicts all clouds."""

    @torch.inference_mode()
    def infer():
        network.eval()
        descriptors = network.encode_template()
        for part, valid in zip(points.split(batch), mask.split(batch), strict=True):
            network(part, valid, descriptors)

    return infer


def fitted(known, frames, device, batch):
    """A call that fits all frames and returns the joints of the fits, (F, 24, 3) metres."""
    surface = SurfaceElements.of(known.body, known.template.vertex_ids)
    engine = Engine(surface.to(device), known.prior.to(device), FitConfig(batch=batch))
    points, mask = (torch.from_numpy(part).to(device) for part in (frames.points, frames.mask))

    @torch.no_grad()
    def fit():
        joints = []
        for part, valid in zip(points.split(batch), mask.split(batch), strict=True):
            state = engine.from_nothing(part, valid).state
            joints.append(engine.body(state.pose, state.betas, state.transl).joints)
        return torch.cat(joints).cpu().numpy()

    return fit


def network_rows(known, frames, options, device):
    """A dict for each preset and variant."""
    rows = []
    points, mask = (torch.from_numpy(part).to(device) for part in (frames.points, frames.mask))
    for preset in options.presets:
        for name, way in WAYS.items():
            if way.get("compiled") and not options.compile:
                continue
            torch.set_float32_matmul_precision(way.get("matmul", "highest"))
            step, network = training_step(known, preset, way, device)
            with repeatable(device) if way.get("repeatable") else contextlib.nullcontext():
                seconds, peak = measured(step, device, options.repeat)
            times, _ = measured(inference(network, points, mask, 64), device, options.repeat)
            row = {"preset": preset, "way": name, "step_seconds": seconds, "peak_gib": peak}
            rows.append(row | {"clouds_a_second": len(points) / times})
            print(rows[-1], flush=True)
    torch.set_float32_matmul_precision("highest")
    return rows


def fit_rows(known, frames, options, device):
    """A dict for each batch size: mean joint errors, and distances from the CPU's joints, in millimetres."""
    rows = []
    reference = fitted(known, frames, torch.device("cpu"), 8)() if device.type != "cpu" else None
    for batch in options.fit_batches:
        fit = fitted(known, frames, device, batch)
        joints = fit()
        seconds, peak = measured(fit, device, 1)
        error = 1e3 * np.linalg.norm(joints - frames.joints, axis=2).mean(1)
        row = {"batch": batch, "seconds_a_frame": seconds / len(joints), "peak_gib": peak}
        row |= {"mpjpe_mean": error.mean(), "mpjpe_median": np.median(error)}
        if reference is not None:
            apart = 1e3 * np.linalg.norm(joints - reference, axis=2).mean(1)
            cpu_error = 1e3 * np.linalg.norm(reference - frames.joints, axis=2).mean(1)
            row |= {"cpu_mpjpe_mean": cpu_error.mean(), "from_cpu_median": np.median(apart)}
            row |= {"from_cpu_over_20_percent": 100 * (apart > 20).mean()}
        rows.append(row)
        print(rows[-1], flush=True)
    return rows


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--presets", nargs="*", choices=PRESETS, default=list(PRESETS))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--frames", type=int, default=256, help="clouds for inference and the fit")
    parser.add_argument("--fit-batches", type=int, nargs="*", default=[8, 64, 256])
    parser.add_argument("--repeat", type=int, default=10)
    parser.add_argument("--compile", action="store_true")
    options = parser.parse_args()
    device = torch.device(options.device)
    keep_freed_memory()
    known = Known()
    poses = np.asarray(typical_poses(192))
    frames = clouds.frames(clouds.lidar, np.tile(poses, (2, 1)), options.frames, 0)
    card = torch.cuda.get_device_name() if device.type == "cuda" else "CPU"
    result = {"device": card, "torch": torch.__version__}
    result["network"] = network_rows(known, frames, options, device)
    result["fit"] = fit_rows(known, frames, options, device) if options.fit_batches else []
    for part in ("network", "fit"):
        print(f"\n{part}, {card}:\n{pd.DataFrame(result[part]).round(4).to_string(index=False)}")
    print(json.dumps(result, default=float))


if __name__ == "__main__":
    main()
