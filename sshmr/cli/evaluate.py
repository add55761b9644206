"""``sshmr evaluate``: the measures of a run."""

from pathlib import Path
from typing import Annotated

import typer

from sshmr.cli import options as o
from sshmr.cli.result import Result


def evaluate(
    run: Annotated[Path, typer.Argument(help="A run's folder, of sshmr fit, predict, or the workflow.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Table to write. Default: measures.parquet in the run; none if the workflow made the run.",
        ),
    ] = None,
    config: o.ConfigFile = None,
    json: o.Json = False,
) -> Result:
    """Measure every round of a run: distances to the clouds and, where there is truth, errors.

    sshmr fit reads the truth beside the clouds (docs/formats.md).

    Examples:

    sshmr evaluate out

    sshmr evaluate results/demo
    """
    from sshmr.cli.settings import read_settings
    from sshmr.errors import InputError
    from sshmr.evaluation.catalogue import MEASURES
    from sshmr.evaluation.rounds import evaluate_rounds
    from sshmr.evaluation.tables import printed, write_measures
    from sshmr.tables.run_folder import RunFolder

    folder = RunFolder(run)
    folder.last_stage()
    given, notes = read_settings(config, "evaluate")
    settings = given.evaluate
    own = folder.manifest.get("made_by") != "workflow"
    if out is None and own:
        out = folder.measures
    if not own and out is not None and out.resolve() == folder.measures.resolve():
        raise InputError("--out", found=f"{out}, which the workflow wrote", fix="Choose another file")
    evaluation = evaluate_rounds(folder, settings)
    if out is not None:
        write_measures(out, evaluation.rows, settings)
    rows = evaluation.rows.astype(object).where(evaluation.rows.notna(), None)
    data = {
        "table": None if out is None else str(out),
        "notes": [*notes, *evaluation.notes],
        "measures": rows.to_dict("records"),
    }
    shown = [measure for measure in MEASURES if (evaluation.rows["measure"] == measure).any()]
    lines = [
        printed(evaluation.rows),
        *(f"{name.replace('_', ' ')}: {MEASURES[name].meaning}" for name in shown),
    ]
    lines += [f"Note: {note}" for note in [*notes, *evaluation.notes]]
    lines.append(
        f"→ {out}" if out else f"{folder.measures} belongs to the workflow and was not changed. See --out."
    )
    return Result(data, lines)
