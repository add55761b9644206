"""True bodies, if a source has them and their body model is available."""

from collections.abc import Callable

import numpy as np
import torch

from sshmr.body.model import BodyModel
from sshmr.geometry.frames import turn_body
from sshmr.sources.frames import Reading, Truth
from sshmr.sources.manifest import Maker

BodyLoader = Callable[[str], BodyModel | None]
"""A gender's body model; None where there is none."""


def truth_body(gender: str, load_body: BodyLoader, maker: Maker | None, reading: Reading) -> BodyModel | None:
    """The body that a source's ground truth is for, or None and a note in the reading.

    Args:
        gender: the gender that the source states.
        load_body: function of a gender that returns a ``BodyModel``, or None where there is none.
        maker: the ``Maker`` of simulated data, None for real ones.
        reading: the ``Reading`` that gets the note.
    """
    body = load_body(gender)
    note = None
    if body is None:
        note = f"no ground truth: there is no {gender} body model"
    elif maker and body.digest != maker.body_digest:
        note = f"no ground truth: it was made with another {maker.body_model} than {body.name}"
    elif not maker and body.gender != gender:
        note = f"no ground truth: there is no {gender} body model, a {body.gender} one replaces it"
    elif not maker and body.name.startswith("open"):
        note = f"no ground truth: it is for SMPL, and the body model is {body.name}"
    if note is None:
        return body
    reading.notes.append(note)
    return None


def turned_truth(
    body: BodyModel,
    gender: str,
    rotation: np.ndarray,
    pose: np.ndarray,
    betas: np.ndarray,
    transl: np.ndarray,
    body_model: str,
) -> list[Truth]:
    """The true bodies of T frames in another frame of coordinates, joints included.

    Args:
        body: a ``BodyModel``; gender, body_model: from the source.
        rotation: (3, 3), source frame → target frame, about the frame's origin.
        pose: (T, 72) radians; betas: (T, 10); transl: (T, 3) metres; in the source's frame.

    Returns:
        A list of T ``Truth``, float64.
    """
    kind = torch.float64
    body = body.to(dtype=kind)
    rotvecs, shape, place = (torch.as_tensor(values, dtype=kind) for values in (pose, betas, transl))
    pelvis = body.rest_joints(shape)[:, 0]
    root, place = turn_body(torch.as_tensor(rotation, dtype=kind), rotvecs[:, :3], place, pelvis)
    rotvecs = torch.cat([root, rotvecs[:, 3:]], dim=1)
    joints = body.subset([0])(rotvecs, shape, place).joints
    columns = (values.numpy() for values in (rotvecs, shape, place, joints))
    return [Truth(gender, p, b, t, j, body_model) for p, b, t, j in zip(*columns, strict=True)]
