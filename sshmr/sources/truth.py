"""True bodies, where a source has them and the body model that they are for is at hand."""

import torch

from sshmr.geometry.frames import turn_body
from sshmr.sources.frames import Truth


def truth_body(gender, load_body, maker, reading):
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
        note = f"no ground truth: there is no {gender} body model, a {body.gender} one stands in for it"
    elif not maker and body.name.startswith("open"):
        note = f"no ground truth: it is for SMPL, and the body model is {body.name}"
    if note is None:
        return body
    reading.notes.append(note)
    return None


def turned_truth(body, gender, rotation, pose, betas, transl, body_model):
    """The true bodies of T frames in another frame of coordinates, joints included.

    Args:
        body: a ``BodyModel``; gender, body_model: what the source says of it.
        rotation: (3, 3), source frame → target frame, about the frame's origin.
        pose: (T, 72) radians; betas: (T, 10); transl: (T, 3) metres; in the source's frame.

    Returns:
        A list of T ``Truth``, float64.
    """
    kind = torch.float64
    body = body.to(dtype=kind)
    pose, betas, transl = (torch.as_tensor(values, dtype=kind) for values in (pose, betas, transl))
    pelvis = body.rest_joints(betas)[:, 0]
    root, transl = turn_body(torch.as_tensor(rotation, dtype=kind), pose[:, :3], transl, pelvis)
    pose = torch.cat([root, pose[:, 3:]], dim=1)
    joints = body.subset([0])(pose, betas, transl).joints
    return [
        Truth(gender, *(value.numpy() for value in values), body_model)
        for values in zip(pose, betas, transl, joints, strict=True)
    ]
