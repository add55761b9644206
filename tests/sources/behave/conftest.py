"""A small simulated BEHAVE recording of each gender, and the exact geometry it was made from."""

import functools
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from sshmr.body.model import BodyModel, open_body_path
from sshmr.body.prior import PosePrior, open_prior_path
from sshmr.capture.actor import make_actor
from sshmr.capture.depth_scene import Scene, make_scene
from sshmr.capture.simulate import simulate_sequence
from sshmr.config.capture import CaptureConfig, DepthConfig
from sshmr.config.extract import BehaveConfig, ExtractConfig
from sshmr.sources.behave.reader import read_sequence
from sshmr.sources.shards import simulated_file, simulated_plan

CAPTURE = CaptureConfig(
    layouts=("behave",),
    sequences=3,
    test_sequences=0,
    subjects=3,
    genders=("female", "male", "neutral"),
    frames=2,
    defects=0.0,
    depth=DepthConfig(width=256, height=192),
)
GENDERS = ("female", "male", "neutral")


@functools.cache
def open_body(gender):
    return BodyModel.load(open_body_path(gender))


class Made(NamedTuple):
    """A data set with one sequence, and the truth: vertices (T, V, 3) in camera 1's frame turned y up."""

    root: Path
    name: str
    gender: str
    scene: Scene
    vertices: np.ndarray

    def read(self, load_body=open_body, threads=1, **options):
        """Read it as a run does, every moment unless told otherwise."""
        shared = {key: options.pop(key) for key in ("points", "minimum_points", "voxel") if key in options}
        behave = BehaveConfig(**{"every": 1, **options})
        settings = ExtractConfig(**{"voxel": 0.02, "behave": behave, **shared})
        return read_sequence(self.root, self.name, "train", settings, load_body, threads)

    @property
    def sequence(self):
        return self.root / "sequences" / self.name

    def moment(self, number=0):
        return sorted(self.sequence.glob("t*"))[number]


def make(folder, gender, settings=CAPTURE):
    prior = PosePrior.load(open_prior_path())
    sequence = simulated_plan(settings)[settings.genders.index(gender)]
    path = simulated_file(folder, sequence.name, "behave")
    simulate_sequence(sequence.name, settings, open_body, prior, 0, path)
    # The same draws again, for what no file holds.
    rng = np.random.default_rng([0, 1, sequence.number])
    scene = make_scene(make_actor(sequence, settings, open_body, prior, 0, rng), settings, rng)
    camera = scene.cameras[1]
    vertices = (scene.placed.vertices - camera.position) @ camera.rotation * [1, -1, -1]
    return Made(path.parent, sequence.name, gender, scene, vertices)


@pytest.fixture(scope="session")
def recordings(tmp_path_factory):
    """A recording of each gender, made when it is first asked for."""
    return functools.cache(lambda gender: make(tmp_path_factory.mktemp(gender), gender))


@pytest.fixture(params=GENDERS)
def made(request, recordings):
    """One recording of each gender; a test that changes files takes ``copy``."""
    return recordings(request.param)


@pytest.fixture
def woman(recordings):
    return recordings("female")


@pytest.fixture(scope="session")
def open_bodies():
    """The shipped body of a gender."""
    return open_body


@pytest.fixture
def copy(tmp_path, woman):
    """A recording to spoil."""
    shutil.copytree(woman.root, tmp_path / "behave")
    return woman._replace(root=tmp_path / "behave")


@pytest.fixture(scope="session")
def exact(tmp_path_factory):
    """A recording without noise, in an empty room."""
    clean = DepthConfig(width=256, height=192, noise=0.0, dropout=0.0, edges=0.0, things=0)
    return make(tmp_path_factory.mktemp("exact"), "male", CAPTURE.replace(depth=clean))
