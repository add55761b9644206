"""A run's folder, opened for looking: which sequences and rounds there are, and any frame of them."""

import dataclasses
import functools
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from sshmr.body.template import Template
from sshmr.errors import InputError
from sshmr.evaluation.frames import Bodies, has_labels, pose_rows, true_bodies
from sshmr.evaluation.measures import mpjpe, nearest_vertices
from sshmr.evaluation.rounds import points_tables
from sshmr.geometry.raycast import Surface
from sshmr.tables.schemas import provenance, read_labels, read_params, read_points, valid_mask

FOLDERS = {"fit": "fit", "network": "infer"}
"""Where each stage's params lie inside a round."""

CACHED = 32
"""Tables that are kept in memory."""


@dataclasses.dataclass(frozen=True, eq=False)
class Sequence:
    """The frames of one sequence in one split, in their order; ``parts`` are rows of points tables.

    The workflow writes a table a sequence; others may put several into one, or one into several.
    """

    split: str
    name: str
    parts: tuple[tuple[Path, np.ndarray], ...]

    @property
    def frames(self) -> int:
        """How many frames it has."""
        return sum(len(rows) for _, rows in self.parts)


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
        tables: its points tables.
        sequences: all of them, training sequences first.
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
        tables = points_tables(_whole(self.results.glob("points/*/*.parquet")) if points is None else points)
        if not tables:
            raise InputError(
                self.results,
                found="no points tables in it",
                expected="the folder of a run, such as results/demo, with points/SPLIT/SEQUENCE.parquet",
            )
        self.tables = tables
        self.sequences = _sequences(tables)
        self.stages = self._stages()
        if not self.stages:
            raise InputError(
                self.results,
                found="no results of any round in it",
                expected="round_0/fit/SPLIT/SEQUENCE.parquet and so on",
                fix="Let the run come as far as the bootstrap",
            )
        self.simulated = any(provenance(path).get("simulated") for path in tables)
        self.bodies = Bodies(self.results / "body")
        self._points = functools.lru_cache(CACHED)(self._read_points)
        self._params = functools.lru_cache(CACHED)(lambda path: _by_frame(read_params(path)))
        self._labels = functools.lru_cache(CACHED)(lambda path: _by_frame(read_labels(path)))

    def sequence(self, name: str) -> Sequence:
        """The sequence of that name, its test frames where both splits have some.

        Raises:
            InputError: when the run has none.
        """
        for sequence in reversed(self.sequences):
            if sequence.name == name:
                return sequence
        known = ", ".join(sequence.name for sequence in self.sequences[:12])
        raise InputError(self.results, f'sequence "{name}"', "unknown", f"one of {known}")

    def has(self, sequence: Sequence, round_: int, stage: str) -> bool:
        """Whether a stage's tables of the sequence are there yet."""
        return all(self._path(part, round_, FOLDERS[stage]).exists() for part, _ in sequence.parts)

    def points(self, sequence: Sequence) -> dict:
        """The sequence's frames with their labels, as ``read_points`` gives a table."""
        return self._points(sequence)

    def params(self, sequence: Sequence, round_: int, stage: str) -> dict:
        """What a stage found for each frame of the sequence, as ``read_params`` gives a table.

        Raises:
            InputError: when a frame is missing.
        """
        found = []
        for row, frame_id in enumerate(self.points(sequence)["frame_id"]):
            table, at = self._params_of(sequence, row, round_, stage, frame_id)
            found.append({name: column[at] for name, column in table.items()})
        return {name: np.array([one[name] for one in found]) for name in found[0]}

    def row_of(self, sequence: Sequence, number: int) -> int:
        """The row of the source's frame ``number``.

        Raises:
            InputError: when the sequence has no such frame.
        """
        numbers = self.points(sequence)["frame"]
        rows = np.flatnonzero(numbers == number)
        if not len(rows):
            expected = f"one of {numbers.min()} to {numbers.max()}"
            raise InputError(self.results, f"frame {number} of {sequence.name}", "missing", expected)
        return int(rows[0])

    def frame(self, sequence: Sequence, row: int, round_: int, stage: str) -> Frame:
        """One frame as one stage left it.

        Args:
            row: of the sequence. round_, stage: as in ``stages``.
        """
        points = self.points(sequence)
        frame_id = points["frame_id"][row]
        params, at = self._params_of(sequence, row, round_, stage, frame_id)
        posed = pose_rows(self.bodies.neutral, params, np.array([at]))
        vertices = posed.vertices[0].numpy()
        cloud = points["points"][row][valid_mask(points)[row]]
        distances = Surface(vertices, self.faces).distances(cloud)
        vertex_of_point, weights = self._correspondence(
            self._table_of(sequence, row), round_, stage, frame_id, cloud, vertices
        )
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
                    if _whole((folder / name).glob("*/*.parquet"))
                ]
        return sorted(found, key=lambda stage: (stage[0], stage[1] == "fit"))

    def _path(self, table, round_, folder):
        """The table of a stage that belongs to a points table."""
        return self.results / f"round_{round_}" / folder / table.parent.name / table.name

    def _table_of(self, sequence, row):
        ends = np.cumsum([len(rows) for _, rows in sequence.parts])
        return sequence.parts[int(np.searchsorted(ends, row, side="right"))][0]

    def _read_points(self, sequence):
        tables = [(read_points(path, labels=True), rows) for path, rows in sequence.parts]
        return {
            name: [table[name][row] for table, rows in tables for row in rows]
            if isinstance(tables[0][0][name], list)
            else np.concatenate([table[name][rows] for table, rows in tables])
            for name in tables[0][0]
        }

    def _params_of(self, sequence, row, round_, stage, frame_id):
        """The params table that holds a frame, and its row there."""
        path = self._path(self._table_of(sequence, row), round_, FOLDERS[stage])
        order, params = self._params(path)
        if frame_id not in order:
            raise InputError(path, f'frame "{frame_id}"', "missing", "every frame of the points table")
        return params, order[frame_id]

    def _correspondence(self, table, round_, stage, frame_id, cloud, vertices):
        """Vertex and, for pseudo labels, weight of each point."""
        path = self._path(table, round_, "labels")
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


def _whole(paths):
    """The paths without files that a job is about to write."""
    return [path for path in paths if not path.name.startswith(".")]


def _sequences(tables):
    """The sequences of some points tables; parts of one are in the order of their first frames."""
    parts = {}
    for path in tables:
        index = pq.read_table(path, columns=["sequence", "frame"]).to_pandas()
        for name, rows in index.groupby("sequence", sort=False):
            rows = rows.sort_values("frame", kind="stable")
            found = parts.setdefault((path.parent.name, name), [])
            found.append((rows["frame"].iloc[0], path, rows.index.to_numpy()))
    sequences = [
        Sequence(split, name, tuple((path, rows) for _, path, rows in sorted(found, key=lambda one: one[0])))
        for (split, name), found in parts.items()
    ]
    return sorted(sequences, key=lambda one: (one.split != "train", one.split, one.name))


def _by_frame(table):
    """A table, and the row of each of its frames."""
    return {frame_id: row for row, frame_id in enumerate(table["frame_id"])}, table
