"""``sshmr fit``: bodies for one's own clouds, from nothing."""

from pathlib import Path
from typing import Annotated

import typer

from sshmr.cli import options as o


def fit(
    clouds: o.Clouds,
    out: o.Out,
    formats: o.Formats = None,
    frames_per_second: o.FramesPerSecond = 10.0,
    together: Annotated[
        bool,
        typer.Option(
            "--together",
            help="A sequence is one person in motion: fit twice, the second time with its shape and motion "
            "held together.",
        ),
    ] = False,
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
    """Fit a body to every cloud, from nothing but the cloud.

    Done clouds are left alone when the command is given again; changed ones are done anew.

    Examples:

    sshmr fit person.ply -o out -f ply

    sshmr fit scans --up z --unit mm --together -o out -f glb

    find scans -name '*.pcd' | sshmr fit - -o out --json
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
    settings = section(mapping, "fit", FitConfig, config)
    plan = Plan(None, InferConfig(), settings, together, choose_device(device).type)
    body = body or mapping.get("body", "open")
    return work(clouds, Path(out), extract, plan, body, jobs, formats, frames_per_second)
