r"""Read one sequence of a source into a shard of the points table.

    python workflow_scripts/extract.py --source sloper4d --root results/demo/capture \
        --shard seq001_simulated_001 --split train --bodies results/demo/body \
        --output points.parquet --skipped skipped.parquet
"""

import argparse
import functools
import json
from pathlib import Path

import torch

from _common import run
from sshmr.body.model import BodyModel
from sshmr.config.extract import ExtractConfig
from sshmr.config.mapping import from_mapping
from sshmr.sources.extract import READERS, extract


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--source", required=True, choices=READERS, help="whose reader to use")
    parser.add_argument("--root", type=Path, required=True, help="the source's top folder")
    parser.add_argument("--shard", required=True, help="the sequence")
    parser.add_argument("--split", choices=("train", "test"), required=True)
    parser.add_argument("--settings", default="{}", help="the config's section `extract` as JSON")
    parser.add_argument("--bodies", type=Path, help="folder with male.npz …, for the labels' joints")
    parser.add_argument("--threads", type=int, default=1, help="how many images are read at once")
    parser.add_argument("--output", required=True, help="the points table (.parquet)")
    parser.add_argument("--skipped", required=True, help="the table of skipped frames (.parquet)")
    arguments = parser.parse_args()
    if arguments.threads < 1:
        parser.error("--threads must be 1 or more")
    torch.set_num_threads(1)
    settings = from_mapping(ExtractConfig, json.loads(arguments.settings), "extract")

    @functools.cache
    def load_body(gender):
        path = arguments.bodies / f"{gender}.npz" if arguments.bodies else None
        return BodyModel.load(path) if path and path.is_file() else None

    print(
        extract(
            arguments.source,
            arguments.root,
            arguments.shard,
            arguments.split,
            settings,
            load_body,
            arguments.output,
            arguments.skipped,
            arguments.threads,
        )
    )


if __name__ == "__main__":
    run(main)
