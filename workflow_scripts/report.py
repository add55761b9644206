r"""Write a run's report: one page with measures, pictures, losses, timings and settings, and one picture.

    d=results/demo
    python workflow_scripts/report.py --results $d --points $d/points/*/*.parquet --rounds 3 \
        --output $d/report.html --strip $d/strip.png

Measures are read from RESULTS/measures.parquet, bodies from RESULTS/body, and each round's tables, training
history and timings from where the workflow puts them under RESULTS.
"""

import argparse
import json
from pathlib import Path

from _common import run
from sshmr.config.mapping import from_mapping
from sshmr.config.report import ReportConfig
from sshmr.evaluation.rounds import points_tables
from sshmr.report.page import write_report, write_strip


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--results", type=Path, required=True, help="the run's folder")
    parser.add_argument("--points", nargs="+", type=Path, required=True, help="points tables, one a shard")
    parser.add_argument("--rounds", type=int, required=True, help="the last round; 0 is the bootstrap alone")
    parser.add_argument(
        "--config", default="{}", help="the run's whole configuration as JSON, shown on the page"
    )
    parser.add_argument("--settings", default="{}", help="the config's section `report` as JSON")
    parser.add_argument("--output", type=Path, required=True, help="the page")
    parser.add_argument(
        "--strip", type=Path, required=True, help="a typical frame: cloud, bootstrap, last round (.png)"
    )
    arguments = parser.parse_args()
    settings = from_mapping(ReportConfig, json.loads(arguments.settings), "report")
    points = points_tables(arguments.points)
    write_strip(arguments.results, points, arguments.rounds, settings.split, arguments.strip)
    write_report(
        arguments.results,
        points,
        arguments.rounds,
        json.loads(arguments.config),
        settings,
        arguments.output,
    )
    print(f"{arguments.output}: {arguments.output.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    run(main)
