"""Take the means of the measures of all frames and rounds of a run, and print them.

python workflow_scripts/measures.py --run results/demo
"""

from _common import parser_of, run, settings_from
from sshmr.config.evaluate import EvaluateConfig
from sshmr.evaluation.tables import printed
from sshmr.stages import merge_measures
from sshmr.tables.run_folder import RunFolder


def main():
    parser = parser_of(__doc__, "evaluate")
    parser.add_argument("--run", required=True, help="the run's folder")
    arguments = parser.parse_args()
    settings = settings_from(arguments, EvaluateConfig, "evaluate")
    evaluation = merge_measures(RunFolder(arguments.run), settings)
    print(printed(evaluation.rows))
    for note in evaluation.notes:
        print(f"Note: {note}")


if __name__ == "__main__":
    run(main)
