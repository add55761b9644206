r"""Put the measures of all rounds into one table and print it.

    python workflow_scripts/measures.py --inputs results/demo/round_*/measures.parquet \
        --output results/demo/measures.parquet
"""

import argparse
from pathlib import Path

from _common import run
from sshmr.evaluation.tables import combine, printed, write_measures


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--inputs", nargs="+", type=Path, required=True, help="measures of each round")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    rows = combine(arguments.inputs)
    write_measures(arguments.output, rows)
    print(printed(rows))


if __name__ == "__main__":
    run(main)
