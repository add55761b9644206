"""SURREAL's layout with people whose meshes are known."""

import shutil

import numpy as np
import pytest
import torch
from scipy.io import loadmat, savemat

from sshmr.body.template import standing_pose
from sshmr.capture.surreal_writer import write_clip
from sshmr.config.extract import ExtractConfig, SurrealConfig

PLAIN = ExtractConfig(voxel=0.0, surreal=SurrealConfig(minimum_parts=12))
CASES = [(reading, gender) for reading in ("straight", "swapped") for gender in ("female", "male")]


def stem_of(root, sequence, clip=1, split="train", run=0):
    """A clip's path up to ``_depth.mat``."""
    return root / "cmu" / split / f"run{run}" / sequence / f"{sequence}_c{clip:04d}"


def poses(count, heading, rng):
    """(count, 72): somebody who stands with a raised left arm, about the vertical by ``heading`` radians."""
    pose = np.tile(standing_pose(torch.float64).numpy(), (count, 1))
    pose[:, 3:66] += rng.normal(0, 0.08, (count, 63))
    pose[:, 3 * 16 + 2] = 0.6
    pose[:, 1] = heading
    return pose


def change(stem, kind, **arrays):
    """Replace arrays of a clip's file, or take them away (None)."""
    path = stem.with_name(f"{stem.name}_{kind}.mat")
    content = {name: value for name, value in loadmat(path).items() if not name.startswith("__")}
    for name, value in arrays.items():
        if value is None:
            del content[name]
        else:
            content[name] = value(content[name]) if callable(value) else value
    savemat(path, content, do_compression=True)


@pytest.fixture(scope="session")
def surreal(tmp_path_factory, load_body):
    """A root with a clip of three frames for each of ``CASES``, and clip → the meshes in it, y up."""
    root, rng, meshes = tmp_path_factory.mktemp("SURREAL"), np.random.default_rng(0), {}
    for number, (reading, gender) in enumerate(CASES):
        sequence = f"{number + 1:02d}_01"
        meshes[f"run0_{sequence}_c0001"] = write_clip(
            stem_of(root, sequence),
            load_body(gender),
            gender,
            poses(3, rng.uniform(0, 2 * np.pi), rng),
            rng.normal(0, 1, 10),
            np.array([0.2, 0.9, -0.3]) + 0.02 * np.arange(3)[:, None],
            7.0,
            rng,
            reading=reading,
        )
    return root, meshes


@pytest.fixture
def clips(surreal, tmp_path):
    """A copy of the root that a test may damage."""
    return shutil.copytree(surreal[0], tmp_path / "SURREAL")
