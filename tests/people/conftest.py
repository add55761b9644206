"""Simulated scenes: a LiDAR's recording of three people outdoors, and one depth image of a room."""

import pytest

from sshmr.body.model import BodyModel, open_body_path
from tools.scenes.scene import Scene
from tools.scenes.settings import scene_preset

FRAMES = 12


@pytest.fixture(scope="session")
def load_body():
    bodies = {}
    return lambda gender: bodies.setdefault(gender, BodyModel.load(open_body_path(gender)))


@pytest.fixture(scope="session")
def street(load_body, prior):
    settings = scene_preset("lidar64", frames=FRAMES, people=3, things=6, distance=(4.0, 9.0))
    return Scene(settings, load_body, prior, 5)


@pytest.fixture(scope="session")
def room(load_body, prior):
    settings = scene_preset("depth", frames=1, people=2, things=3, distance=(2.0, 4.0), pitch=0.2)
    return Scene(settings, load_body, prior, 3)
