"""The final arrays, with SMPL's names and types: exactly symmetric, and rounded for a float32 file."""

import numpy as np

from sshmr.body.model import MIRROR_JOINTS, PARENTS
from tools.open_body.skin import MIRROR

SHAPE_STEP = 2.0**-20
"""Metres (1 µm). Powers of two leave trailing zero bits, which compress."""
CORRECTIVE_STEP = 2.0**-16
WEIGHT_STEP = 2.0**-12
REGRESSOR_STEP = 2.0**-18


def smpl_arrays(mean, components, posedirs, regressor, mesh, gender):
    """The arrays of an SMPL-layout file.

    Args:
        mean: (V, 3); components: (V, 3, S); posedirs: (V, 3, 207); regressor: (24, V); mesh: BodyMesh.
    """
    counterpart = mesh.counterpart
    mean = (mean + mean[counterpart] * MIRROR) / 2
    components = (components + components[counterpart] * MIRROR[:, None]) / 2
    posedirs = (posedirs + _mirrored_posedirs(posedirs, counterpart)) / 2
    parents = np.array([2**32 - 1, *PARENTS[1:]])
    return {
        "v_template": _rounded(mean, SHAPE_STEP),
        "shapedirs": _rounded(components, SHAPE_STEP),
        "posedirs": _rounded(posedirs, CORRECTIVE_STEP),
        "J_regressor": _rounded_rows(regressor, REGRESSOR_STEP),
        "weights": _rounded_rows(mesh.weights, WEIGHT_STEP),
        "kintree_table": np.stack([parents, np.arange(24)]).astype(np.uint32),
        "f": mesh.faces.astype(np.uint32),
        "name": np.array("open body"),
        "gender": np.array(gender),
    }


def _mirrored_posedirs(posedirs, counterpart):
    """Mirrored correctives: the other side's vertex and joint, and the sign of x flipped."""
    by_joint = posedirs.reshape(-1, 3, 23, 3, 3)
    joints = np.array(MIRROR_JOINTS[1:]) - 1
    signs = np.einsum("c,a,b->cab", MIRROR, MIRROR, MIRROR)[None, :, None]
    return (by_joint[counterpart][:, :, joints] * signs).reshape(posedirs.shape)


def _rounded(array, step):
    return (np.round(array / step) * step).astype(np.float32)


def _rounded_rows(array, step):
    """Rounded rows that still sum to exactly 1: the largest element takes the difference."""
    rounded = np.round(array / step) * step
    largest = rounded.argmax(axis=1)
    rounded[np.arange(len(array)), largest] += 1 - rounded.sum(axis=1)
    return rounded.astype(np.float32)
