"""Workers: this process, or several others."""

import concurrent.futures
import dataclasses
import functools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, Self

from sshmr import stages
from sshmr.config.run import Config
from sshmr.fit.stage import Surroundings
from sshmr.tables.run_folder import RunFolder


@dataclasses.dataclass(frozen=True)
class Plan:
    """The work on every part.

    Attributes:
        config: the settings, with the options of the command.
        checkpoint: the network's; None where there is no network.
        device: ``cpu`` or ``cuda``.
        fit: whether bodies are fitted; False stops after the network.
        together: fit a second time, with the first fits of the whole sequence.
        search: fits also search from typical poses if the confidence is low.
        follow: fits start from the previous frame.
    """

    config: Config
    checkpoint: Path | None
    device: str
    fit: bool = True
    together: bool = False
    search: bool = False
    follow: bool = False

    @property
    def round(self) -> int:
        """The round whose tables the first pass fills: 0 is the bootstrap."""
        return 0 if self.search else 1


class Worker:
    """Makes the missing tables of a part."""

    def __init__(self, root: Path, plan: Plan) -> None:
        import torch

        from sshmr.body.sources import prior_source
        from sshmr.runtime import keep_freed_memory

        # Fits are many small steps: several processes are faster, several threads are slower.
        torch.set_num_threads(1)
        keep_freed_memory()
        self.run, self.plan, self.prior = RunFolder(root), plan, prior_source(plan.config.prior)

    def first(self, points: Path, progress: Callable[..., Any]) -> None:
        """The network's prediction and the fit, as far as they are wanted and missing."""
        plan, network = self.plan, None
        if plan.checkpoint is not None:
            network = self.run.params(points, plan.round, "network")
            if not network.exists():
                show = _silent if plan.fit else progress
                stages.infer(
                    points, plan.checkpoint, self.run.neutral, self.run.template, plan.config.infer, network,
                    plan.device, show,
                )  # fmt: skip
        output = self.run.params(points, plan.round, "fit")
        if plan.fit and not output.exists():
            self._fit(points, output, initial=network, search=plan.search, progress=progress)

    def second(self, points: Path, around: Surroundings, progress: Callable[..., Any]) -> None:
        """The fit of the next round, which uses the first fits of the neighbouring frames."""
        previous = self.run.params(points, self.plan.round, "fit")
        output = self.run.params(points, self.plan.round + 1, "fit")
        self._fit(points, output, previous=previous, around=around, progress=progress)

    def _fit(self, points: Path, output: Path, **options: Any) -> None:
        stages.fit(
            points, self.run.neutral, self.run.template, self.prior, self.plan.config.fit, output,
            device=self.plan.device, **options,
        )  # fmt: skip


class Workers:
    """Runs ``Worker`` on parts: here, or in ``jobs`` processes.

    Args:
        advance: called with the number of frames that were finished. worker: the class to run.
    """

    def __init__(
        self,
        root: Path,
        plan: Plan,
        jobs: int,
        advance: Callable[[int], object],
        worker: type[Worker] = Worker,
    ) -> None:
        self._make = functools.partial(worker, root, plan)
        self._jobs, self._advance = jobs, advance
        self._pool: concurrent.futures.ProcessPoolExecutor | None = None
        self._futures: dict[concurrent.futures.Future[Any], int] = {}

    def __enter__(self) -> Self:
        if self._jobs > 1:
            context = multiprocessing.get_context("spawn")
            self._pool = concurrent.futures.ProcessPoolExecutor(
                self._jobs, context, initializer=_start, initargs=(self._make,)
            )
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._pool:
            self._pool.shutdown(wait=kind is None, cancel_futures=True)

    @functools.cached_property
    def _worker(self) -> Worker:
        return self._make()

    def submit(self, method: str, frames: int, *arguments: Any) -> None:
        """Call ``Worker.method`` on a part of so many frames. Waits while all processes are busy."""
        if self._pool is None:
            getattr(self._worker, method)(*arguments, self._each_batch)
            return
        while len(self._futures) >= 2 * self._jobs:
            self._collect()
        self._futures[self._pool.submit(_call, method, arguments)] = frames

    def call(self, method: str, *arguments: Any) -> concurrent.futures.Future[Any]:
        """A future of ``Worker.method``; without other processes, it is finished already."""
        if self._pool is not None:
            return self._pool.submit(_call, method, arguments)
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        future.set_result(getattr(self._worker, method)(*arguments, _silent))
        return future

    def finish(self) -> None:
        """Wait for all that was submitted."""
        while self._futures:
            self._collect()

    def _collect(self) -> None:
        for future in concurrent.futures.wait(
            self._futures, return_when=concurrent.futures.FIRST_COMPLETED
        ).done:
            frames = self._futures.pop(future)
            future.result()
            self._advance(frames)

    def _each_batch(self, batches: Iterable[Any], _: object) -> Iterator[Any]:
        for batch in batches:
            yield batch
            self._advance(len(batch))


_worker: Worker


def _start(make: Callable[[], Worker]) -> None:
    """Load what the process needs, and end it with the process that started it."""
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_follow_parent, daemon=True).start()
    _worker = make()


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
    os._exit(1)


def _call(method: str, arguments: tuple[Any, ...]) -> None:
    getattr(_worker, method)(*arguments, _silent)


def _silent(batches: Iterable[Any], _: object) -> Iterable[Any]:
    return batches
