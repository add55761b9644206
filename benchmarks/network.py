"""Training step and inference of the network compared with a plain implementation, in one run.

    python benchmarks/network.py --preset small

The plain implementation has attention that stores its scores, a convolution with one gather and scatter per
kernel offset, and a template that is encoded with every batch. Both have the same architecture and weights.
With the same points they must give the same result. If the preset uses only some of a cloud's points, the
plain implementation is also timed with all points; docs/method.md has the accuracy of both. Inference
includes all views and passes of a preset. Clouds are simulated. The program also prints the share of the time
per kind of operation. The last line is JSON.
"""

import argparse
import json
import time
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import patch

import clouds
import numpy as np
import pandas as pd
import torch
import yaml

from sshmr.body.model import BodyModel, open_body_path
from sshmr.body.prior import PosePrior, open_prior_path
from sshmr.body.template import build_template
from sshmr.config.infer import InferConfig
from sshmr.config.mapping import from_mapping
from sshmr.config.network import network_config
from sshmr.config.train import train_config
from sshmr.fit.hypotheses import typical_poses
from sshmr.network import encoder
from sshmr.network.model import MeshRegressor
from sshmr.network.sparse_conv import SubmanifoldConv
from sshmr.runtime import keep_freed_memory
from sshmr.training.batch import choose_points
from sshmr.training.infer import predict_views
from sshmr.training.objective import objective
from sshmr.training.synthetic import SyntheticPeople

ROOT = Path(__file__).resolve().parents[1]
PRESETS = {"small": None, "medium": "config/medium.yaml", "paper": "config/paper.yaml"}


def settings_of(preset):
    """The sections of a preset's settings."""
    return yaml.safe_load((ROOT / (PRESETS[preset] or "config.yaml")).read_text())


def written_out_attention(mixed, patches, heads):
    """``attend`` with its scores in memory."""
    groups, size = patches.shape
    rows = torch.cat([mixed, mixed.new_zeros(1, mixed.shape[1])])
    query, key, value = rows[patches.source].view(groups, size, 3, heads, -1).permute(2, 0, 3, 1, 4)
    scores = query @ key.transpose(-2, -1) * query.shape[-1] ** -0.5
    if patches.valid is not None:
        scores = scores.masked_fill(~patches.valid[:, None, None, :], -torch.inf)
    attended = scores.softmax(-1) @ value
    return attended.transpose(1, 2).reshape(groups * size, -1)[patches.back]


def offset_by_offset(self, features, neighbours):
    """``SubmanifoldConv.forward`` with one gather and scatter per kernel offset."""
    weight = self.weight.view(27, features.shape[1], -1)
    result = features @ weight[13] + self.bias
    ends = (rows.split(neighbours.counts) for rows in neighbours.ends.view(2, -1))
    for offset, (first, second) in enumerate(zip(*ends, strict=True)):
        result = result.index_add(0, second, features[first] @ weight[offset])
        result = result.index_add(0, first, features[second] @ weight[26 - offset])
    return result


def plain():
    """Context in which networks use the plain implementation."""
    stack = ExitStack()
    stack.enter_context(patch.object(encoder, "attend", written_out_attention))
    stack.enter_context(patch.object(SubmanifoldConv, "forward", offset_by_offset))
    return stack


def in_turn(runs, repeat):
    """The shortest time of each call. The calls take turns, so that other load affects all of them alike."""
    times = {name: [] for name in runs}
    for _ in range(repeat + 1):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    return {name: min(measured[1:]) for name, measured in times.items()}


def plainly(run):
    """The same call with the plain implementation."""

    def call():
        with plain():
            return run()

    return call


def shares(run, most=6):
    """Percent of the time per kind of operation."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        run()
    spent = {event.key: event.self_cpu_time_total for event in profile.key_averages()}
    total = sum(spent.values())
    ordered = sorted(spent.items(), key=lambda item: -item[1])[:most]
    return {name.removeprefix("aten::"): round(100 * value / total, 1) for name, value in ordered}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--preset", choices=PRESETS, default="small")
    parser.add_argument("--clouds", type=int, default=48, help="clouds for inference, at most 48")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    keep_freed_memory()
    settings = settings_of(options.preset)
    network_settings = network_config(settings.get("network", {}))
    train = train_config(settings.get("train", {}))
    config = from_mapping(InferConfig, settings.get("infer", {}), "infer")
    body = BodyModel.load(open_body_path("neutral"))
    template = build_template(body)
    network = MeshRegressor(network_settings, template.vertices)
    people = SyntheticPeople(body, template, PosePrior.load(open_prior_path()))
    whole = people.draw(train.batch, 1024, torch.Generator().manual_seed(0))
    some = choose_points(whole, train.points or 1024, torch.Generator().manual_seed(0))
    posed = body.subset(template.vertex_ids)

    def step(batch, matched_points):
        output = network(batch.points, batch.mask, matched_points=matched_points)
        total, _ = objective(output, batch, network, posed, train.weights, first_epoch=False)
        network.zero_grad()
        total.backward()
        return total.detach()

    frames = clouds.frames(clouds.lidar, np.asarray(typical_poses(48)), options.clouds, 0)
    parts = [torch.from_numpy(values).split(config.batch) for values in (frames.points, frames.mask)]

    @torch.inference_mode()
    def infer(config, template_each_time):
        known = None if template_each_time else network.encode_template()
        seen = (predict_views(network, *part, known, config)[0].rotmats for part in zip(*parts, strict=True))
        return torch.cat(list(seen))

    everything = config.replace(points=0, matched_points=0)
    ways = {
        "step": {
            "ours": lambda: step(some, train.matched_points),
            "plain": plainly(lambda: step(some, train.matched_points)),
            "plain_all_points": plainly(lambda: step(whole, 0)),
        },
        "inference": {
            "ours": lambda: infer(config, False),
            "plain": plainly(lambda: infer(config, True)),
            "plain_all_points": plainly(lambda: infer(everything, True)),
        },
    }
    result = {"preset": options.preset, "threads": options.threads, "clouds": options.clouds}
    result["parameters"] = sum(part.numel() for part in network.parameters())
    for part, runs in ways.items():
        network.train(part == "step")
        torch.manual_seed(0)
        expected = runs["ours"]()
        torch.manual_seed(0)
        torch.testing.assert_close(runs["plain"](), expected, atol=1e-3, rtol=1e-3)
        least = in_turn(runs, options.repeat)
        result[part] = {f"{way}_seconds": least[way] for way in runs}
        result[part] |= {f"{way}_percent": shares(run) for way, run in runs.items()}
    for part, runs in ways.items():
        measured = result[part]
        for way in list(runs)[1:]:
            measured[f"ratio_to_{way}"] = measured[f"{way}_seconds"] / measured["ours_seconds"]
            print(f"{part}: {measured['ours_seconds']:.3f} s, {way} {measured[f'{way}_seconds']:.3f} s,"
                  f" ratio {measured[f'ratio_to_{way}']:.2f}")  # fmt: skip
        print(pd.DataFrame({way: measured[f"{way}_percent"] for way in runs}).to_string(na_rep=""), "\n")
    print(json.dumps(result, default=float))


if __name__ == "__main__":
    main()
