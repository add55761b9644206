"""Ablation: the network and its training without each part, on the same pseudo labels, in one run.

    snakemake --cores all --config dataset=cmu0 'capture={motion: POSES.parquet}' rounds=1 seed=0
    python benchmarks/ablation.py results/cmu0 results/cmu1 results/cmu2

Each RUN is the folder of a finished run with its own seed. Its round 0 has the pseudo labels, and its test
sequences have the truth. The complete network and each variant are trained for one round. The program prints
the network's own MPJPE on the test frames in millimetres, with mean and standard deviation over the runs, and
the difference from the complete network on the same pseudo labels. The last line is JSON.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import yaml

from sshmr.body.model import BodyModel
from sshmr.body.prior import PosePrior
from sshmr.body.template import Template
from sshmr.config.infer import InferConfig
from sshmr.config.network import network_config
from sshmr.config.train import TrainConfig, train_config
from sshmr.evaluation.frames import Bodies, has_truth, pose_rows, true_bodies
from sshmr.evaluation.measures import mpjpe
from sshmr.network.model import MeshRegressor
from sshmr.runtime import keep_freed_memory
from sshmr.tables.run_folder import RunFolder
from sshmr.tables.schemas import read_points
from sshmr.training.dataloader import StepLoader
from sshmr.training.dataset import Clouds
from sshmr.training.distributed import Processes
from sshmr.training.infer import infer
from sshmr.training.loop import Trainer
from sshmr.training.synthetic import SyntheticPeople

PAPER = yaml.safe_load((Path(__file__).resolve().parents[1] / "config" / "paper.yaml").read_text())

VARIANTS = {
    "whole": {},
    "pseudo labels and fits without confidence weights": {"trust": False},
    "each pseudo label on one vertex only": {"train": {"label_spread": 0.0}},
    "β₀ only": {"network": {"betas": 1}},
    "no synthetic people": {"train": {"synthetic": 0.0, "batch": 12}},
    "no augmentation": {"train": {"augment": False}},
    "one view and one pass": {"infer": {"rotations": 1, "mirrored": False, "passes": 1, "tilted": False}},
    "all points in training": {"train": {"points": 0, "matched_points": 0}},
    "all points in inference": {"infer": {"points": 0, "matched_points": 0}},
    "encoder in half precision": {"network": {"precision": "bfloat16"}},
    "the published head": {"network": {"mixing": "linear"}},
    "the published losses": {"train": {"weights": PAPER["train"]["weights"]}},
}
TRAINING = ("network", "train", "trust")


class RoundZero:
    """A finished run's clouds, pseudo labels and truth."""

    def __init__(self, folder, number):
        self.seed = number
        run = RunFolder(folder)
        tables = {
            split: [run.points_of(*shard) for shard in run.shards() if shard.split == split]
            for split in ("train", "test")
        }
        self.bodies = Bodies(folder / "body")
        self.body = BodyModel.load(folder / "body" / "neutral.npz")
        self.template = Template.load(folder / "body" / "template.npz", self.body)
        self.prior = PosePrior.load(folder / "body" / "prior.npz")
        labels, fits = (sorted((folder / "round_0" / kind / "train").glob("*.parquet"))
                        for kind in ("pseudo_labels", "fit"))  # fmt: skip
        self.clouds = Clouds.load(tables["train"], labels, fits, self.body, len(self.template.vertices))
        self.test = [read_points(path, truth=True) for path in tables["test"]]

    def trained(self, settings, trust=True):
        """A network trained on the pseudo labels, with the weights of its best epoch."""
        network_settings = network_config(settings.get("network", {}))
        train_settings = train_config(settings.get("train", {}))
        batch = self.clouds.batch
        if not trust:
            batch = batch._replace(weight=(batch.segment >= 0).float(), trust=torch.ones_like(batch.trust))
        clouds = Clouds(batch, self.clouds.frame_ids)
        torch.manual_seed(self.seed)
        network = MeshRegressor(network_settings, self.template.vertices)
        people = SyntheticPeople(self.body, self.template, self.prior)
        loader = StepLoader([clouds], people, self.template.mirror, train_settings, self.seed, Processes())
        trainer = Trainer(network, loader, self.body, self.template, train_settings, False, Processes())
        network.load_state_dict(trainer.run().best)
        return network.eval()

    def error(self, network, config):
        """MPJPE over all test frames with truth, millimetres."""
        errors = []
        for points in self.test:
            known = np.flatnonzero(has_truth(points))
            predicted = infer(network, points, self.body, config)
            truth = true_bodies(points, known, self.bodies).joints
            errors.append(mpjpe(pose_rows(self.body, predicted, known).joints.numpy(), truth))
        return 1e3 * float(np.mean(np.concatenate(errors)))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--epochs", type=int, default=TrainConfig().epochs)
    parser.add_argument(
        "--rows",
        nargs="+",
        default=list(VARIANTS),
        choices=list(VARIANTS),
        help="variants; the complete network is always included",
    )
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_freed_memory()
    rows = {}
    for number, folder in enumerate(options.runs):
        data = RoundZero(folder, number)
        known = {}
        for name in dict.fromkeys(["whole", *options.rows]):
            changes = VARIANTS[name]
            settings = {**changes, "train": {"epochs": options.epochs, **changes.get("train", {})}}
            key = json.dumps({part: settings.get(part) for part in TRAINING}, sort_keys=True)
            if key not in known:
                known[key] = data.trained(settings, changes.get("trust", True))
            error = data.error(known[key], InferConfig(**changes.get("infer", {})))
            rows.setdefault(name, []).append(error)
            print(f"{folder}: {name}: {error:.1f} mm", flush=True)
    table = pd.DataFrame(rows, index=list(map(str, options.runs))).T
    worse = table - table.loc["whole"]
    told = pd.DataFrame(
        {
            "mean": table.mean(axis=1),
            "sd": table.std(axis=1),
            "worse by": worse.mean(axis=1),
            "± sd": worse.std(axis=1),
        }
    )
    print(told.round(1).to_string())
    print(
        json.dumps({"epochs": options.epochs, "mpjpe_mm": rows, "runs": [str(run) for run in options.runs]})
    )


if __name__ == "__main__":
    main()
