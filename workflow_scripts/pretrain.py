r"""Train the shipped network on synthetic people.

    python workflow_scripts/pretrain.py --body neutral.npz --template template.npz --prior prior.npz \
        --settings '{"pretrain": {"motion": "poses.parquet"}}' --resume state --weights weights.safetensors \
        --card README.md --log log.jsonl

After an interruption, the same command continues.
"""

import argparse
import json
from pathlib import Path

from _common import add_torch_arguments, device_from, run
from sshmr.pretraining.stage import pretrain


def main():
    arguments = parse()
    settings = json.loads(arguments.settings)
    device_from(arguments)
    pretrain(
        arguments.body, arguments.template, arguments.prior, settings, arguments.seed, arguments.resume,
        arguments.weights, arguments.card, arguments.log,
    )  # fmt: skip


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--body", type=Path, required=True, help="the neutral body (.npz in SMPL's layout)")
    parser.add_argument("--template", type=Path, required=True, help="the template (.npz)")
    parser.add_argument("--prior", type=Path, required=True, help="the pose prior (.npz)")
    parser.add_argument(
        "--settings", default="{}", help="JSON: the config's sections network, pretrain and infer"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", type=Path, required=True, help="folder for what must survive a kill")
    parser.add_argument("--weights", type=Path, required=True, help="the network (.safetensors)")
    parser.add_argument("--card", type=Path, required=True, help="its model card (.md)")
    parser.add_argument("--log", type=Path, required=True, help="losses and errors of the steps (.jsonl)")
    add_torch_arguments(parser)
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
