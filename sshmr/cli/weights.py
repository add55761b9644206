"""``sshmr weights``: a trained network's weights for other programs."""

from pathlib import Path
from typing import Annotated

import typer

from sshmr.cli import options as o
from sshmr.cli.result import Result


def weights(
    checkpoint: Annotated[Path, typer.Argument(help="A round's checkpoint.pt, in its run's folder.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write into.")],
    json: o.Json = False,
) -> Result:
    """Write a checkpoint's best weights as safetensors, with a model card.

    The card has the training data, the settings and the measures. They are read from the
    run's folder around the checkpoint.

    Examples:

    sshmr weights results/demo/round_3/train/checkpoint.pt -o network
    """
    from sshmr.export.weights import export_weights

    written, known = export_weights(checkpoint, out)
    lines = [f"→ {path}" for path in written]
    if known["simulated"] is None:
        lines.append("The card cannot name the training data: the checkpoint is outside its run.")
    return Result({"written": [str(path) for path in written], **known}, lines)
