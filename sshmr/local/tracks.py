"""From recordings to bodies in motion: parts are read, followed one after the other, and smoothed.

Each recording is a chain. Several recordings are processed in parallel. Of one recording, a part is
smoothed while the next part is followed and the one after it is read.
"""

import concurrent.futures
import dataclasses
import itertools
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np

from sshmr import stages
from sshmr.local.chunks import read_index, write_part
from sshmr.local.inputs import CloudFile
from sshmr.local.runner import Outcome, begin, killed, nothing_usable
from sshmr.local.workers import Plan, Worker, Workers
from sshmr.progress import Progress
from sshmr.tables.run_folder import RunFolder
from sshmr.tables.schemas import row_count
from sshmr.tracking.stage import Part, follow_part, smooth_part

FRAMES = 120
"""Clouds in a part. A kill loses at most one part, and a process works on one part at a time."""
FOLLOWED, SMOOTHED = 0, 1
"""The rounds of the followed and of the smoothed bodies."""


class Tracker(Worker):
    """Follows and smooths parts of recordings."""

    def __init__(self, root: Path, plan: Plan) -> None:
        super().__init__(root, plan)
        self.follower = stages.follower(
            self.run.neutral,
            self.run.template,
            self.prior,
            plan.config.fit,
            plan.checkpoint,
            plan.config.infer,
        )

    def follow(self, part: Part, before: Part | None, _: object) -> None:
        """Follow the person through a part."""
        follow_part(part, before, self.follower)

    def smooth(self, part: Part, before: Part | None, after: Part | None, _: object) -> None:
        """Smooth a part, with the frames around it."""
        smooth_part(part, before, after, self.follower)


@dataclasses.dataclass
class Chain:
    """The parts of one recording in order of their frames.

    Attributes:
        rate: frame numbers a second. last_frame: the largest number.
        unread: clouds without a part yet, in parts. parts: those that are read.
        busy: the running work, by part and kind.
    """

    rate: float
    last_frame: int
    unread: list[list[CloudFile]]
    parts: list[Part] = dataclasses.field(default_factory=list)
    busy: set[tuple[str, int]] = dataclasses.field(default_factory=set)


def process_tracks(
    run: RunFolder, clouds: list[CloudFile], plan: Plan, jobs: int, progress: Progress, fps: float
) -> Outcome:
    """Compute the bodies of every recording, as ``process`` does for single clouds.

    Args:
        fps: frames a second, if the file names contain no times.
    """
    fresh, outcome = begin(run, clouds, plan, (SMOOTHED, "fit"))
    chains = make_chains(run, fresh, fps)
    left = sum(
        row_count(chain.parts[i].points)
        for chain in chains.values()
        for i in range(len(chain.parts))
        if _smoothing_needed(chain, i)
    )
    progress.total(len(fresh) + left)
    try:
        with Workers(run.root, plan, jobs, progress.advance, Tracker) as workers:
            _run(run, chains, workers, plan, outcome, progress, jobs)
    except BrokenProcessPool as error:
        raise killed(run) from error
    if not run.points():
        raise nothing_usable(run, outcome)
    return outcome


def make_chains(run: RunFolder, fresh: list[CloudFile], fps: float) -> dict[str, Chain]:
    """The recordings by name: what is read of each, and what is not."""
    paths = run.points()
    index, rows = read_index(paths)
    numbers: dict[str, list[int]] = {}
    read: dict[str, list[tuple[int, Path]]] = {}
    for path, of_part in zip(paths, rows, strict=True):
        name, frames = index["sequence"][of_part[0]], index["frame"][of_part]
        numbers.setdefault(name, []).extend(frames.tolist())
        read.setdefault(name, []).append((int(frames.min()), path))
    unread = {}
    for name, members in itertools.groupby(fresh, key=lambda cloud: cloud.sequence):
        unread[name] = sorted(members, key=lambda cloud: cloud.frame)
        numbers.setdefault(name, []).extend(cloud.frame for cloud in unread[name])
    chains = {}
    for name, frames in numbers.items():
        steps = np.diff(np.sort(frames))
        chain = Chain(fps * float(np.median(steps)) if len(steps) else fps, max(frames), [])
        clouds = unread.get(name, [])
        chain.unread = [clouds[start : start + FRAMES] for start in range(0, len(clouds), FRAMES)]
        chain.parts = [seen_part(run, path, chain.rate) for _, path in sorted(read.get(name, []))]
        chains[name] = chain
    return chains


def seen_part(run: RunFolder, points: Path, rate: float) -> Part:
    """The part of a points table."""
    return Part(points, run.params(points, FOLLOWED, "fit"), run.params(points, SMOOTHED, "fit"), rate)


def _run(
    run: RunFolder,
    chains: dict[str, Chain],
    workers: Workers,
    plan: Plan,
    outcome: Outcome,
    progress: Progress,
    jobs: int,
) -> None:
    """Follow and smooth all parts that are ready, and read ahead meanwhile."""
    running: dict[concurrent.futures.Future[None], tuple[Chain, str, int]] = {}
    checked = False
    while True:
        for chain, kind, place in _ready(chains):
            if len(running) < 2 * jobs:
                chain.busy.add((kind, place))
                running[_start(chain, kind, place, workers)] = (chain, kind, place)
        ahead = [chain for chain in chains.values() if chain.unread and _waiting(chain) < 2]
        if ahead:
            clouds = ahead[0].unread.pop(0)
            points, skipped, notes = write_part(run, clouds, plan.config.extract, check=not checked)
            checked = True
            outcome.add(skipped, notes)
            progress.advance(len(skipped))
            if points is not None:
                ahead[0].parts.append(seen_part(run, points, ahead[0].rate))
        elif not running:
            return
        done = concurrent.futures.wait(
            running,
            timeout=0 if ahead else None,
            return_when=concurrent.futures.FIRST_COMPLETED,
        ).done
        for future in done:
            chain, kind, place = running.pop(future)
            future.result()
            chain.busy.discard((kind, place))
            if kind == "smooth":
                progress.advance(row_count(chain.parts[place].points))


def _waiting(chain: Chain) -> int:
    """Parts that are read and not followed."""
    return sum(not part.followed.exists() for part in chain.parts)


def _ready(chains: dict[str, Chain]) -> list[tuple[Chain, str, int]]:
    """The work that is ready: (chain, ``follow`` or ``smooth``, place of the part).

    Parts are smoothed in their order: each uses what the one before knows of the shape.
    """
    found = []
    for chain in chains.values():
        follow = next((i for i, part in enumerate(chain.parts) if not part.followed.exists()), None)
        if follow is not None and ("follow", follow) not in chain.busy:
            found.append((chain, "follow", follow))
        known = len(chain.parts) if follow is None else follow
        smooth = next((i for i in range(known) if _smoothing_needed(chain, i)), known)
        last = smooth == len(chain.parts) - 1 and not chain.unread
        if smooth < known and ("smooth", smooth) not in chain.busy and (last or smooth + 1 < known):
            found.append((chain, "smooth", smooth))
    return found


def _smoothing_needed(chain: Chain, place: int) -> bool:
    """Whether a part's smoothed bodies are missing, or older than a table that they are made of."""
    output = chain.parts[place].smoothed
    used = [part.followed for part in chain.parts[max(0, place - 1) : place + 2]]
    used += [part.smoothed for part in chain.parts[max(0, place - 1) : place]]
    if not output.exists():
        return True
    return any(path.exists() and path.stat().st_mtime_ns > output.stat().st_mtime_ns for path in used)


def _start(chain: Chain, kind: str, place: int, workers: Workers) -> "concurrent.futures.Future[None]":
    parts = chain.parts
    before = parts[place - 1] if place else None
    if kind == "follow":
        return workers.call("follow", parts[place], before)
    after = parts[place + 1] if place + 1 < len(parts) else None
    if after is not None and not after.followed.exists():
        after = None
    return workers.call("smooth", parts[place], before, after)
