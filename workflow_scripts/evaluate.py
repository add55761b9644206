r"""Measure one round: its fits and, from round 1 on, its network, on every shard of every split.

    d=results/demo
    python workflow_scripts/evaluate.py --points $d/points/*/*.parquet --fits $d/round_1/fit/*/*.parquet \
        --predictions $d/round_1/infer/*/*.parquet --labels $d/round_1/labels/*/*.parquet --round 1 \
        --bodies $d/body --template $d/body/template.npz --output $d/round_1/measures.parquet

Tables of one shard find each other by split folder and file name. No other stage reads the sources' ground
truth.
"""

import argparse
import json
from pathlib import Path

from _common import run
from sshmr.body.template import Template
from sshmr.config.evaluate import EvaluateConfig
from sshmr.config.mapping import from_mapping
from sshmr.evaluation.rounds import evaluate_round
from sshmr.evaluation.tables import printed, write_measures


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--points", nargs="+", type=Path, required=True, help="points tables, one a shard")
    parser.add_argument("--fits", nargs="+", type=Path, required=True, help="params tables of the fits")
    parser.add_argument(
        "--predictions", nargs="*", type=Path, default=[], help="params tables of the network"
    )
    parser.add_argument(
        "--labels", nargs="*", type=Path, default=[], help="pseudo labels of the training shards"
    )
    parser.add_argument(
        "--bodies", type=Path, required=True, help="folder with {gender}.npz; neutral.npz is needed"
    )
    parser.add_argument("--template", type=Path, required=True)
    parser.add_argument("--round", type=int, required=True, help="0 is the bootstrap")
    parser.add_argument("--settings", default="{}", help="the config's section `evaluate` as JSON")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    settings = from_mapping(EvaluateConfig, json.loads(arguments.settings), "evaluate")
    evaluation = evaluate_round(
        arguments.points,
        arguments.fits,
        arguments.predictions,
        arguments.labels,
        arguments.bodies,
        Template.load(arguments.template).vertex_ids.numpy(),
        arguments.round,
        settings,
    )
    write_measures(arguments.output, evaluation.rows, settings)
    print(printed(evaluation.rows))
    for note in evaluation.notes:
        print(f"Note: {note}")


if __name__ == "__main__":
    run(main)
