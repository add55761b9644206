"""``sshmr report``: a run's page, or one that compares two runs."""

from pathlib import Path
from typing import Annotated

import typer


def report(
    run: Annotated[Path, typer.Argument(help="A run's folder, such as results/demo.")],
    other: Annotated[Path | None, typer.Argument(help="A second run to compare it with.")] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Page to write; default: RUN/report.html, or comparison.html here.",
        ),
    ] = None,
) -> None:
    """Write the report page of a run, or compare two runs on one page.

    Examples:

    sshmr report results/demo

    sshmr report results/demo results/other -o comparison.html
    """
    from sshmr.config.report import ReportConfig
    from sshmr.report.compare import write_comparison
    from sshmr.report.page import write_report
    from sshmr.tables.run_folder import RunFolder

    output = output or (Path("comparison.html") if other else run / "report.html")
    if other:
        write_comparison(run, other, output)
    else:
        write_report(RunFolder(run), ReportConfig(), output)
    typer.echo(f"→ {output} ({output.stat().st_size / 1e6:.1f} MB)")
