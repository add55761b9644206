r"""Predict the body of every cloud of one shard.

    python workflow_scripts/infer.py --points points.parquet --checkpoint checkpoint.pt --body neutral.npz \
        --template template.npz --output infer.parquet
"""

import argparse
import json

from _common import add_torch_arguments, device_from, run
from sshmr.body.model import BodyModel
from sshmr.body.template import Template
from sshmr.config.infer import InferConfig
from sshmr.config.mapping import from_mapping
from sshmr.training.checkpoint import load_checkpoint, network_from
from sshmr.training.infer import infer_table


def main():
    arguments = parse()
    config = from_mapping(InferConfig, json.loads(arguments.settings), "infer")
    device = device_from(arguments)
    body = BodyModel.load(arguments.body)
    template = Template.load(arguments.template, body)
    checkpoint = load_checkpoint(arguments.checkpoint, template)
    network = network_from(checkpoint, template, arguments.checkpoint).to(device)
    infer_table(arguments.points, arguments.output, network, checkpoint, body.to(device=device), config)


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--points", required=True, help="points table of the shard")
    parser.add_argument("--checkpoint", required=True, help="the round's checkpoint (.pt)")
    parser.add_argument("--body", required=True, help="the neutral body (.npz in SMPL's layout)")
    parser.add_argument("--template", required=True, help="the template (.npz)")
    parser.add_argument("--settings", default="{}", help="the config's section `infer` as JSON")
    parser.add_argument("--output", required=True, help="the predictions (Parquet)")
    add_torch_arguments(parser)
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
