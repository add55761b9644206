"""From MakeHuman's 163 bones to SMPL's 24 joints: skinning weights and joint centres."""

import numpy as np

from sshmr.body.layout import JOINT_NAMES

SIDED = frozenset(name.removeprefix("left_") for name in JOINT_NAMES if name.startswith("left_"))

BONES_OF_JOINT = {
    "pelvis": ("root", "pelvis", "spine05"),
    "spine1": ("spine04", "spine03"),
    "spine2": ("spine02",),
    "spine3": ("spine01", "breast"),
    "neck": ("neck01", "neck02"),
    "collar": ("clavicle", "shoulder01"),
    "shoulder": ("upperarm",),
    "elbow": ("lowerarm",),
    "wrist": ("wrist", "metacarpal", "finger1"),
    "hand": ("finger2", "finger3", "finger4", "finger5"),
    "hip": ("upperleg",),
    "knee": ("lowerleg",),
    "ankle": ("foot",),
    "foot": ("toe",),
}
"""Prefixes of MakeHuman bone names; all other bones (neck03, head, jaw, face) go to the head."""
HEAD_OF_JOINT = {
    "spine1": "spine04",
    "spine2": "spine02",
    "spine3": "spine01",
    "neck": "neck01",
    "head": "neck03",
    "collar": "clavicle",
    "shoulder": "upperarm01",
    "elbow": "lowerarm01",
    "wrist": "wrist",
    "hip": "upperleg01",
    "knee": "lowerleg01",
    "ankle": "foot",
}
"""Joints that sit at a bone's head; pelvis, hand and foot are made of several."""
HIP_INWARD = 0.85
"""MakeHuman's hip bones start near the skin; hip centres lie further in."""
TOWARDS_PARENT = 0.15
"""Hand and foot joints lie this far from the knuckles towards wrist and ankle."""


def joint_weights(weights, bones):
    """Sum bone weights into joints: (V, B) → (V, 24)."""
    columns = np.array([JOINT_NAMES.index(_joint_of(bone)) for bone in bones])
    return weights @ np.eye(len(JOINT_NAMES))[columns]


def joint_targets(heads, bones):
    """Where the joints should be: bone heads (n, B, 3) → (n, 24, 3), metres, sculpted pose."""

    def head(bone):
        return heads[:, bones.index(bone)]

    joints = {}
    for side, suffix in (("left_", ".L"), ("right_", ".R")):
        for joint, bone in HEAD_OF_JOINT.items():
            if bone + suffix in bones:
                joints[side + joint] = head(bone + suffix)
        joints[side + "hip"] = joints[side + "hip"] * np.array([HIP_INWARD, 1.0, 1.0])
        knuckles = np.mean([head(f"finger{digit}-1{suffix}") for digit in range(2, 6)], axis=0)
        toes = np.mean([head(f"toe{digit}-1{suffix}") for digit in range(1, 6)], axis=0)
        for joint, parent, bases in (("hand", "wrist", knuckles), ("foot", "ankle", toes)):
            joints[side + joint] = bases + TOWARDS_PARENT * (joints[side + parent] - bases)
    for joint, bone in HEAD_OF_JOINT.items():
        if bone in bones:
            joints[joint] = head(bone)
    hips = (joints["left_hip"] + joints["right_hip"]) / 2
    between = (hips + joints["spine1"]) / 2
    joints["pelvis"] = np.stack([hips[:, 0], between[:, 1], hips[:, 2]], axis=1)
    # MakeHuman's lumbar bone starts so near the back that it would lie outside the thinnest bodies.
    joints["spine1"] = np.concatenate([joints["spine1"][:, :2], between[:, 2:]], axis=1)
    return np.stack([joints[name] for name in JOINT_NAMES], axis=1)


def _joint_of(bone):
    stem, _, side = bone.partition(".")
    for joint, prefixes in BONES_OF_JOINT.items():
        if stem.startswith(prefixes):
            return {"L": "left_", "R": "right_"}[side] + joint if joint in SIDED else joint
    return "head"
