"""``sshmr fit``: bodies for your own clouds, without training."""

from pathlib import Path
from typing import Annotated

import typer

from sshmr.cli import options as o
from sshmr.cli.result import Result


def fit(
    clouds: o.Clouds,
    out: o.Out,
    formats: o.Formats = None,
    frames_per_second: o.FramesPerSecond = None,
    together: Annotated[
        bool,
        typer.Option(
            "--together",
            help="Each sequence shows one person in motion: fit twice, the second time with one shape and "
            "smooth motion.",
        ),
    ] = False,
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
    """Fit a body to every cloud, without training.

    Each fit starts from the prediction of the shipped network. If its confidence is low, typical poses are
    tried, too. train: {initial: none} in a settings file leaves the network out.

    Run the same command again to add clouds. Finished clouds are kept, and changed ones are fitted again.

    Examples:

    sshmr fit person.ply -o out -f ply

    sshmr fit scans --up z --unit mm --together -o out -f glb

    find scans -name '*.pcd' | sshmr fit - -o out --json
    """
    from sshmr.cli.settings import read_cloud_settings, shipped_network
    from sshmr.cli.work import work
    from sshmr.device import choose_device
    from sshmr.local.workers import Plan

    settings, notes = read_cloud_settings(
        config, "fit", body, up=up, unit=unit, ground=ground, files=files, sequence_pattern=sequence_pattern
    )
    network, more = shipped_network(settings)
    chosen = choose_device(device or settings.device).type
    plan = Plan(settings, network, chosen, together=together, search=True)
    return work(clouds, Path(out), plan, jobs, formats, frames_per_second, [*notes, *more], strict)
