"""Bodies of several frames as one, and back."""

from collections.abc import Sequence

import torch

from sshmr.fit.engine import Fitted
from sshmr.fit.linearise import State
from sshmr.fit.search import Found


def stacked(states: Sequence[State]) -> State:
    """Bodies of several states as one."""
    return State(*(torch.cat(parts) for parts in zip(*states, strict=True)))


def joined(founds: Sequence[Found]) -> Found:
    """The rows of several as one."""
    fitted = [found.fitted for found in founds]
    together = Fitted(
        stacked([one.state for one in fitted]),
        {name: torch.cat([one.energy[name] for one in fitted]) for name in fitted[0].energy},
        torch.cat([one.hypothesis for one in fitted]),
        torch.cat([one.movement for one in fitted]),
        max(one.iterations for one in fitted),
    )
    rest = zip(*(found[1:] for found in founds), strict=True)
    return Found(together, *(torch.cat(parts) for parts in rest))


def rows_of(found: Found) -> list[Found]:
    """One ``Found`` a frame."""
    return [found.rows(slice(i, i + 1)) for i in range(len(found.residual))]


def not_judged(found: Found, state: State) -> Found:
    """A body without qualities, with the names and types of another's ``found``."""
    fitted = found.fitted
    nothing = {name: torch.full_like(value, torch.nan) for name, value in fitted.energy.items()}
    unknown = torch.full_like(found.residual, torch.nan)
    return Found(
        fitted._replace(state=state, energy=nothing),
        unknown, unknown, unknown, torch.zeros_like(found.visible), unknown,
    )  # fmt: skip
