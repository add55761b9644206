"""A run's folder, opened for looking: which sequences and rounds there are, and any frame of them."""

import dataclasses
import functools
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from sshmr.body.template import Template
from sshmr.data.tables import provenance, read_labels, read_params, read_points, valid_mask
from sshmr.errors import InputError
from sshmr.evaluation.frames import Bodies, has_labels, pose_rows, true_bodies
from sshmr.evaluation.measures import mpjpe, nearest_vertices
from sshmr.evaluation.rounds import points_tables
from sshmr.geometry.raycast import Surface

FOLDERS = {"fit": "fit", "network": "infer"}
"""Where each stage's params lie inside a round."""

CACHED = 32
"""Tables that are kept in memory."""


@dataclasses.dataclass(frozen=True)
class Sequence:
    """One points table: its split and name, and how many frames it holds."""

    path: Path
    split: str
    name: str
    frames: int


@dataclasses.dataclass(frozen=True)
class Frame:
    """One frame of one round and stage, centred on its cloud; lengths in metres.

    Attributes:
        frame_id: its name throughout the run.
        number: the source's frame number.
        offset: (3,) what brings it back to the source's frame, turned y up.
        cloud: (N, 3) the points.
        vertices: (V, 3) the body that was found.
        distances: (N,) from each point to that body.
        vertex_of_point: (N,) int64: the vertex that the pseudo label names (−1: none), or where the stage
            has no labels the nearest one.
        weights: (N,) 0..1, how far each label is trusted; None without labels.
        residual: median of ``distances``.
        confidence: 0..1; NaN where the table has none.
        truth: (V, 3) the true body; None where the source has no labels.
        errors: (V,) from each vertex to its true place; None without truth.
        mpjpe: NaN without truth.
    """

    frame_id: str
    number: int
    offset: np.ndarray
    cloud: np.ndarray
    vertices: np.ndarray
    distances: np.ndarray
    vertex_of_point: np.ndarray
    weights: np.ndarray | None
    residual: float
    confidence: float
    truth: np.ndarray | None
    errors: np.ndarray | None
    mpjpe: float


class Run:
    """The results of a run, finished or still going on.

    Attributes:
        results: its folder.
        sequences: every points table, training sequences first.
        stages: (round, stage) pairs that have results, in the order of the loop: ``(0, "fit")``,
            ``(1, "network")``, ``(1, "fit")`` …
        simulated: whether any of the clouds were simulated.
        bodies: the run's bodies.
    """

    def __init__(self, results: str | Path, points: list[Path] | None = None):
        """Look round the folder.

        Args:
            points: the points tables that count, where an earlier run left others; all of them if None.

        Raises:
            InputError: when it holds no points tables, or no round's results.
        """
        self.results = Path(results)
        tables = points_tables(list(self.results.glob("points/*/*.parquet")) if points is None else points)
        if not tables:
            raise InputError(
                self.results,
                found="no points tables in it",
                expected="the folder of a run, such as results/demo, with points/SPLIT/SEQUENCE.parquet",
            )
        sequences = [
            Sequence(path, path.parent.name, path.stem, pq.read_metadata(path).num_rows) for path in tables
        ]
        self.sequences = sorted(
            (sequence for sequence in sequences if sequence.frames),
            key=lambda sequence: (sequence.split != "train", sequence.split, sequence.name),
        )
        self.stages = self._stages()
        if not self.stages:
            raise InputError(
                self.results,
                found="no results of any round in it",
                expected="round_0/fit/SPLIT/SEQUENCE.parquet and so on",
                fix="Let the run come as far as the bootstrap",
            )
        self.simulated = any(provenance(sequence.path).get("simulated") for sequence in self.sequences)
        self.bodies = Bodies(self.results / "body")
        self._points = functools.lru_cache(CACHED)(lambda path: read_points(path, labels=True))
        self._params = functools.lru_cache(CACHED)(lambda path: _by_frame(read_params(path)))
        self._labels = functools.lru_cache(CACHED)(lambda path: _by_frame(read_labels(path)))

    def sequence(self, name: str) -> Sequence:
        """The sequence of that name.

        Raises:
            InputError: when the run has none.
        """
        for sequence in self.sequences:
            if sequence.name == name:
                return sequence
        known = ", ".join(sequence.name for sequence in self.sequences[:12])
        raise InputError(self.results, f'sequence "{name}"', "unknown", f"one of {known}")

    def has(self, sequence: Sequence, round_: int, stage: str) -> bool:
        """Whether a stage's table of the sequence is there yet."""
        return self._path(sequence, round_, FOLDERS[stage]).exists()

    def points(self, sequence: Sequence) -> dict:
        """The sequence's points table with its labels, as ``read_points`` gives it."""
        return self._points(sequence.path)

    def params(self, sequence: Sequence, round_: int, stage: str) -> dict:
        """What a stage found for each row of the sequence's points table, as ``read_params`` gives it.

        Raises:
            InputError: when a frame is missing.
        """
        path = self._path(sequence, round_, FOLDERS[stage])
        order, params = self._params(path)
        frame_ids = self.points(sequence)["frame_id"]
        absent = [frame_id for frame_id in frame_ids if frame_id not in order]
        if absent:
            raise InputError(path, f'frame "{absent[0]}"', "missing", "every frame of the points table")
        rows = [order[frame_id] for frame_id in frame_ids]
        return {name: np.asarray(column)[rows] for name, column in params.items()}

    def row_of(self, sequence: Sequence, number: int) -> int:
        """The row of the source's frame ``number``.

        Raises:
            InputError: when the sequence has no such frame.
        """
        numbers = self._points(sequence.path)["frame"]
        rows = np.flatnonzero(numbers == number)
        if not len(rows):
            raise InputError(
                sequence.path, f"frame {number}", "missing", f"one of {numbers.min()} to {numbers.max()}"
            )
        return int(rows[0])

    def frame(self, sequence: Sequence, row: int, round_: int, stage: str) -> Frame:
        """One frame as one stage left it.

        Args:
            row: of the sequence's points table. round_, stage: as in ``stages``.
        """
        points = self._points(sequence.path)
        frame_id = points["frame_id"][row]
        path = self._path(sequence, round_, FOLDERS[stage])
        order, params = self._params(path)
        if frame_id not in order:
            raise InputError(path, f'frame "{frame_id}"', "missing", "every frame of the points table")
        at = order[frame_id]
        posed = pose_rows(self.bodies.neutral, params, [at])
        vertices = posed.vertices[0].numpy()
        cloud = points["points"][row][valid_mask(points)[row]]
        distances = Surface(vertices, self.faces).distances(cloud)
        vertex_of_point, weights = self._correspondence(sequence, round_, stage, frame_id, cloud, vertices)
        truth = errors = None
        error = float("nan")
        if has_labels(points)[row]:
            true = true_bodies(points, np.array([row]), self.bodies)
            truth, errors = true.vertices[0], np.linalg.norm(vertices - true.vertices[0], axis=1)
            error = float(mpjpe(posed.joints.numpy(), true.joints)[0])
        return Frame(
            frame_id,
            int(points["frame"][row]),
            points["offset"][row].astype(np.float64),
            cloud,
            vertices,
            distances,
            vertex_of_point,
            weights,
            float(np.median(distances)) if len(cloud) else float("nan"),
            float(params["confidence"][at]),
            truth,
            errors,
            error,
        )

    @property
    def faces(self) -> np.ndarray:
        """(F, 3) int64, of every body of the run."""
        return self.bodies.neutral.faces.numpy()

    @functools.cached_property
    def vertex_colours(self) -> np.ndarray:
        """(V, 3) in 0..1: a colour for every place on the body, from where it is in the rest pose."""
        rest = self.bodies.neutral.v_template.numpy()
        low, high = rest.min(axis=0), rest.max(axis=0)
        return (0.12 + 0.83 * (rest - low) / (high - low)).astype(np.float32)

    def _stages(self):
        found = []
        for folder in self.results.glob("round_*"):
            number = folder.name.removeprefix("round_")
            if number.isdecimal():
                found += [
                    (int(number), stage)
                    for stage, name in FOLDERS.items()
                    if any((folder / name).glob("*/*.parquet"))
                ]
        return sorted(found, key=lambda stage: (stage[0], stage[1] == "fit"))

    def _path(self, sequence, round_, folder):
        return self.results / f"round_{round_}" / folder / sequence.split / sequence.path.name

    def _correspondence(self, sequence, round_, stage, frame_id, cloud, vertices):
        """Vertex and, for pseudo labels, weight of each point."""
        path = self._path(sequence, round_, "labels")
        template = self.results / "body" / "template.npz"
        if stage == "fit" and path.exists() and template.exists():
            order, labels = self._labels(path)
            if frame_id in order:
                segment = labels["segment"][order[frame_id]][: len(cloud)].astype(np.int64)
                ids = Template.load(template).vertex_ids.numpy()
                return np.where(segment < 0, -1, ids[segment]), labels["weight"][order[frame_id]][
                    : len(cloud)
                ]
        return nearest_vertices(cloud, vertices), None


def _by_frame(table):
    """A table, and the row of each of its frames."""
    return {frame_id: row for row, frame_id in enumerate(table["frame_id"])}, table
