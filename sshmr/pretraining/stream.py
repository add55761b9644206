"""Batches of synthetic clouds, made ahead in a second process.

Batch ``step`` depends on the seed and on ``step`` alone: a resumed training sees what one never interrupted
would have seen.
"""

import math
import multiprocessing
import multiprocessing.queues
import os
import threading
from collections.abc import Generator

import torch

from sshmr.body.model import BodyModel
from sshmr.body.prior import PosePrior
from sshmr.body.template import Template
from sshmr.config.pretrain import PretrainConfig
from sshmr.network.head import heading
from sshmr.pretraining.clouds import VIEWS, SyntheticScenes
from sshmr.pretraining.coarse import CoarseBody
from sshmr.pretraining.poses import PoseMixture
from sshmr.training.batch import Batch, recentre, take, turn
from sshmr.training.dataloader import FACING_SPREAD

CHUNK = 8
"""Steps whose clouds are drawn and shuffled together, so that a person's views fall into different steps."""

AHEAD = 3
"""Chunks made before they are needed."""


class Stream:
    """Makes the batches of any step.

    Args:
        body: the whole neutral body. captured: (P, 72) poses to train on.
    """

    def __init__(
        self,
        body: BodyModel,
        template: Template,
        prior: PosePrior,
        captured: torch.Tensor,
        config: PretrainConfig,
        seed: int,
    ):
        self.scenes = SyntheticScenes(CoarseBody.of(body, template), PoseMixture(captured, prior))
        self.config, self.seed = config, seed

    def chunk(self, number: int) -> Batch:
        """The ``CHUNK`` batches of steps from ``number · CHUNK`` on, as one ``Batch``."""
        count = CHUNK * self.config.batch
        seed = self.seed * 1_000_003 + number
        drawn = self.scenes.draw(math.ceil(count / VIEWS), self.config.points, seed)
        drawn = take(drawn, slice(0, count))
        generator = torch.Generator().manual_seed(seed)
        ahead = torch.rand(count, generator=generator) < self.config.facing
        about = torch.randn(count, generator=generator) * FACING_SPREAD - heading(drawn.target.rotmats)
        return recentre(turn(recentre(drawn), torch.where(ahead, about, 0.0)))

    def batches(self, first: int) -> Generator[Batch, None, None]:
        """Batches of all steps from ``first`` on, made in another process; close it at the end."""
        context = multiprocessing.get_context("fork")
        queue = context.Queue(AHEAD)
        maker = context.Process(target=self._fill, args=(queue, first // CHUNK), daemon=True)
        maker.start()
        try:
            skip = first % CHUNK
            while True:
                chunk = queue.get()
                if isinstance(chunk, BaseException):
                    raise chunk
                for step in range(skip, CHUNK):
                    yield take(chunk, slice(step * self.config.batch, (step + 1) * self.config.batch))
                skip = 0
        finally:
            maker.terminate()
            maker.join()

    def _fill(self, queue: "multiprocessing.queues.Queue[Batch | BaseException]", number: int) -> None:
        torch.set_num_threads(1)
        threading.Thread(target=_follow_parent, daemon=True).start()
        try:
            while True:
                queue.put(self.chunk(number))
                number += 1
        except BaseException as error:
            queue.put(error)
            raise


def _follow_parent() -> None:
    """End this process with the one that started it, also where that one was killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
