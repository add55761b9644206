"""The size of a person relative to an adult, for children and scans without a scale.

The body covers adults, about 1.45 to 2 m high. A cloud is fitted at several sizes, which
means to fit the enlarged cloud. The lowest energy, including that of the size, wins.
"""

import math

import torch

from sshmr.body.model import BodyModel
from sshmr.fit.energy import Sight, energies
from sshmr.fit.engine import Engine, thinned
from sshmr.fit.gauss_newton import refine
from sshmr.fit.linearise import State
from sshmr.fit.search import Found, exchanged, found_from_nothing

SIZES = (1.0, 0.8, 0.64, 0.51)
"""Sizes relative to an adult. The betas cover the sizes between them."""
TALLEST = 2.3
"""Metres from end to end of an adult, with arms stretched out. A larger cloud shows a larger person."""
SMALL = 0.1
"""Share of people that are smaller than adults."""
BEYOND = 0.02
"""Share of a cloud's points that may be outside its extent, at each end."""
MOST_POINTS = 512
"""Largest number of points for the comparison of sizes."""
SLIDING = 0.03


def found_at_any_size(
    engine: Engine,
    body: BodyModel,
    points: torch.Tensor,
    mask: torch.Tensor,
    predicted: State | None = None,
    sensor: torch.Tensor | None = None,
) -> tuple[Found, torch.Tensor]:
    """As ``found_from_nothing``, at the size that fits best.

    Returns:
        What was found, bodies of adults for the clouds divided by the scale, and the scale (B,).
    """
    found = found_from_nothing(engine, body, points, mask, predicted, sensor)
    scale = torch.ones_like(found.residual)
    total = _energy(engine, points, mask, sensor, found, 1.0)
    extent = _extent(points, mask)
    for size in SIZES[1:]:
        rows = (extent < TALLEST * size).nonzero()[:, 0]
        if not len(rows):
            continue
        start = None if predicted is None else at_size(predicted.rows(rows), scale.new_tensor(size))
        few = points[rows] / size, mask[rows]
        place = None if sensor is None else sensor[rows] / size
        other = found_from_nothing(engine, body, *few, start, place)
        energy = _energy(engine, *few, place, other, size)
        better = energy < total[rows]
        found = exchanged(found, rows[better], other, better)
        scale[rows[better]], total[rows[better]] = size, energy[better]
    return found, scale


def at_size(state: State, scale: torch.Tensor) -> State:
    """The bodies in clouds that were divided by the scale: (R,) or one."""
    return state._replace(transl=state.transl / scale.expand(len(state.transl))[:, None])


def _energy(
    engine: Engine,
    points: torch.Tensor,
    mask: torch.Tensor,
    sensor: torch.Tensor | None,
    found: Found,
    size: float,
) -> torch.Tensor:
    """(B,) nats, comparable between sizes: noise and strays have the same energy at each size."""
    config = engine.config
    stray = config.outlier_weight / (1 - config.outlier_weight) * size**3
    alike = config.replace(
        compare_spread=config.compare_spread / size,
        coverage_weight=config.coverage_weight * size,
        outlier_weight=stray / (1 + stray),
    )
    few, few_mask = thinned(points, mask, MOST_POINTS)
    problem, state = engine.problem(few, few_mask, Sight(sensor)), found.fitted.state
    _, view = refine(problem, state, [config.compare_spread], SLIDING)
    terms, _ = energies(problem._replace(config=alike), state, view)
    return terms["energy"] + _cost(size)


def _cost(size: float) -> float:
    """Nats of the prior of a size: most people are adults, the others have any size."""
    return -math.log(1 - SMALL if size == 1 else SMALL / (len(SIZES) - 1))


def _extent(points: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """(B,) metres: from end to end of each cloud, without strays."""
    spread = torch.where(mask[..., None], points, torch.nan)
    high, low = (spread.nanquantile(share, dim=1) for share in (1 - BEYOND, BEYOND))
    return (high - low).norm(dim=1)
