"""``sshmr predict``: bodies for your own clouds from a trained network."""

from pathlib import Path
from typing import Annotated

import typer

from sshmr.cli import options as o


def predict(
    clouds: o.Clouds,
    checkpoint: Annotated[Path, typer.Option("--checkpoint", "-c", help="A round's checkpoint.pt.")],
    out: o.Out,
    fit: Annotated[
        bool, typer.Option("--fit", help="Also fit the body, starting from each prediction.")
    ] = False,
    formats: o.Formats = None,
    frames_per_second: o.FramesPerSecond = 10.0,
    up: o.UpOption = None,
    unit: o.UnitOption = None,
    ground: o.GroundOption = None,
    files: o.Files = None,
    sequence_pattern: o.SequencePattern = None,
    config: o.ConfigFile = None,
    body: o.Body = None,
    device: o.DeviceOption = None,
    jobs: o.Jobs = None,
    json: o.Json = False,
):
    """Predict the body of every cloud with a network that the loop trained.

    Examples:

    sshmr predict scans -c results/demo/round_3/train/checkpoint.pt -o out -f glb

    sshmr predict scans -c checkpoint.pt --fit -o out
    """
    from sshmr.cli.settings import VOXEL, cloud_settings, read_settings
    from sshmr.cli.work import work
    from sshmr.device import choose_device
    from sshmr.local.workers import Plan

    command = "predict --fit" if fit else "predict"
    settings, notes = read_settings(config, command, {"extract": {"voxel": VOXEL}})
    settings = cloud_settings(
        settings, up=up, unit=unit, ground=ground, files=files, sequence_pattern=sequence_pattern
    )
    plan = Plan.of(settings, checkpoint, fit, False, choose_device(device or settings.device).type)
    body = body or settings.body
    return work(clouds, Path(out), settings.extract, plan, body, jobs, formats, frames_per_second, notes)
