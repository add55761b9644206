"""Pictures and films of a run: panels in a row, each with a round's body or the cloud alone, and a
caption."""

import dataclasses
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter1d

from sshmr.errors import InputError
from sshmr.files import atomic_path
from sshmr.viewing.camera import azimuth_of, side_seen
from sshmr.viewing.frames import Frame, Run, Sequence
from sshmr.viewing.render import CLAY, DISTANCE_COLOURS, FAR_DISTANCE, View, heat, png, render, side_by_side

COLOURS = ("plain", "correspondence", "error", "confidence")
FILMS = (".mp4", ".gif", ".webp")
ELEVATION = 0.12
MARGIN = 0.12
"""Elevation of the camera in radians; margin around a body in metres."""

SMOOTHING = 4.0
"""Frames over which the motion of a film's camera is smoothed."""

PAPER, CAPTION = (251, 250, 248), (125, 131, 140)
UNLABELLED = np.array([0.55, 0.57, 0.60])


Outline = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Vertices (V, 3), cloud (K, 3), offset (3,) and the side (3,) of a frame that the cloud lies on."""


@dataclasses.dataclass(frozen=True)
class Panel:
    """The content of one panel: ``cloud``, ``truth``, or a stage of a round."""

    what: str
    round: int = 0

    @property
    def caption(self) -> str:
        """Its title."""
        if self.what in ("cloud", "truth"):
            return self.what.capitalize()
        return (
            "Bootstrap"
            if self.round == 0
            else f"Round {self.round}" + (", network" if self.what == "network" else "")
        )


def parse_panel(text: str, run: Run) -> Panel:
    """A panel from its name on the command line: ``cloud``, ``truth``, ``2`` (that round's fit),
    ``2:network``.

    Raises:
        InputError: when it is none of these, or the run has no such round.
    """
    if text in ("cloud", "truth"):
        return Panel(text)
    number, _, stage = text.partition(":")
    panel = Panel(stage or "fit", int(number) if number.isdecimal() else -1)
    if (panel.round, panel.what) not in run.stages:
        known = [f"{round_}" if stage == "fit" else f"{round_}:{stage}" for round_, stage in run.stages]
        raise InputError("--panel", "the panel", f'"{text}"', f"one of cloud, truth, {', '.join(known)}")
    return panel


def default_panels(run: Run) -> list[Panel]:
    """The cloud, the bootstrap and the last round's fit, as far as the run has them."""
    fits = [round_ for round_, stage in run.stages if stage == "fit"]
    return [Panel("cloud"), *(Panel("fit", round_) for round_ in dict.fromkeys((fits[0], fits[-1])))]


def pictures(
    run: Run,
    sequence: Sequence,
    rows: list[int],
    panels: list[Panel],
    colour: str = "plain",
    height: int = 480,
    azimuth: float = 0.0,
) -> Iterator[np.ndarray]:
    """One picture per row, with all panels, from a camera that follows the body.

    Args:
        rows: of the sequence.
        panels: from left to right.
        colour: one of ``COLOURS``.
        height: pixels, without the captions.
        azimuth: radians to the right of the estimated sensor.

    Yields:
        (height + captions, width, 4) uint8.

    Raises:
        InputError: when a panel shows the truth of a sequence that has none, or a round it lacks.
    """
    stages = [(panel.round, panel.what) for panel in panels if panel.what not in ("cloud", "truth")]
    leading = stages[-1] if stages else run.stages[-1]
    views = _views([_outline(run, run.frame(sequence, row, *leading)) for row in rows], azimuth)
    notes = ["simulated"] * run.simulated + [f"by {colour}"] * (colour != "plain")
    corner = " · ".join(notes)
    for row, view in zip(rows, views, strict=True):
        frames = {stage: run.frame(sequence, row, *stage) for stage in {leading, *stages}}
        tiles = [
            _tile(run, view, panel, frames.get((panel.round, panel.what), frames[leading]), colour, height)
            for panel in panels
        ]
        captions = [panel.caption for panel in panels]
        yield _with_captions(tiles, captions, corner)


def write_picture(path: Path, picture: np.ndarray) -> None:
    """Write one picture as .png with a transparent background."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(png(picture))


def write_film(path: Path, shots: Iterable[np.ndarray], fps: float) -> None:
    """Write pictures as a film: .mp4 (H.264), .gif or .webp, whole or not at all.

    Raises:
        InputError: when an .mp4 is requested and PyAV is not installed.
    """
    opaque = (_on_paper(shot) for shot in shots)
    with atomic_path(path) as temporary:
        if path.suffix == ".mp4":
            _write_mp4(temporary, opaque, fps)
        else:
            first, *others = [Image.fromarray(shot) for shot in opaque]
            first.save(
                temporary, path.suffix[1:].upper(), save_all=True, append_images=others,
                duration=round(1000 / fps), loop=0,
            )  # fmt: skip


def _write_mp4(path: Path, shots: Iterable[np.ndarray], fps: float) -> None:
    try:
        import av
    except ImportError:
        raise InputError(
            path.name,
            found="an .mp4, which needs PyAV",
            expected=".gif or .webp without it",
            fix="pip install 'sshmr[video]'",
        ) from None
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream: Any = None
        for shot in shots:
            # H.264 halves the colour's resolution: sides must be even.
            shot = shot[: shot.shape[0] // 2 * 2, : shot.shape[1] // 2 * 2]
            if stream is None:
                stream = container.add_stream(
                    "h264", rate=Fraction(fps).limit_denominator(1000), options={"crf": "20"}
                )
                stream.height, stream.width = shot.shape[:2]
                stream.pix_fmt = "yuv420p"
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(shot), "rgb24")))
        container.mux(stream.encode())


def _outline(run: Run, frame: Frame) -> Outline:
    """The data of a frame that the camera needs. A long film could not keep whole frames in memory."""
    side = side_seen(frame.vertices, run.faces, frame.cloud)
    return frame.vertices, frame.cloud, frame.offset, side


def _views(outlines: list[Outline], azimuth: float) -> list[View]:
    """One camera per frame, in that frame's coordinates, all with the same size and heading.

    The middles of the bodies are smoothed in the source's frame, so that the picture does not shake.
    The heading is that of the side with the points, over all frames.
    """
    middles = np.stack(
        [(vertices.min(axis=0) + vertices.max(axis=0)) / 2 for vertices, *_ in outlines]
    ).astype(float)
    offsets = np.stack([offset for _, _, offset, _ in outlines])
    centres = gaussian_filter1d(middles + offsets, SMOOTHING, axis=0, mode="nearest") - offsets
    heading = azimuth_of(np.mean([side for *_, side in outlines], axis=0)) + azimuth
    across = along = 0.0
    axes = View(heading, ELEVATION, np.zeros(3), 1.0, 1.0).axes()
    for (vertices, cloud, *_), centre in zip(outlines, centres, strict=True):
        reach = np.abs((np.concatenate([vertices, cloud]) - centre) @ axes.T).max(axis=0)
        across, along = max(across, 2 * reach[0]), max(along, 2 * reach[1])
    return [View(heading, ELEVATION, centre, across + 2 * MARGIN, along + 2 * MARGIN) for centre in centres]


def _tile(run: Run, view: View, panel: Panel, frame: Frame, colour: str, height: int) -> np.ndarray:
    if panel.what == "cloud":
        tint = np.broadcast_to(DISTANCE_COLOURS[0], frame.cloud.shape)
        return render(view, height, None, run.faces, frame.cloud, point_colours=tint)
    if panel.what == "truth":
        if frame.truth is None:
            raise InputError(
                "--panel", "the panel", '"truth"', "cloud or a round", f"{frame.frame_id} has no ground truth"
            )
        return render(view, height, frame.truth, run.faces)
    vertices, points = _colours(run, frame, colour)
    return render(view, height, frame.vertices, run.faces, frame.cloud, vertices, points, frame.shown)


def _colours(run: Run, frame: Frame, colour: str) -> tuple[np.ndarray, np.ndarray]:
    """Colours of the body (None: clay) and of the points."""
    clay, blue = (
        np.broadcast_to(CLAY, frame.vertices.shape),
        np.broadcast_to(DISTANCE_COLOURS[0], frame.cloud.shape),
    )
    if colour == "correspondence":
        named = run.vertex_colours[frame.vertex_of_point]
        return run.vertex_colours, np.where(frame.vertex_of_point[:, None] < 0, UNLABELLED, named)
    if colour == "error":
        errors = clay if frame.errors is None else heat(frame.errors / FAR_DISTANCE)
        return errors, heat(frame.distances / FAR_DISTANCE)
    if colour == "confidence" and np.isfinite(frame.confidence):
        whole = heat(np.array([1 - frame.confidence]))
        points = blue * 0 + whole if frame.weights is None else heat(1 - frame.weights)
        return clay * 0 + whole, points
    return clay, blue


def _with_captions(tiles: list[np.ndarray], captions: list[str], corner: str) -> np.ndarray:
    """Panels in a row over a line of text; ``corner`` stands above them at the left, in full."""
    picture = Image.fromarray(side_by_side(tiles))
    size = max(11, picture.height // 26)
    font, small = ImageFont.load_default(size), ImageFont.load_default(0.85 * size)
    width = max(picture.width, round(small.getlength(corner) + 1.2 * size))
    canvas = Image.new("RGBA", (width, picture.height + round(2.2 * size)))
    left = (width - picture.width) // 2
    canvas.paste(picture, (left, 0))
    pen = ImageDraw.Draw(canvas)
    for tile, caption in zip(tiles, captions, strict=True):
        middle = (left + tile.shape[1] / 2, picture.height + 0.9 * size)
        pen.text(middle, caption, fill=(*CAPTION, 255), font=font, anchor="mm")
        left += tile.shape[1]
    pen.text((0.6 * size, 0.5 * size), corner, fill=(*CAPTION, 255), font=small)
    return np.asarray(canvas)


def _on_paper(picture: np.ndarray) -> np.ndarray:
    """(H, W, 4) with opacity -> (H, W, 3) on the paper's colour."""
    cover = picture[..., 3:] / 255.0
    return np.round(picture[..., :3] * cover + np.array(PAPER) * (1 - cover)).astype(np.uint8)
