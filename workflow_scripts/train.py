r"""Train the network on one round's pseudo labels, from the weights of the round before.

    python workflow_scripts/train.py --points a.parquet b.parquet --labels … --params … --body neutral.npz \
        --template template.npz --prior prior.npz --initial round_1/train/checkpoint.pt \
        --resume round_2/resume --checkpoint checkpoint.pt \
        --history history.parquet --settings-out settings.json

A killed run that is started again with the same inputs goes on after the last epoch it finished.
"""

import argparse
import json
from pathlib import Path

from _common import add_torch_arguments, device_from, run
from sshmr.errors import InputError


def main():
    arguments = parse()
    settings = json.loads(arguments.settings)
    unknown = set(settings) - {"network", "train"}
    if unknown:
        raise InputError("--settings", f'key "{min(unknown)}"', "unknown", "network and train")
    device = device_from(arguments)

    from sshmr.training.round import RoundInputs, train_round

    inputs = RoundInputs(
        points=arguments.points,
        labels=arguments.labels,
        params=arguments.params,
        body=arguments.body,
        template=arguments.template,
        prior=arguments.prior,
        initial=arguments.initial,
    )
    train_round(inputs, settings, arguments.seed, device, arguments.resume, arguments.checkpoint,
                arguments.history, arguments.settings_out)  # fmt: skip


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--points", nargs="+", required=True, help="points tables of the training split")
    parser.add_argument("--labels", nargs="+", required=True, help="label tables of the same shards")
    parser.add_argument("--params", nargs="+", required=True, help="fits of the same shards")
    parser.add_argument("--body", required=True, help="the neutral body (.npz in SMPL's layout)")
    parser.add_argument("--template", required=True, help="the template (.npz)")
    parser.add_argument("--prior", required=True, help="the pose prior (.npz or gmm_08.pkl)")
    parser.add_argument("--initial", help="checkpoint of the round before")
    parser.add_argument("--settings", default="{}", help='JSON: {"network": {…}, "train": {…}}')
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", type=Path, required=True, help="folder for what must survive a kill")
    parser.add_argument("--checkpoint", required=True, help="the trained network (.pt)")
    parser.add_argument("--history", required=True, help="losses of every epoch (Parquet)")
    parser.add_argument("--settings-out", required=True, help="the settings used (JSON)")
    add_torch_arguments(parser)
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
