"""A small recording in SLOPER4D's layout, made by hand, for the reader's tests."""

import dataclasses
import functools
import pickle

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from sshmr.body.model import BodyModel, open_body_path
from sshmr.geometry.frames import Z_UP_TO_Y_UP


@functools.cache
def smpl_like(gender):
    """The open body under another name: labels of real recordings are for SMPL's own body."""
    return dataclasses.replace(BodyModel.load(open_body_path(gender)), name=f"smpl_{gender}")


@pytest.fixture(scope="session")
def load_body():
    return smpl_like


@pytest.fixture
def recording():
    """Five frames of a standing woman who moves 1 cm a frame; clouds are vertices of her mesh, z up."""
    body, count = smpl_like("female"), 5
    rng = np.random.default_rng(0)
    pose = np.zeros((count, 72))
    pose[:, 3:66] = rng.normal(0, 0.1, 63)
    pose[:, :3] = (Rotation.from_matrix(Z_UP_TO_Y_UP.T) * Rotation.from_rotvec([0.1, 0.5, 0.0])).as_rotvec()
    transl = np.array([4.0, -2.0, 1.3]) + 0.01 * np.arange(count)[:, None] * [1.0, 0.0, 0.0]
    betas = rng.normal(0, 1, 10)
    tensor = functools.partial(torch.tensor, dtype=torch.float32)
    vertices = body(tensor(pose), tensor(betas).expand(count, -1), tensor(transl)).vertices.numpy()
    return {
        "framerate": 20,
        "total_frames": count,
        "frame_num": [10, 11, 12, 13, 14],
        "first_person": {"lidar_traj": np.zeros((count, 9))},
        "second_person": {
            "opt_pose": pose,
            "opt_trans": transl,
            "beta": betas.tolist(),
            "gender": "female",
            "point_clouds": [mesh[rng.permutation(len(mesh))[:900]] for mesh in vertices],
            "point_frame": [10, 11, 12, 13, 14],
        },
    }


@pytest.fixture
def write(tmp_path):
    """Write a recording as a sequence below a root; returns the root."""

    def write(content, name="seq002_football_001"):
        path = tmp_path / "sloper4d" / name / f"{name}_labels.pkl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else pickle.dumps(content))
        return tmp_path / "sloper4d"

    return write
