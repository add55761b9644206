"""Pictures of a mesh and a point cloud by ray casting: no display and no graphics driver are needed.

The camera is orthographic, so that sizes in pictures are comparable. Backgrounds are transparent, for light
and dark pages.
"""

import dataclasses
import io

import numpy as np
from PIL import Image

from sshmr.geometry.normals import vertex_normals
from sshmr.geometry.raycast import Surface

SAMPLES = 2
"""Rays per pixel and axis; their mean smooths the edges."""

CLAY = np.array([0.93, 0.91, 0.88])
SHADE = np.array([0.32, 0.37, 0.48])
"""Colour of lit skin, and brightness of unlit skin."""

GHOST = 0.35
"""Opacity of skin that the cloud does not show."""

DISTANCE_COLOURS = np.array([[0.00, 0.44, 0.76], [0.62, 0.32, 0.62], [0.88, 0.20, 0.10]])
"""Colours of points on the surface, half way, and at ``FAR_DISTANCE`` and beyond."""

FAR_DISTANCE = 0.10
DOT_RADIUS = 0.0065
DOT_TOLERANCE = 0.02
"""Metres: distance with the last colour, size of the dots, depth under the skin up to which points are
drawn."""


@dataclasses.dataclass(frozen=True)
class View:
    """An orthographic camera.

    Attributes:
        azimuth: radians about y; 0 looks from +z at the front of the rest pose, π/2 from +x.
        elevation: radians, above the horizon.
        centre: (3,) metres, what the middle of the picture shows.
        width, height: metres that the picture spans.
    """

    azimuth: float
    elevation: float
    centre: np.ndarray
    width: float
    height: float

    def axes(self) -> np.ndarray:
        """(3, 3): rows are the picture's right, its up, and the direction from the scene to the camera."""
        sin_a, cos_a = np.sin(self.azimuth), np.cos(self.azimuth)
        sin_e, cos_e = np.sin(self.elevation), np.cos(self.elevation)
        return np.array(
            [
                [cos_a, 0.0, -sin_a],
                [-sin_a * sin_e, cos_e, -cos_a * sin_e],
                [sin_a * cos_e, sin_e, cos_a * cos_e],
            ]
        )

    def project(self, points: np.ndarray) -> np.ndarray:
        """(..., 3) metres -> (..., 3): across and down as shares of the picture, metres to the camera."""
        right, up, back = np.moveaxis((points - self.centre) @ self.axes().T, -1, 0)
        return np.stack([right / self.width + 0.5, 0.5 - up / self.height, back], axis=-1)


def view_around(
    points: np.ndarray, azimuth: float, elevation: float, aspect: float, margin: float = 0.06
) -> View:
    """The view that holds all of ``points`` (..., 3); ``aspect`` is width over height."""
    flat = points.reshape(-1, 3)
    axes = View(azimuth, elevation, np.zeros(3), 1.0, 1.0).axes()
    low, high = (flat @ axes.T).min(axis=0), (flat @ axes.T).max(axis=0)
    across, along = (high - low)[:2] + 2 * margin
    height = max(along, across / aspect)
    return View(azimuth, elevation, ((low + high) / 2) @ axes, height * aspect, height)


def render(
    view: View,
    pixels_high: int,
    vertices: np.ndarray | None,
    faces: np.ndarray,
    points: np.ndarray | None = None,
    vertex_colours: np.ndarray | None = None,
    point_colours: np.ndarray | None = None,
    shown: np.ndarray | None = None,
) -> np.ndarray:
    """Draw a shaded mesh and, over it, a cloud of dots.

    A dot is hidden where the mesh is in front of it.

    Args:
        view: the camera.
        pixels_high: height of the picture; its width follows from the view.
        vertices, faces: (V, 3) float metres, (F, 3) int; without vertices the cloud is drawn alone.
        points: (N, 3) float, metres, or None.
        vertex_colours: (V, 3) in 0..1; clay if None.
        point_colours: (N, 3) in 0..1; if None, by their distance to the mesh.
        shown: (V,) in 0..1, how much of the skin the cloud shows. The rest is translucent. None: all of it is
            opaque.

    Returns:
        (height, width, 4) uint8: red, green, blue and opacity.
    """
    height = pixels_high * SAMPLES
    width = round(pixels_high * view.width / view.height) * SAMPLES
    colour, opacity, depth = np.zeros((height, width, 3)), np.zeros((height, width)), None
    if vertices is not None:
        surface = Surface(vertices, faces)
        tints = np.broadcast_to(CLAY, vertices.shape) if vertex_colours is None else vertex_colours
        cover = np.ones(len(vertices)) if shown is None else GHOST + (1 - GHOST) * shown
        depth = _draw_mesh(view, surface, vertices, faces, tints, cover, colour, opacity)
    if points is not None and len(points):
        if point_colours is None:
            near = np.zeros(len(points)) if vertices is None else surface.distances(points)
            point_colours = heat(near / FAR_DISTANCE)
        _draw_dots(view, points, point_colours, colour, opacity, depth)
    return _downsample(colour, opacity)


def heat(shares: np.ndarray) -> np.ndarray:
    """Colours from cold at 0 to hot at 1 and beyond, (N,) -> (N, 3)."""
    places = np.linspace(0, 1, len(DISTANCE_COLOURS))
    return np.stack([np.interp(shares, places, channel) for channel in DISTANCE_COLOURS.T], axis=-1)


def side_by_side(pictures: list[np.ndarray]) -> np.ndarray:
    """Pictures of one height in a row, (height, width, 4) each."""
    return np.concatenate(pictures, axis=1)


def png(picture: np.ndarray) -> bytes:
    """The picture as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def webp(picture: np.ndarray) -> bytes:
    """The picture as a WebP file, a quarter of the PNG's size, for pages with many pictures."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "WEBP", quality=88, method=4)
    return buffer.getvalue()


def _draw_mesh(
    view: View,
    surface: Surface,
    vertices: np.ndarray,
    faces: np.ndarray,
    tints: np.ndarray,
    cover: np.ndarray,
    colour: np.ndarray,
    opacity: np.ndarray,
) -> np.ndarray:
    """Draw the bare mesh with the opacity ``cover`` (V,); returns its depth, (H, W), −inf beside it."""
    height, width = opacity.shape
    axes = view.axes()
    across = ((np.arange(width) + 0.5) / width - 0.5) * view.width
    down = (0.5 - (np.arange(height) + 0.5) / height) * view.height
    plane = view.centre + across[None, :, None] * axes[0] + down[:, None, None] * axes[1]
    start = float(np.abs((vertices - view.centre) @ axes[2]).max()) + 1.0
    distance, face, weights = surface.hits(plane + start * axes[2], -axes[2])
    hit = face >= 0
    depth = np.where(hit, start - distance, -np.inf)

    weights, corners = weights[hit], faces[face[hit]]
    normals = np.einsum("pc,pcx->px", weights, vertex_normals(vertices, faces)[corners])
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-12)
    colour[hit] = _shade(normals @ axes.T, np.einsum("pc,pcx->px", weights, tints[corners]))
    opacity[hit] = np.einsum("pc,pc->p", weights, cover[corners])
    return depth


def _shade(normals: np.ndarray, tints: np.ndarray) -> np.ndarray:
    """Skin under a soft key light from the upper left and sky light from above, darker at the rim; (P, 3)."""
    key = np.array([-0.45, 0.6, 0.66])
    lit = np.clip(normals @ key, 0, None)
    sky = 0.5 + 0.5 * normals[:, 1]
    facing = np.clip(normals[:, 2], 0, 1)
    light = np.clip(0.68 * lit + 0.20 * sky + 0.12 * facing, 0, 1)
    rim = 1 - 0.5 * (1 - facing) ** 3
    return tints * (SHADE + (1 - SHADE) * light[:, None]) * rim[:, None]


def _draw_dots(
    view: View,
    points: np.ndarray,
    colours: np.ndarray,
    colour: np.ndarray,
    opacity: np.ndarray,
    depth: np.ndarray | None,
) -> None:
    """Stamp discs into the picture, far ones first."""
    height, width = opacity.shape
    projected = view.project(points)
    order = np.argsort(projected[:, 2])
    column = np.floor(projected[order, 0] * width).astype(int)
    row = np.floor(projected[order, 1] * height).astype(int)
    near, tint = projected[order, 2], colours[order]
    radius = max(1, round(DOT_RADIUS * height / view.height))
    steps = np.arange(-radius, radius + 1)
    disc = np.array([(r, c) for r in steps for c in steps if r * r + c * c <= (radius + 0.3) ** 2])
    centre_inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    seen = centre_inside.copy()
    if depth is not None:
        mesh = depth[row[centre_inside], column[centre_inside]]
        seen[centre_inside] = near[centre_inside] >= mesh - DOT_TOLERANCE
    rows = np.clip(row[seen, None] + disc[:, 0], 0, height - 1)
    columns = np.clip(column[seen, None] + disc[:, 1], 0, width - 1)
    # Of the dots that cover a pixel, the nearest one is the last.
    pixels, place = np.unique((rows * width + columns).ravel()[::-1], return_index=True)
    colour.reshape(-1, 3)[pixels] = np.repeat(tint[seen], len(disc), axis=0)[::-1][place]
    opacity.reshape(-1)[pixels] = 1.0


def _downsample(colour: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    """Mean over the samples of each pixel, colours weighted by opacity; uint8 RGBA."""
    height, width = opacity.shape
    shape = (height // SAMPLES, SAMPLES, width // SAMPLES, SAMPLES)
    cover = opacity.reshape(shape).mean(axis=(1, 3))
    mixed = (colour * opacity[..., None]).reshape(*shape, 3).mean(axis=(1, 3))
    picture = np.concatenate([mixed / np.maximum(cover, 1e-6)[..., None], cover[..., None]], axis=-1)
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)
