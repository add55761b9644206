r"""Read one shard of a source into the points table.

    python workflow_scripts/extract.py --source sloper4d --root results/demo/capture \
        --shard seq001_simulated_001 --split train --bodies results/demo/body \
        --output points.parquet --skipped skipped.parquet
"""

import torch

from _common import parser_of, run, settings_from
from sshmr.config.extract import ExtractConfig
from sshmr.sources.extract import READERS
from sshmr.stages import extract


def main():
    parser = parser_of(__doc__, "extract")
    parser.add_argument("--source", required=True, choices=READERS, help="whose reader to use")
    parser.add_argument("--root", required=True, help="the source's top folder")
    parser.add_argument("--shard", required=True, help="the sequence")
    parser.add_argument("--split", choices=("train", "test"), required=True)
    parser.add_argument("--bodies", help="folder with male.npz …, for the joints of the ground truth")
    parser.add_argument("--threads", type=int, default=1, help="how many images are read at once")
    parser.add_argument("--output", required=True, help="the points table (.parquet)")
    parser.add_argument("--skipped", required=True, help="the table of skipped frames (.parquet)")
    arguments = parser.parse_args()
    if arguments.threads < 1:
        parser.error("--threads must be 1 or more")
    torch.set_num_threads(1)
    print(
        extract(
            arguments.source,
            arguments.root,
            arguments.shard,
            arguments.split,
            arguments.bodies,
            settings_from(arguments, ExtractConfig, "extract"),
            arguments.output,
            arguments.skipped,
            arguments.threads,
        )
    )


if __name__ == "__main__":
    run(main)
