"""Write a run's report: one page with measures, pictures, losses, timings and settings, and one picture.

python workflow_scripts/report.py --run results/demo
"""

from _common import parser_of, run, settings_from
from sshmr.config.report import ReportConfig
from sshmr.stages import report
from sshmr.tables.run_folder import RunFolder


def main():
    parser = parser_of(__doc__, "report")
    parser.add_argument("--run", required=True, help="the run's folder")
    arguments = parser.parse_args()
    folder = RunFolder(arguments.run)
    report(folder, settings_from(arguments, ReportConfig, "report"), folder.report, folder.strip)
    print(f"{folder.report}: {folder.report.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    run(main)
