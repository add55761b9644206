"""Simulate one sequence: a person in motion, a sensor, and files in the layout of a real data set."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from sshmr.body.model import BodyModel
from sshmr.body.prior import PosePrior
from sshmr.capture.actor import find_sequence, make_actor
from sshmr.capture.depth_scene import simulate_behave
from sshmr.capture.lidar_scene import simulate_clouds, simulate_sloper4d
from sshmr.capture.surreal_writer import simulate_surreal
from sshmr.config.capture import CaptureConfig
from sshmr.files import atomic_folder
from sshmr.sources.manifest import write_manifest

DATA_SETS = {"behave": simulate_behave, "surreal": simulate_surreal, "clouds": simulate_clouds}
"""The writers of layouts whose sequences are a folder with many files."""


def simulate_sequence(
    name: str,
    settings: CaptureConfig,
    load_body: Callable[[str], BodyModel],
    prior: PosePrior,
    seed: int,
    path: Path,
) -> str:
    """Simulate and write one of the sequences that ``simulated_plan`` lists, in its layout.

    Args:
        name: the sequence's name.
        settings: a ``CaptureConfig``.
        load_body: function of a gender that returns its ``BodyModel``.
        prior: a ``PosePrior``; unused if ``settings.motion`` names a file.
        seed: int; one seed for all sequences of a run.
        path: from ``simulated_file``: the pickle to write, or the manifest in the folder to fill.

    Returns:
        One line about the sequence.
    """
    sequence = find_sequence(name, settings)
    rng = np.random.default_rng([seed, 1, sequence.number])
    actor = make_actor(sequence, settings, load_body, prior, seed, rng)
    if sequence.layout == "sloper4d":
        summary = simulate_sloper4d(actor, settings, seed, rng, path)
    else:
        with atomic_folder(Path(path).parent) as root:
            summary = DATA_SETS[sequence.layout](actor, settings, seed, rng, root)
            write_manifest(root, sequence.layout, actor.body)
    return f"{name} (simulated, {sequence.split}, {sequence.layout}): {summary}"
