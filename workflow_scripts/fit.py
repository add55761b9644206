r"""Register the body to every cloud of one shard.

    python workflow_scripts/fit.py --points results/demo/points/train/NAME.parquet \
        --body results/demo/body/neutral.npz \
        --template results/demo/body/template.npz --prior results/demo/body/prior.npz --output fit.parquet
"""

import argparse
import json

from _common import add_torch_arguments, device_from, run
from sshmr.body.model import BodyModel
from sshmr.body.prior import PosePrior
from sshmr.body.template import Template
from sshmr.config.fit import FitConfig
from sshmr.config.mapping import from_mapping
from sshmr.fit.table import fit_table


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--points", required=True, help="the points table")
    parser.add_argument("--body", required=True, help="the body to fit (.npz)")
    parser.add_argument("--template", required=True, help="the template picked from that body (.npz)")
    parser.add_argument("--prior", required=True, help="the pose prior (.npz)")
    parser.add_argument("--initial", help="the network's predictions; without it, from nothing")
    parser.add_argument("--previous", help="the fits of the round before, tried as one more start")
    parser.add_argument("--settings", default="{}", help="the config's section `fit` as JSON")
    parser.add_argument("--output", required=True, help="the params table (.parquet)")
    add_torch_arguments(parser)
    arguments = parser.parse_args()
    device = device_from(arguments)
    config = from_mapping(FitConfig, json.loads(arguments.settings), "fit")
    body = BodyModel.load(arguments.body)
    fit_table(
        arguments.points,
        arguments.output,
        body,
        Template.load(arguments.template, body),
        PosePrior.load(arguments.prior),
        config,
        arguments.initial,
        arguments.previous,
        device,
    )


if __name__ == "__main__":
    run(main)
