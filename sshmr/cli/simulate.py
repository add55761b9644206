"""``sshmr simulate``: people in front of a simulated LiDAR, for trying things out."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sshmr.cli import options as o
from sshmr.cli.result import Result
from sshmr.config.capture import CaptureConfig

Layout = StrEnum("Layout", ["clouds", "sloper4d"])


def simulate(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write into.")],
    sequences: Annotated[int | None, typer.Option(min=1, help="Recordings, each of one person.")] = None,
    frames: Annotated[int | None, typer.Option(min=1, help="Frames per recording.")] = None,
    layout: Annotated[
        Layout, typer.Option(help="One .ply per frame and truth.parquet, or SLOPER4D's pickles.")
    ] = Layout.clouds,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of all random numbers; default: 0.")] = None,
    body: o.Body = None,
    config: o.ConfigFile = None,
    json: o.Json = False,
) -> Result:
    """Simulate people in motion in front of a LiDAR. The truth is known, so that fits can be measured.

    Examples:

    sshmr simulate -o people --sequences 2 --frames 10

    sshmr fit people -o out --together && sshmr evaluate out
    """
    from sshmr.cli.settings import read_settings
    from sshmr.config.capture import CaptureConfig
    from sshmr.config.mapping import from_mapping

    settings, notes = read_settings(config, "simulate", {"capture": {"sequences": 2, "test_sequences": 0}})
    given = {"sequences": sequences, "frames": frames, "seed": seed}
    options = {name: value for name, value in given.items() if value is not None}
    seed = options.pop("seed", settings.seed)
    mapping = settings.capture.model_dump() | options | {"test_sequences": 0}
    capture = from_mapping(CaptureConfig, mapping, "capture", "command line")
    summaries = _simulate(capture, body or settings.body, settings.prior, layout, seed, out)
    data = {"simulated": True, "out": str(out), "sequences": summaries, "notes": notes}
    return Result(data, [*summaries, *notes, f"→ {out}"])


def _simulate(settings: CaptureConfig, body: str, prior: str, layout: str, seed: int, out: Path) -> list[str]:
    import functools
    import tempfile

    import torch

    from sshmr.body.model import BodyModel
    from sshmr.body.prepare import bring_bodies
    from sshmr.body.prior import PosePrior
    from sshmr.body.sources import prior_source
    from sshmr.capture.clouds_layout import write_clouds, write_truth
    from sshmr.capture.simulate import simulate_sequence
    from sshmr.sources.shards import simulated_plan, sloper4d_pickle

    torch.set_num_threads(1)
    poses, summaries, truth = PosePrior.load(prior_source(prior)), [], []
    with tempfile.TemporaryDirectory() as scratch:
        bodies = Path(scratch) / "body"
        bring_bodies(body, bodies)
        load_body = functools.cache(lambda gender: BodyModel.load(bodies / f"{gender}.npz"))
        root = out if layout == Layout.sloper4d else Path(scratch)
        for sequence in simulated_plan(settings):
            pickle = sloper4d_pickle(root, sequence.name)
            summaries.append(simulate_sequence(sequence.name, settings, load_body, poses, seed, pickle))
            if layout == Layout.clouds:
                truth.extend(write_clouds(pickle, out / sequence.name, load_body))
        if layout == Layout.clouds:
            write_truth(out, truth, load_body("neutral"))
    return summaries
