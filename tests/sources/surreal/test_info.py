"""The annotation of a clip, written by SciPy: clips of one frame, and what is empty or short."""

import numpy as np
import pytest
from scipy.io import savemat

from sshmr.errors import InputError
from sshmr.sources.surreal.info import read_info


def arrays(count):
    return {
        "pose": np.zeros((72, count)), "shape": np.zeros((10, count)), "joints3D": np.zeros((3, 24, count)),
        "camLoc": np.zeros((3, 1)), "zrot": np.zeros((count, 1)), "gender": np.ones((count, 1), np.uint8),
    }  # fmt: skip


@pytest.mark.parametrize("count", [1, 4])
def test_clips_of_any_length_are_read(tmp_path, count):
    path = tmp_path / "a_info.mat"
    savemat(path, arrays(count))
    assert len(read_info(path)) == count
    savemat(path, {name: np.squeeze(values) for name, values in arrays(count).items()})
    assert len(read_info(path)) == count


@pytest.mark.parametrize("name", ["zrot", "gender", "shape", "joints3D", "camLoc", "pose"])
@pytest.mark.parametrize("empty", [np.zeros((0, 1)), np.zeros((1, 0)), np.zeros((0, 0)), np.zeros((7, 1))])
@pytest.mark.parametrize("count", [1, 4])
def test_arrays_that_are_empty_or_of_another_length_are_reported(tmp_path, name, empty, count):
    path = tmp_path / "a_info.mat"
    savemat(path, arrays(count) | {name: empty})
    with pytest.raises(InputError, match=rf'a_info\.mat: array "{name}" is of shape'):
        read_info(path)
