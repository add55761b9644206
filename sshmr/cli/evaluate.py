"""``sshmr evaluate``: the measures of a run."""

from pathlib import Path
from typing import Annotated

import typer

from sshmr.cli import options as o
from sshmr.cli.result import Result


def evaluate(
    run: Annotated[Path, typer.Argument(help="A run's folder, of sshmr fit, predict, or the workflow.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Table to write; default: measures.parquet in the run.")
    ] = None,
    config: o.ConfigFile = None,
    json: o.Json = False,
):
    """Measure every round of a run: distances to the clouds and, where there are labels, errors.

    A labels.parquet beside the clouds is read when they are (docs/formats.md).

    Examples:

    sshmr evaluate out

    sshmr evaluate results/demo
    """
    from sshmr.body.template import Template
    from sshmr.cli.settings import read_config, section
    from sshmr.config.evaluate import EvaluateConfig
    from sshmr.evaluation.rounds import evaluate_rounds
    from sshmr.evaluation.tables import printed, write_measures
    from sshmr.report.captions import MEANINGS
    from sshmr.tables.run_folder import RunFolder

    folder = RunFolder(run)
    folder.last_stage()
    settings = section(read_config(config), "evaluate", EvaluateConfig, config)
    template_ids = Template.load(folder.template).vertex_ids.numpy()
    evaluation = evaluate_rounds(folder, template_ids, settings)
    out = out or folder.root / "measures.parquet"
    write_measures(out, evaluation.rows, settings)
    rows = evaluation.rows.astype(object).where(evaluation.rows.notna(), None)
    data = {"table": str(out), "notes": evaluation.notes, "measures": rows.to_dict("records")}
    shown = [measure for measure in MEANINGS if (evaluation.rows["measure"] == measure).any()]
    lines = [printed(evaluation.rows), *(f"{name.replace('_', ' ')}: {MEANINGS[name]}" for name in shown)]
    lines += [*(f"Note: {note}" for note in evaluation.notes), f"→ {out}"]
    return Result(data, lines)
