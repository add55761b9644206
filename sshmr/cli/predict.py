"""``sshmr predict``: bodies for one's own clouds by a trained network."""

from pathlib import Path
from typing import Annotated

import typer

from sshmr.cli import options as o


def predict(
    clouds: o.Clouds,
    checkpoint: Annotated[Path, typer.Option("--checkpoint", "-c", help="A round's checkpoint.pt.")],
    out: o.Out,
    fit: Annotated[bool, typer.Option("--fit", help="Fit the body, starting from each prediction.")] = False,
    formats: o.Formats = None,
    frames_per_second: o.FramesPerSecond = 10.0,
    up: o.UpOption = None,
    unit: o.UnitOption = None,
    ground: o.GroundOption = None,
    files: o.Files = None,
    sequence_pattern: o.SequencePattern = None,
    config: o.ConfigFile = None,
    body: o.Body = None,
    device: o.DeviceOption = o.Device.auto,
    jobs: o.Jobs = None,
    json: o.Json = False,
):
    """Predict the body of every cloud with a network that the loop trained.

    Examples:

    sshmr predict scans -c results/demo/round_3/train/checkpoint.pt -o out -f glb

    sshmr predict scans -c checkpoint.pt --fit -o out
    """
    from sshmr.cli.settings import extract_settings, read_config, section
    from sshmr.cli.work import work
    from sshmr.config.fit import FitConfig
    from sshmr.config.infer import InferConfig
    from sshmr.device import choose_device
    from sshmr.local.workers import Plan

    mapping = read_config(config)
    given = {"up": up, "unit": unit, "ground": ground, "files": files, "sequence_pattern": sequence_pattern}
    extract = extract_settings(mapping, config, **given)
    settings = section(mapping, "fit", FitConfig, config) if fit else None
    infer = section(mapping, "infer", InferConfig, config)
    plan = Plan(checkpoint, infer, settings, False, choose_device(device).type)
    body = body or mapping.get("body", "open")
    return work(clouds, Path(out), extract, plan, body, jobs, formats, frames_per_second)
