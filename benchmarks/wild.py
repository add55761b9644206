"""How well people are found and fitted in recordings as they come: poses, parts, sizes, clothes.

    python benchmarks/wild.py POSES.parquet --frames 24 --scene-frames 40

POSES.parquet is the motion table that the shipped network was trained with; clouds are of the subjects that
pretraining, pose prior and start poses left out. Everything but the poses is simulated
(benchmarks/wild_clouds.py, benchmarks/scenes.py). Fits start as those of ``sshmr fit`` do: from the shipped
network, and from typical poses in doubt. Errors count the joints that a cloud shows; height and girths at
waist and chest are compared with the true body's. The last line is JSON.
"""

import argparse
import functools
import json

import numpy as np
import pandas as pd
import people
import scenes
import torch
import wild_clouds
from starts import predicted

from sshmr.body.model import BodyModel, open_body_path
from sshmr.body.prior import PosePrior, open_prior_path
from sshmr.body.template import build_template
from sshmr.config.fit import FitConfig
from sshmr.config.infer import InferConfig
from sshmr.fit.engine import Engine
from sshmr.fit.search import found_from_nothing
from sshmr.fit.surface import SurfaceElements
from sshmr.network.pretrained import pretrained_path
from sshmr.report.frame_errors import GOOD, calibration
from sshmr.runtime import keep_freed_memory
from sshmr.training.checkpoint import load_checkpoint, network_from

MILLIMETRES = 1e3
LOST = 0.15
"""Metres; a joint that is there and found no nearer than this is missed."""


class Fitter:
    """Fits clouds as ``sshmr fit`` does, with a prior and start poses that know no held-out people."""

    def __init__(self, known: people.People, config: FitConfig):
        self.body = BodyModel.load(open_body_path("neutral"))
        template = build_template(self.body)
        path = pretrained_path()
        self.network = network_from(load_checkpoint(path, template), template, path)
        surface = SurfaceElements.of(self.body, template.vertex_ids)
        self.engine = Engine(surface, known.prior, config, known.starts)

    @torch.no_grad()
    def __call__(self, frames):
        """``Found`` of all frames, in batches."""
        starts = predicted(self.network, self.body, frames, InferConfig())
        points, mask = torch.from_numpy(frames.points), torch.from_numpy(frames.mask)
        step = self.engine.config.clouds_at_once("cpu")
        for first in range(0, len(points), step):
            rows = slice(first, first + step)
            yield found_from_nothing(self.engine, self.body, points[rows], mask[rows], starts.rows(rows))


def measured(fitter: Fitter, wild: wild_clouds.Wild) -> pd.DataFrame:
    """A row a cloud: error of the joints that are there and whether one was missed, metres; confidence;
    far_share; errors of height and girths, metres."""
    rows = []
    for found in fitter(wild.frames):
        state = found.fitted.state
        joints = fitter.body(state.pose, state.betas, state.transl).joints.numpy()
        here = slice(len(rows), len(rows) + len(joints))
        error = np.linalg.norm(joints - wild.frames.joints[here], axis=2)
        shape = wild_clouds.shape_of(fitter.body, state.betas) - wild.shape[here]
        for row, (apart, seen) in enumerate(zip(error, wild.seen[here], strict=True)):
            rows.append(
                {
                    "mpjpe": apart[seen].mean(),
                    "missed": (apart[seen] > LOST).mean(),
                    "confidence": float(found.confidence[row]),
                    "far_share": float(found.far_share[row]),
                    **dict(zip(("height", "waist", "chest"), shape[row], strict=True)),
                }
            )
    return pd.DataFrame(rows)


def summary(table: pd.DataFrame) -> dict:
    """The figures of a group, millimetres and percent."""
    error = table["mpjpe"]
    result = {
        "clouds": len(table),
        "mpjpe_mm": MILLIMETRES * error.mean(),
        "mpjpe_median_mm": MILLIMETRES * error.median(),
        "within_100_mm_percent": 100 * (error < GOOD).mean(),
        "missed_joints_percent": 100 * table["missed"].mean(),
        "far_points_percent": 100 * table["far_share"].mean(),
        "confidence_mean": table["confidence"].mean(),
        "calibration_error": calibration(table["confidence"].to_numpy(), error.to_numpy())[1],
    }
    for name in ("height", "waist", "chest"):
        result[f"{name}_bias_mm"] = MILLIMETRES * table[name].mean()
        result[f"{name}_error_mm"] = MILLIMETRES * table[name].abs().mean()
    return {name: round(float(value), 3) for name, value in result.items()}


def found_people(frames: int) -> dict:
    """Recall, precision and identity switches in one short simulated scene of a LiDAR and a depth camera."""
    load_body = functools.lru_cache(lambda gender: BodyModel.load(open_body_path(gender)))
    prior = PosePrior.load(open_prior_path())
    return {
        sensor: scenes.measure(sensor, frames, 0, load_body, prior, True) for sensor in ("lidar64", "depth")
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("poses", help="Parquet table with the columns subject and pose")
    parser.add_argument("--frames", type=int, default=24, help="clouds of each kind")
    parser.add_argument("--groups", nargs="+", choices=list(wild_clouds.GROUPS), default=[])
    parser.add_argument("--scene-frames", type=int, default=40, help="of each scene; 0 leaves scenes out")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="of the section fit")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    settings = {key: json.loads(value) for key, value in (item.split("=", 1) for item in options.set)}
    known = people.split(options.poses)
    fitter, poses = Fitter(known, FitConfig.model_validate(settings)), known.held_out
    results: dict = {}
    for group in options.groups or wild_clouds.GROUPS:
        parts = {
            name: measured(fitter, wild_clouds.draw(kind, poses, options.frames, options.seed))
            for name, kind in wild_clouds.GROUPS[group].items()
        }
        results[group] = {name: summary(part) for name, part in parts.items()}
        print(pd.DataFrame(results[group]).T.to_string(), "\n", flush=True)
    if options.scene_frames:
        results["scenes"] = found_people(options.scene_frames)
    print(json.dumps({"simulated": True, **results}))


if __name__ == "__main__":
    main()
