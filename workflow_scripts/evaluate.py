"""Measure every frame of some of a run's shards in one round: its fits and, from round 1 on, its network.

    python workflow_scripts/evaluate.py --run results/demo --round 1 --part part_0000

Only this stage and the report use the truth.
"""

from _common import parser_of, run, settings_from
from sshmr.config.evaluate import EvaluateConfig
from sshmr.errors import InputError
from sshmr.stages import evaluate
from sshmr.tables.run_folder import RunFolder


def main():
    parser = parser_of(__doc__, "evaluate")
    parser.add_argument("--run", required=True, help="the run's folder")
    parser.add_argument("--round", type=int, required=True, help="0 is the bootstrap")
    parser.add_argument("--part", required=True, help="which group of shards: part_0000, part_0001 …")
    arguments = parser.parse_args()
    folder = RunFolder(arguments.run)
    parts = folder.parts()
    if arguments.part not in parts:
        raise InputError("--part", found=f'"{arguments.part}"', expected=f"one of {', '.join(parts)}")
    output = folder.frame_measures(arguments.round, arguments.part)
    settings = settings_from(arguments, EvaluateConfig, "evaluate")
    for note in evaluate(folder, arguments.round, parts[arguments.part], settings, output):
        print(f"Note: {note}")


if __name__ == "__main__":
    run(main)
