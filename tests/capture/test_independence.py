"""Simulated data test the readers, so their writers take no constant from them."""

import re
from pathlib import Path

import pytest

CAPTURE = Path(__file__).resolve().parents[2] / "sshmr" / "capture"
SHARED = ("sshmr.sources.surreal", "sshmr.sources.behave", "sshmr.geometry.frames", "sshmr.geometry.smplh")


@pytest.mark.parametrize(
    "name", ["sloper4d_writer", "behave_writer", "surreal_writer", "clouds_writer", "lidar_scene"]
)
def test_writers_state_their_layouts_themselves(name):
    imports = re.findall(r"^from (\S+) import", (CAPTURE / f"{name}.py").read_text(), re.M)
    assert not [module for module in imports if module.startswith(SHARED)]
