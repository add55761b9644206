"""Depth cameras around a person: their positions and their images."""

from typing import NamedTuple

import numpy as np
from scipy.ndimage import binary_dilation, maximum_filter, minimum_filter

from sshmr.capture.lens import Lens, kinect_lens
from sshmr.capture.props import Mesh
from sshmr.config.capture import DepthConfig
from sshmr.geometry.raycast import Surface

CAMERAS = 4
STEP = 0.1
"""Metres between two neighbouring pixels at an edge, where time-of-flight cameras measure neither side."""
GRAZING = 0.15
"""Cosine of incidence below which readings are lost."""
BEYOND = 100.0


class DepthCamera(NamedTuple):
    """A camera in a room with y up: its frame has x right, y down, z ahead.

    Attributes:
        lens: a ``Lens``; table: (H, W, 2), its rays.
        rotation: (3, 3), position: (3,) metres: the camera's frame → the room's.
    """

    lens: Lens
    table: np.ndarray
    rotation: np.ndarray
    position: np.ndarray


class Image(NamedTuple):
    """A camera's image: depth (H, W) uint16 millimetres, 0 for none, and the person's mask, bool."""

    depth: np.ndarray
    mask: np.ndarray


def make_rig(settings: DepthConfig, rng: np.random.Generator) -> list[DepthCamera]:
    """Four cameras around the room's origin, looking at a person's middle; settings: a ``DepthConfig``."""
    cameras, first = [], rng.uniform(0, 2 * np.pi)
    for number in range(CAMERAS):
        bearing = first + number * 2 * np.pi / CAMERAS + np.radians(rng.uniform(-15, 15))
        distance = rng.uniform(*settings.distance)
        position = np.array([distance * np.sin(bearing), rng.uniform(1.0, 1.8), distance * np.cos(bearing)])
        ahead = np.array([0.0, rng.uniform(0.8, 1.0), 0.0]) - position
        lens = kinect_lens(settings.width, settings.height, rng)
        roll = np.radians(rng.uniform(-3, 3))
        cameras.append(DepthCamera(lens, lens.pixel_table(), _looking(ahead, roll), position))
    return cameras


def measure(
    camera: DepthCamera, person: Mesh, rest: Mesh, settings: DepthConfig, rng: np.random.Generator
) -> Image:
    """One image with the defects of a time-of-flight camera.

    Args:
        camera: a ``DepthCamera``; person, rest: (vertices, faces) in the room, metres.
        settings: a ``DepthConfig``; rng: numpy Generator.

    Returns:
        An ``Image``. Its mask bleeds over the person's edge in places, as segmentations do.
    """
    vertices = np.concatenate([person[0], rest[0]])
    faces = np.concatenate([person[1], rest[1] + len(person[0])])
    known = np.isfinite(camera.table).all(axis=-1)
    rays = np.concatenate([camera.table, np.ones((*known.shape, 1))], axis=-1)[known] @ camera.rotation.T
    distance, face = Surface(vertices, faces).cast(camera.position, rays)
    depth, triangle = np.zeros(known.shape), np.full(known.shape, -1)
    # Rays are one metre long along the camera's axis, so distances along them are depths.
    depth[known], triangle[known] = np.where(face >= 0, distance, 0.0), face
    mask = (triangle >= 0) & (triangle < len(person[1]))
    depth = _with_faults(depth, _incidence(vertices, faces, face, rays, known), settings, rng)
    bleeding = binary_dilation(mask) & (rng.random(mask.shape) < 0.5)
    return Image(np.round(1000 * depth).clip(0, 65535).astype(np.uint16), mask | bleeding)


def _with_faults(
    depth: np.ndarray, incidence: np.ndarray, settings: DepthConfig, rng: np.random.Generator
) -> np.ndarray:
    """Noise along the axis that grows with the square of the depth; lost and flying pixels at edges."""
    seen = depth > 0
    near, far = minimum_filter(np.where(seen, depth, BEYOND), 3), maximum_filter(depth, 3)
    noisy = depth + settings.noise * depth**2 * rng.standard_normal(depth.shape)
    # On a slope a pixel lies between its neighbours; at a jump it is at either end.
    jump = (far - near > STEP) & (np.abs(depth - (near + far) / 2) > 0.35 * (far - near))
    edge = seen & jump & (rng.random(depth.shape) < settings.edges)
    flying = near + (far - near) * rng.random(depth.shape)
    noisy = np.where(edge, np.where(rng.random(depth.shape) < 0.5, flying, 0.0), noisy)
    lost = ~seen | (rng.random(depth.shape) < settings.dropout)
    lost |= rng.random(depth.shape) > incidence / GRAZING
    return np.where(lost, 0.0, noisy)


def _incidence(
    vertices: np.ndarray, faces: np.ndarray, face: np.ndarray, rays: np.ndarray, known: np.ndarray
) -> np.ndarray:
    """Cosine between each pixel's ray and the surface it meets, 0 to 1."""
    first, second, third = (vertices[faces[face, i]] for i in range(3))
    normal = np.cross(second - first, third - first)
    length = np.linalg.norm(normal, axis=1) * np.linalg.norm(rays, axis=1)
    cosine = np.zeros(known.shape)
    cosine[known] = np.abs((normal * rays).sum(axis=1)) / np.maximum(length, 1e-12)
    return cosine


def _looking(ahead: np.ndarray, roll: float) -> np.ndarray:
    """Rotation (3, 3), camera → room, of a camera that looks along ``ahead``, rolled about it."""
    z = ahead / np.linalg.norm(ahead)
    x = np.cross(z, [0.0, 1.0, 0.0])
    x /= np.linalg.norm(x)
    y = np.cross(z, x)
    cosine, sine = np.cos(roll), np.sin(roll)
    return np.stack([cosine * x + sine * y, cosine * y - sine * x, z], axis=1)
