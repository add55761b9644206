"""Write rendered people in SURREAL's on-disk layout, in either reading of its world.

The constants of the layout are stated here, not taken from the reader, so that a mistake in either shows.

Sources: github.com/gulvarol/surreal: README (files, shapes, frames), datageneration/main_part1.py (the
camera: 60 mm lens, 320 × 240 pixels; Blender's sensor is 32 mm wide), issues 10, 27 and 29 (left and right,
the camera's matrix); the evaluation of Su et al., ACM MM 2025, for the reading ``swapped``.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.io import savemat

from sshmr.body.model import BodyModel
from sshmr.capture.actor import Actor, place
from sshmr.config.capture import CaptureConfig
from sshmr.errors import InputError
from sshmr.files import atomic_path
from sshmr.geometry.raycast import Surface
from sshmr.geometry.rotations import rotmat_to_rotvec, rotvec_to_rotmat

HEIGHT, WIDTH = 240, 320
FOCAL = WIDTH * 60 / 32
"""Pixels: a lens of 60 mm in front of a sensor that is 32 mm wide."""
CENTRE = (WIDTH / 2, HEIGHT / 2)
BACKGROUND = 1e10
"""Depth of the background from Blender's renderer, metres."""
CAMERA_AXES = {"x": (0, 0, -1), "y": (0, 1, 0), "z": (-1, 0, 0)}
"""Where the camera's right, down and ahead point in SURREAL's world: it looks along −x, and y points down."""
CAMERA_TO_WORLD = np.array(list(CAMERA_AXES.values()), float).T
BODY_TO_WORLD = {
    "straight": np.array([[1.0, 0, 0], [0, -1, 0], [0, 0, -1]]),
    "swapped": np.array([[0.0, 0, -1], [0, -1, 0], [1, 0, 0]]),
}
"""From the posed body's frame, y up, to SURREAL's world, for either reading of its labels: ``straight``
rotates
it half about x; ``swapped`` exchanges x and z as well, which mirrors it together with the images."""
STORED_FROM_Y_UP = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
"""(x, y, z) → (x, −z, y): poses are stored with z up, before ``zrot``."""
GENDER_CODES = {"female": 0, "male": 1}
CLIP_FRAMES = 5
"""Frames per clip. The published selection uses the first five frames, so it uses all of them."""
CAMERA_HEIGHT = 1.0
DISTANCE, DISTANCE_SPREAD = 7.0, 0.7
JOINT_OFFSET = 0.01
"""Standard deviation of SURREAL's joints about SMPL's, metres: they come from a few vertices."""


class Rendered(NamedTuple):
    """The image of SURREAL's camera: depth (240, 320) float32 metres, parts (240, 320) uint8."""

    depth: np.ndarray
    parts: np.ndarray


def simulate_surreal(
    actor: Actor, settings: CaptureConfig, seed: int, rng: np.random.Generator, root: Path
) -> str:
    """Render the actor in clips of a few frames each; returns a line about them."""
    turn = rotvec_to_rotmat(torch.tensor([0.0, rng.uniform(0, 2 * np.pi), 0.0], dtype=torch.float64)).numpy()
    travel = (actor.motion.travel - actor.motion.travel.mean(axis=0)) @ turn.T
    placed = place(actor, turn, travel, up=1)
    distance = max(rng.normal(DISTANCE, DISTANCE_SPREAD), 5.0)
    split, numbers = actor.sequence.split, range(0, len(placed.pose), CLIP_FRAMES)
    name = f"{actor.sequence.subject + 1:02d}_{actor.sequence.number + 1:02d}"
    for clip, start in enumerate(numbers):
        rows = slice(start, start + CLIP_FRAMES)
        stem = root / "cmu" / split / "run0" / name / f"{name}_c{clip + 1:04d}"
        write_clip(
            stem,
            actor.body,
            actor.gender,
            placed.pose[rows],
            actor.betas,
            placed.transl[rows],
            distance,
            rng,
            defects=settings.defects,
        )
    return f"{len(placed.pose)} frames in {len(numbers)} clips of a {actor.gender} body at {distance:.1f} m"


def write_clip(
    stem: Path,
    body: BodyModel,
    gender: str,
    pose: np.ndarray,
    betas: np.ndarray,
    transl: np.ndarray,
    distance: float,
    rng: np.random.Generator,
    reading: str = "straight",
    defects: float = 0.0,
) -> np.ndarray:
    """Render one clip and write its three files.

    Args:
        stem: their path up to ``_depth.mat``.
        body: a ``BodyModel``; gender: ``female`` or ``male``, as the file states it.
        pose: (T, 72) radians, betas: (10,), transl: (T, 3) metres, y up, the ground at 0, near the origin.
        distance: from the camera to the origin, metres.
        rng: numpy Generator.
        reading: which of ``BODY_TO_WORLD`` the files follow.
        defects: share of frames without a person.

    Returns:
        (T, V, 3) float64 the meshes that were rendered, y up.
    """
    if gender not in GENDER_CODES:
        raise InputError("capture", "gender", f'"{gender}"', '"male" or "female"', "SURREAL has no other")
    count, kind = len(pose), torch.float64
    tensors = [torch.as_tensor(values, dtype=kind) for values in (pose, np.tile(betas, (count, 1)), transl)]
    posed = body.to(dtype=kind)(*tensors)
    y_up_to_world = BODY_TO_WORLD[reading]
    camera = np.array([distance, -CAMERA_HEIGHT, 0.0])
    parts = body.weights.argmax(dim=1).numpy() + 1
    images = [
        render(mesh @ y_up_to_world.T, body.faces.numpy(), parts, camera) for mesh in posed.vertices.numpy()
    ]
    for row in np.flatnonzero(rng.random(count) < defects):
        images[row] = Rendered(np.full_like(images[row].depth, BACKGROUND), np.zeros_like(images[row].parts))
    joints = posed.joints.numpy() + rng.normal(0, JOINT_OFFSET, (1, 24, 3))
    _save(stem, "depth", {f"depth_{row + 1}": image.depth for row, image in enumerate(images)})
    _save(stem, "segm", {f"segm_{row + 1}": image.parts for row, image in enumerate(images)})
    _save(stem, "info", _info(stem, pose, betas, gender, joints @ y_up_to_world.T, camera, rng))
    return posed.vertices.numpy()


def render(vertices: np.ndarray, faces: np.ndarray, parts: np.ndarray, camera: np.ndarray) -> Rendered:
    """Depth and parts of a mesh.

    Args:
        vertices: (V, 3) metres, in SURREAL's world; faces: (F, 3) int.
        parts: (V,) int, the part of each vertex, from 1; camera: (3,) ``camLoc``.

    Returns:
        A ``Rendered``.
    """
    columns, rows = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    # Rays have a length of one metre along the axis, so that the distance of a hit is its depth.
    rays = np.stack(
        [(columns - CENTRE[0]) / FOCAL, (rows - CENTRE[1]) / FOCAL, np.ones((HEIGHT, WIDTH))], axis=-1
    )
    depth, face = Surface(vertices, faces).cast(camera, rays @ CAMERA_TO_WORLD.T)
    hit = face >= 0
    shown = np.zeros((HEIGHT, WIDTH), np.uint8)
    shown[hit] = parts[faces[face[hit], 0]]
    return Rendered(np.where(hit, depth, BACKGROUND).astype(np.float32), shown)


def _info(
    stem: Path,
    pose: np.ndarray,
    betas: np.ndarray,
    gender: str,
    joints: np.ndarray,
    camera: np.ndarray,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """The annotation of a clip, in the shapes that SURREAL has them; joints (T, 24, 3) in its world."""
    count, zrot = len(pose), rng.uniform(0, 2 * np.pi)
    back = rotvec_to_rotmat(torch.tensor([0.0, 0.0, -zrot], dtype=torch.float64))
    roots = rotvec_to_rotmat(torch.as_tensor(pose[:, :3], dtype=torch.float64))
    stored = np.array(pose, np.float32)
    stored[:, :3] = rotmat_to_rotvec(back @ torch.as_tensor(STORED_FROM_Y_UP) @ roots).numpy()
    before = (joints - camera) @ CAMERA_TO_WORLD
    pixels = FOCAL * before[..., :2] / before[..., 2:] + CENTRE
    single = np.float32
    return {
        "sequence": stem.name,
        "clipNo": float(stem.name[-4:]),
        "stride": np.uint8(50),
        "source": "cmu",
        "pose": stored.T,
        "shape": np.tile(np.asarray(betas, single)[:, None], (1, count)),
        "joints2D": _without_last_one(pixels.transpose(2, 1, 0).astype(single)),
        "joints3D": _without_last_one(joints.transpose(2, 1, 0).astype(single)),
        "gender": np.full((count, 1), GENDER_CODES[gender], np.uint8),
        "zrot": np.full((count, 1), zrot, single),
        "camLoc": camera.astype(single)[:, None],
        "camDist": single(camera[0]),
    }


def _without_last_one(array: np.ndarray) -> np.ndarray:
    """MATLAB drops a last axis of length 1, as in clips of one frame."""
    return array[..., 0] if array.shape[-1] == 1 else array


def _save(stem: Path, kind: str, arrays: dict[str, Any]) -> None:
    with atomic_path(stem.with_name(f"{stem.name}_{kind}.mat")) as temporary:
        savemat(temporary, arrays, do_compression=True)
