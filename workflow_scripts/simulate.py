r"""Simulate a sequence of a moving person in front of a sensor, in the layout of a real data set.

    python workflow_scripts/simulate.py --bodies results/demo/body --prior results/demo/body/prior.npz \
        --sequence seq001_simulated_001 \
        --output results/demo/capture/seq001_simulated_001/seq001_simulated_001_labels.pkl

In layouts other than SLOPER4D's, the output is the manifest.json in the folder to be filled.
"""

import torch

from _common import parser_of, run, settings_from
from sshmr.config.capture import CaptureConfig
from sshmr.stages import simulate


def main():
    parser = parser_of(__doc__, "capture")
    parser.add_argument("--bodies", required=True, help="folder with male.npz, female.npz, neutral.npz")
    parser.add_argument("--prior", required=True, help="the pose prior (.npz)")
    parser.add_argument("--seed", type=int, default=0, help="one seed for all sequences of a run")
    parser.add_argument("--sequence", required=True, help="the sequence's name")
    parser.add_argument("--output", required=True, help="a pickle or a manifest")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    settings = settings_from(arguments, CaptureConfig, "capture")
    print(
        simulate(
            arguments.sequence,
            arguments.bodies,
            arguments.prior,
            settings,
            arguments.seed,
            arguments.output,
        )
    )


if __name__ == "__main__":
    run(main)
