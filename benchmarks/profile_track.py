"""Where the CPU time of ``sshmr track`` goes: shares of its passes, and of the functions within.

    python benchmarks/profile_track.py OUT --frames 40

OUT is an output folder of ``sshmr track``. The first frames of its first table are followed and smoothed
again on one thread, without reading, searching and writing. ``launching``: PyTorch's operations times the
CPU time of the smallest one. ``products``: the matrix products at the rate of a large one. Both are shares
of the time of a followed frame. The last line is JSON.
"""

import argparse
import contextlib
import json
import os
import time
from pathlib import Path
from unittest import mock

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from sshmr.cli.settings import read_settings
from sshmr.fit import gauss_newton
from sshmr.local.tracks import Tracker, seen_part
from sshmr.local.workers import Plan
from sshmr.tables.run_folder import RunFolder
from sshmr.tables.schemas import read_params, read_points
from sshmr.tracking import smooth
from sshmr.tracking.follow import Memory
from sshmr.tracking.stage import BLOCK, frames_of, state_of

FUNCTIONS = {
    "linearise": "skinning and its derivatives",
    "soft_correspondence": "correspondences",
    "visibility": "visibility",
    "_normal_equations": "normal equations",
    "separation": "penetration",
    "_add_priors": "priors",
    "_solve": "solution",
}


class Operations(TorchDispatchMode):
    """Counts the operations of PyTorch."""

    count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.count += 1
        return function(*args, **(kwargs or {}))


def cpu_seconds(work):
    """CPU seconds of one call of ``work``, the least of three after a first one."""
    work()
    found = []
    for _ in range(3):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return min(found)


def shares(work):
    """The CPU time of the functions of the Gauss-Newton step, as shares of ``work``'s."""
    spent = dict.fromkeys(FUNCTIONS, 0.0)

    def timed(name, function):
        def call(*args, **kwargs):
            start = time.process_time()
            result = function(*args, **kwargs)
            spent[name] += time.process_time() - start
            return result

        return call

    with contextlib.ExitStack() as stack:
        for name in FUNCTIONS:
            timer = timed(name, getattr(gauss_newton, name))
            stack.enter_context(mock.patch.object(gauss_newton, name, timer))
        start = time.process_time()
        work()
        total = time.process_time() - start
    found = {FUNCTIONS[name]: seconds / total for name, seconds in spent.items()}
    return found | {"other": 1 - sum(found.values())}


@torch.no_grad()
def profile(out, count):
    """The shares of the passes, of the functions in two of them, and what bounds a followed frame."""
    settings, _ = read_settings(None, "fit", {})
    follower = Tracker(out, Plan(settings, None, "cpu", together=True, search=True, follow=True)).follower
    run = RunFolder(out)
    part = seen_part(run, run.points()[0], 10.0)
    frames = frames_of(read_points(part.points), part.rate)[:count]
    state = state_of(read_params(part.smoothed), slice(count))
    memory = Memory(betas=state.betas[0], frames=30)
    for row in range(2):
        memory.add(state.rows(slice(row, row + 1)), frames[row])

    def follow():
        known = Memory(memory.bodies, memory.betas, memory.frames)
        for frame in frames[2:]:
            follower.step(frame, known)

    def smoothing():
        smooth.smoothed(frames, state, follower.fine, follower.engine.prior, follower.config)

    def judge():
        for start in range(0, len(frames), BLOCK):
            rows = slice(start, start + BLOCK)
            follower.judge(frames[rows], state.rows(rows))

    judged, per = cpu_seconds(judge) / len(frames), len(frames) - 2
    seconds = {
        "follow": cpu_seconds(follow) / per,
        "judge one of 4 followed": cpu_seconds(lambda: follower.judge(frames[:1], state.rows(slice(1))))
        / BLOCK,
        "smooth": cpu_seconds(smoothing) / len(frames),
        "judge the smoothed": judged,
    }
    with Operations() as operations, FlopCounterMode(display=False) as products:
        follow()
    square, one = torch.rand(1024, 1024), torch.zeros(1)
    rate = 2 * 1024**3 / cpu_seconds(lambda: square @ square)
    launch = cpu_seconds(lambda: [one.add_(1) for _ in range(10000)]) / 10000
    followed = seconds["follow"] * per
    total = sum(seconds.values())
    return {
        "frames": len(frames),
        "points": float(sum(len(frame.points) for frame in frames) / len(frames)),
        "cores": os.cpu_count(),
        "cpu_seconds": seconds,
        "passes": {name: value / total for name, value in seconds.items()},
        "follow": shares(follow),
        "smooth": shares(smoothing),
        "operations": operations.count / per,
        "gigaflops_of_a_product": rate / 1e9,
        "launching": operations.count * launch / followed,
        "products": products.get_total_flops() / rate / followed,
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, help="output folder of sshmr track")
    parser.add_argument("--frames", type=int, default=40)
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = profile(options.out, options.frames)
    for title in ("passes", "follow", "smooth"):
        print(f"| {title} | share of the CPU time |\n| --- | ---: |")
        for name, value in found[title].items():
            print(f"| {name} | {100 * value:.0f} % |")
        print()
    print(
        f"A followed frame: {found['operations']:.0f} operations. Launching takes "
        f"{100 * found['launching']:.0f} % of its time, matrix products {100 * found['products']:.0f} %."
    )
    print(json.dumps(found))


if __name__ == "__main__":
    main()
