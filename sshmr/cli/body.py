"""``sshmr body``: body model files."""

from pathlib import Path
from typing import Annotated

import typer

from sshmr.cli import options as o
from sshmr.cli.result import BAD_INPUT, FINE, Result


def inspect(
    files: Annotated[list[Path], typer.Argument(help="SMPL's or SMPL-H's files, .pkl or .npz.")],
    json: o.Json = False,
) -> Result:
    """Check a body file: its format, its arrays and its licence. No code in it is executed.

    Example: sshmr body inspect basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl
    """
    import dataclasses

    from sshmr.body.inspect import inspect_body

    facts = [inspect_body(path) for path in files]
    sound = not any(fact.faults for fact in facts)
    lines = [fact.text() for fact in facts]
    return Result(
        {"files": [dataclasses.asdict(fact) for fact in facts]}, lines, FINE if sound else BAD_INPUT
    )
