"""The fit from file to file: from a points table to a params table."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch

from sshmr.body.model import BodyModel
from sshmr.body.prior import PosePrior
from sshmr.body.template import Template
from sshmr.config.fit import FitConfig
from sshmr.fit.stage import Surroundings, fit_shard
from sshmr.progress import track
from sshmr.tables.schemas import params_schema, provenance, read_params, read_points, write_table


def fit_table(
    points: Path | str,
    output: Path | str,
    body: BodyModel,
    template: Template,
    prior: PosePrior,
    config: FitConfig,
    initial: Path | str | None = None,
    previous: Path | str | None = None,
    device: torch.device | str = "cpu",
    around: Surroundings | None = None,
    progress: Callable[..., Iterable[Any]] = track,
    search: bool = False,
) -> dict[str, Any]:
    """Fit every cloud of a points table and write the params table.

    Args:
        points, output: paths. initial, previous: paths of params tables of the same frames, or None.
        The others as for ``fit_shard``.

    Returns:
        dict of the columns written.
    """
    columns = fit_shard(
        read_points(points),
        body,
        template,
        prior,
        config,
        initial=read_params(initial) if initial else None,
        previous=read_params(previous) if previous else None,
        device=device,
        around=around,
        progress=progress,
        search=search,
    )
    about = {
        "stage": "fit",
        "settings": config.model_dump(),
        "body": body.digest,
        "simulated": provenance(points).get("simulated"),
    }
    write_table(output, columns, params_schema(), about)
    return columns
