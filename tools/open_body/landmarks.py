"""SMPL's landmark vertices, and a vertex order that keeps their numbers."""

import numpy as np

SMPL_VERTEX_IDS = {
    "nose": 332, "right_eye": 6260, "left_eye": 2800, "right_ear": 4071, "left_ear": 583,
    "right_thumb": 6191, "right_index": 5782, "right_middle": 5905, "right_ring": 6016, "right_pinky": 6133,
    "left_thumb": 2746, "left_index": 2319, "left_middle": 2445, "left_ring": 2556, "left_pinky": 2673,
    "left_big_toe": 3216, "left_small_toe": 3226, "left_heel": 3387,
    "right_big_toe": 6617, "right_small_toe": 6624, "right_heel": 6787,
}  # fmt: skip
"""Vertex numbers that SMPL software takes for extra joints (OpenPose's and COCO's face, hands and feet)."""
FINGERS = ("thumb", "index", "middle", "ring", "pinky")


def left_landmarks(vertices, bone_weights, bones, on_midline, eye):
    """Vertex of each landmark on the left half.

    Args:
        vertices: (H, 3) metres, sculpted. bone_weights: (H, B). bones: B names. on_midline: (H,) bool.
        eye: the vertex that closes the eye.

    Returns:
        name without side → vertex.
    """

    def farthest(direction, *prefixes):
        columns = [i for i, bone in enumerate(bones) if bone.startswith(prefixes)]
        mine = bone_weights[:, columns].sum(axis=1) > 0.5
        return int(np.where(mine, vertices @ direction, -np.inf).argmax())

    outward, forward = np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0])
    down_the_hand = np.array([0.3, -0.6, 0.7])
    head = np.where(on_midline & (vertices[:, 1] > vertices[eye, 1] - 0.06), vertices[:, 2], -np.inf)
    landmarks = {
        "nose": int(head.argmax()),
        "eye": eye,
        "ear": farthest(outward, "neck03", "head"),
        "big_toe": farthest(forward, "toe1-2.L"),
        "small_toe": farthest(forward, "toe5-3.L"),
        "heel": farthest(-forward - np.array([0.0, 1.0, 0.0]), "foot.L"),
    }
    for digit, name in enumerate(FINGERS, start=1):
        landmarks[name] = farthest(down_the_hand, f"finger{digit}-3.L")
    return landmarks


def vertex_order(left, counterpart):
    """Permutation that puts landmarks on SMPL's numbers and leaves the others in their order.

    Args:
        left: landmark (without side) → vertex on the left half. counterpart: (V,) mirror images.

    Returns:
        (V,) old index of each new vertex.
    """
    place = {}
    for name, number in SMPL_VERTEX_IDS.items():
        side, _, stem = name.partition("_")
        vertex = left[name] if name in left else left[stem]
        place[number] = counterpart[vertex] if side == "right" else vertex
    order = np.full(len(counterpart), -1)
    order[list(place)] = list(place.values())
    order[order < 0] = np.setdiff1d(np.arange(len(counterpart)), order)
    return order
