"""The viewer: its page and its data, from a small web server for this machine."""

import contextlib
import http.server
import json
import threading
import urllib.parse
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from sshmr.errors import InputError
from sshmr.tables.run_folder import RunFolder
from sshmr.viewing.camera import azimuth_of, side_seen
from sshmr.viewing.frames import Frame, Run, Sequence
from sshmr.viewing.payload import pack, quantise, shares
from sshmr.viewing.render import FAR_DISTANCE

HOST = "127.0.0.1"
HOSTS = (HOST, "localhost")
NO_VERTEX = 0xFFFF


def page() -> str:
    """The page with its styles and scripts in it."""
    folder = resources.files("sshmr.viewing") / "assets"
    text = (folder / "view.html").read_text(encoding="utf-8")
    for name in ("view.css", "figure.js", "view.js"):
        text = text.replace(f"<!-- {name} -->", (folder / name).read_text(encoding="utf-8"))
    return text


def packed_run(run: Run, revision: int | None) -> bytes:
    """The data that the page loads once: sequences, rounds, and the body's faces and colours.

    ``revision``: number of this version of a run that grows; None for others.
    """
    facts = {
        "revision": revision,
        "name": run.results.resolve().name,
        "simulated": run.simulated,
        "sequences": [_sequence_facts(run, sequence) for sequence in run.sequences],
        "stages": [{"round": round_, "stage": stage} for round_, stage in run.stages],
        "far_mm": round(1000 * FAR_DISTANCE),
    }
    return pack(facts, {"faces": run.faces.astype(np.uint32), "colours": shares(run.vertex_colours)})


def _sequence_facts(run: Run, sequence: Sequence) -> dict[str, Any]:
    """A sequence; people found in a whole scene have its recording, and their frames' numbers in it."""
    facts = {"name": sequence.name, "split": sequence.split, "frames": sequence.frames}
    if run.has_scenes:
        scene = run.scene(sequence, 0)
        if scene is not None:
            facts |= {"recording": scene.recording, "numbers": run.points(sequence)["frame"].tolist()}
    return facts


def packed_scene(points: np.ndarray) -> bytes:
    """A scene's points (K, 3), in whole units."""
    middle = points.mean(axis=0) if len(points) else np.zeros(3)
    unit, arrays = quantise({"cloud": points - middle})
    return pack({"unit": unit, "offset": middle.tolist()}, arrays)


def packed_frame(frame: Frame, faces: np.ndarray) -> bytes:
    """One frame; errors and distances as shares of ``FAR_DISTANCE``, positions in whole units."""
    bodies = {"cloud": frame.cloud, "mesh": frame.vertices}
    if frame.truth is not None:
        bodies["truth"] = frame.truth
    unit, arrays = quantise(bodies)
    arrays["distances"] = shares(frame.distances, FAR_DISTANCE)
    arrays["vertex_of_point"] = np.where(frame.vertex_of_point < 0, NO_VERTEX, frame.vertex_of_point).astype(
        np.uint16
    )
    if frame.weights is not None:
        arrays["weights"] = shares(frame.weights)
    if frame.shown is not None:
        arrays["shown"] = shares(frame.shown)
    if frame.errors is not None:
        arrays["errors"] = shares(frame.errors, FAR_DISTANCE)
    facts = {
        "frame_id": frame.frame_id,
        "number": frame.number,
        "offset": frame.offset.tolist(),
        "unit": unit,
        "azimuth": azimuth_of(side_seen(frame.vertices, faces, frame.cloud)),
        "mpjpe": 1000 * frame.mpjpe,
        "residual": 1000 * frame.residual,
        "confidence": frame.confidence,
    }
    return pack(facts, arrays)


class ShownRun:
    """The run that a server shows.

    Args:
        follow: read the run again when its tables change.

    Attributes:
        run: as it was read last. revision: how often it was read; None if it is read once.

    Raises:
        InputError: while there are no results.
    """

    def __init__(self, folder: Path, follow: bool = False) -> None:
        self.folder = RunFolder(folder)
        self.revision = 1 if follow else None
        self._seen = self._tables()
        self.run = Run(self.folder, unfinished=follow)

    def update(self) -> None:
        """Read a run that is followed again if its tables changed."""
        if self.revision is None:
            return
        seen = self._tables()
        # While a table is being replaced, the run stays as it is until the next update.
        with contextlib.suppress(InputError, OSError):
            if seen != self._seen:
                self.run = Run(self.folder, unfinished=True)
                self._seen, self.revision = seen, self.revision + 1

    def _tables(self) -> dict[Path, int]:
        times = {}
        for pattern in ("points/*/*.parquet", "round_*/*/*/*.parquet"):
            for path in self.folder.root.glob(pattern):
                with contextlib.suppress(FileNotFoundError):
                    times[path] = path.stat().st_mtime_ns
        return times


def make_server(shown: ShownRun, port: int) -> http.server.ThreadingHTTPServer:
    """A server for this machine alone; ``serve_forever`` starts it. Port 0 chooses a free one.

    Raises:
        InputError: when the port is taken.
    """
    text = page().encode()
    # Only one thread at a time may use the caches and the ray tracer.
    lock = threading.Lock()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urllib.parse.urlsplit(self.path)
            name = urllib.parse.urlsplit(f"//{self.headers.get('Host', '')}").hostname
            if name not in HOSTS:
                # A page of another site whose name resolves to this address must not read the run.
                self._answer(403, "text/plain", b"Open this page as localhost.")
            elif address.path == "/":
                self._answer(200, "text/html; charset=utf-8", text)
            elif address.path == "/run":
                self._run(urllib.parse.parse_qs(address.query))
            elif address.path in ("/frame", "/scene"):
                self._body(urllib.parse.parse_qs(address.query), address.path == "/scene")
            else:
                self._answer(404, "text/plain", b"No such page.")

        def _run(self, query: dict[str, list[str]]) -> None:
            with lock:
                shown.update()
                unchanged = query.get("since") == [str(shown.revision)]
                body = b"" if unchanged else packed_run(shown.run, shown.revision)
            if unchanged:
                self._answer(204, "text/plain", b"")
            else:
                self._answer(200, "application/octet-stream", body)

        def _body(self, query: dict[str, list[str]], scene: bool) -> None:
            """A frame's body, or the scene around it."""
            try:
                with lock:
                    now = shown.run
                    sequence, row = now.sequences[int(query["sequence"][0])], int(query["row"][0])
                    if scene:
                        content = packed_scene(now.scene_points(sequence, row))
                    else:
                        frame = now.frame(sequence, row, int(query["round"][0]), query["stage"][0])
                        content = packed_frame(frame, now.faces)
            except (InputError, OSError, KeyError, ValueError, IndexError) as error:
                self._answer(404, "application/json", json.dumps({"error": str(error)}).encode())
            else:
                self._answer(200, "application/octet-stream", content)

        def _answer(self, status: int, kind: str, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Cache-Control", "no-store")
            # It is not an error if the browser disconnects before the answer.
            with contextlib.suppress(ConnectionError):
                self.end_headers()
                self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Do not log requests."""

    try:
        return http.server.ThreadingHTTPServer((HOST, port), Handler)
    except OSError as error:
        raise InputError(
            "--port", found=f"{port}: {error.strerror}", expected="a free port", fix="Take another, or 0"
        ) from None
