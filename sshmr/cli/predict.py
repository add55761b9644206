"""``sshmr predict``: bodies for your own clouds from a network."""

from pathlib import Path
from typing import Annotated

import typer

from sshmr.cli import options as o
from sshmr.cli.result import Result


def predict(
    clouds: o.Clouds,
    out: o.Out,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            "--checkpoint",
            "-c",
            help="A round's checkpoint.pt, or weights as safetensors. Default: the shipped ones.",
        ),
    ] = None,
    fit: Annotated[
        bool, typer.Option("--fit", help="Also fit the body, starting from each prediction.")
    ] = False,
    formats: o.Formats = None,
    frames_per_second: o.FramesPerSecond = None,
    up: o.UpOption = None,
    unit: o.UnitOption = None,
    ground: o.GroundOption = None,
    files: o.Files = None,
    sequence_pattern: o.SequencePattern = None,
    config: o.ConfigFile = None,
    body: o.Body = None,
    device: o.DeviceOption = None,
    jobs: o.Jobs = None,
    strict: o.Strict = False,
    json: o.Json = False,
) -> Result:
    """Predict the body of every cloud with the shipped network, or with one that the loop trained.

    Examples:

    sshmr predict scans -o out -f glb

    sshmr predict scans -c results/demo/round_3/train/checkpoint.pt -o out -f glb

    sshmr predict scans -c checkpoint.pt --fit -o out
    """
    from sshmr.cli.settings import read_cloud_settings
    from sshmr.cli.work import work
    from sshmr.device import choose_device
    from sshmr.errors import InputError
    from sshmr.local.workers import Plan
    from sshmr.network.pretrained import pretrained_path

    command = "predict --fit" if fit else "predict"
    settings, notes = read_cloud_settings(
        config, command, body, up=up, unit=unit, ground=ground, files=files, sequence_pattern=sequence_pattern
    )
    if checkpoint is None and settings.body != "open":
        found, expected = "missing", "a checkpoint trained with this body"
        raise InputError("--checkpoint", "", found, expected, "The shipped network needs the open body")
    chosen = choose_device(device or settings.device).type
    plan = Plan(settings, checkpoint or pretrained_path(), chosen, fit=fit)
    return work(clouds, Path(out), plan, jobs, formats, frames_per_second, notes, strict)
