r"""Read sequences of a source into one points table: those of a run's listing, or a single one.

    python workflow_scripts/extract.py --listing results/demo/sources/train/NAME.json --split train \
        --bodies results/demo/body --output points.parquet --skipped skipped.parquet
    python workflow_scripts/extract.py --source sloper4d --root path/to/SLOPER4D --sequence NAME \
        --split train --output points.parquet --skipped skipped.parquet
"""

from _common import parser_of, run, settings_from, use_one_thread
from sshmr.config.extract import ExtractConfig
from sshmr.config.source import SOURCES
from sshmr.sources.plan import Packed, Sequence, read_listing
from sshmr.stages import extract


def main():
    parser = parser_of(__doc__, "extract")
    parser.add_argument("--listing", help="what to read, as the workflow lists it (JSON)")
    parser.add_argument("--source", choices=SOURCES, help="without --listing: whose reader to use")
    parser.add_argument("--root", help="without --listing: the source's top folder")
    parser.add_argument("--sequence", help="without --listing: the sequence to read")
    parser.add_argument("--split", choices=("train", "test"), required=True)
    parser.add_argument("--bodies", help="folder with male.npz …, for the joints of the ground truth")
    parser.add_argument("--threads", type=int, default=1, help="how many images are read at once")
    parser.add_argument("--output", required=True, help="the points table (.parquet)")
    parser.add_argument("--skipped", required=True, help="the table of skipped frames (.parquet)")
    arguments = parser.parse_args()
    if arguments.threads < 1:
        parser.error("--threads must be 1 or more")
    if arguments.listing:
        packed = read_listing(arguments.listing)
    elif arguments.source and arguments.root and arguments.sequence:
        packed = Packed(arguments.source, [Sequence(arguments.sequence, arguments.root)])
    else:
        parser.error("give --listing, or --source, --root and --sequence")
    settings = settings_from(arguments, ExtractConfig, "extract")
    use_one_thread()
    print(
        extract(
            packed.kind,
            packed.sequences,
            arguments.split,
            arguments.bodies,
            settings,
            arguments.output,
            arguments.skipped,
            arguments.threads,
        )
    )


if __name__ == "__main__":
    run(main)
