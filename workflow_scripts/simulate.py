r"""Simulate sequences of moving people before a sensor, in the layouts of real data sets.

    python workflow_scripts/simulate.py --bodies results/demo/body --prior results/demo/body/prior.npz \
        --sequence seq001_simulated_001 \
        --output results/demo/capture/seq001_simulated_001/seq001_simulated_001_labels.pkl

Several sequences can be given, with as many outputs. In layouts other than SLOPER4D's, the output is the
manifest.json in the folder to be filled.
"""

import argparse
import functools
import json
from pathlib import Path

import torch

from _common import run
from sshmr.body.model import BodyModel
from sshmr.body.prior import PosePrior
from sshmr.capture.simulate import simulate_sequence
from sshmr.config.capture import CaptureConfig
from sshmr.config.mapping import from_mapping


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--bodies", type=Path, required=True, help="folder with male.npz, female.npz, neutral.npz"
    )
    parser.add_argument("--prior", required=True, help="the pose prior (.npz)")
    parser.add_argument("--settings", default="{}", help="the config's section `capture` as JSON")
    parser.add_argument("--seed", type=int, default=0, help="one seed for all sequences of a run")
    parser.add_argument("--sequence", nargs="+", required=True, help="names of sequences")
    parser.add_argument("--output", nargs="+", required=True, help="a pickle or a manifest for each")
    arguments = parser.parse_args()
    if len(arguments.sequence) != len(arguments.output):
        parser.error("--sequence and --output need the same number of values")
    torch.set_num_threads(1)
    settings = from_mapping(CaptureConfig, json.loads(arguments.settings), "capture")
    prior = PosePrior.load(arguments.prior)

    @functools.cache
    def load_body(gender):
        return BodyModel.load(arguments.bodies / f"{gender}.npz")

    for name, output in zip(arguments.sequence, arguments.output, strict=True):
        print(simulate_sequence(name, settings, load_body, prior, arguments.seed, output))


if __name__ == "__main__":
    run(main)
