"""Read a run for display: its sequences and rounds, and any of their frames."""

import collections
import dataclasses
import functools
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from sshmr.body.template import Template
from sshmr.errors import InputError
from sshmr.evaluation.frames import Bodies, has_truth, pose_rows, true_bodies
from sshmr.evaluation.measures import mpjpe, nearest_vertices
from sshmr.geometry.raycast import Surface
from sshmr.tables.run_folder import RunFolder
from sshmr.tables.schemas import provenance, read_params, read_points, read_pseudo_labels, valid_mask
from sshmr.viewing.scene import SceneFile, scene_files, scene_points

CACHED = 8
"""Tables of each kind that are kept in memory."""

Table = dict[str, Any]
Part = tuple[Path, np.ndarray]
"""A points table and some of its rows."""


@dataclasses.dataclass(frozen=True, eq=False)
class Sequence:
    """The frames of one sequence, as one camera saw them, in their order.

    A table can hold several sequences, and a sequence can be spread over several tables.

    Attributes:
        split: train or test. source_name: the name of the sequence in the points tables.
        view: the camera's number. name: ``source_name``, with the camera's number if there are several.
        parts: rows of points tables.
    """

    split: str
    source_name: str
    view: int
    name: str
    parts: tuple[Part, ...]

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
        offset: (3,) to the source's frame, rotated to y up.
        cloud: (N, 3) the points.
        vertices: (V, 3) of the fitted or predicted body.
        distances: (N,) from each point to that body.
        vertex_of_point: (N,) int64: the vertex of the pseudo label (−1: none), or the nearest one
            if the stage has no pseudo labels.
        weights: (N,) 0..1, the weight of each pseudo label; None without pseudo labels.
        residual: median of ``distances``.
        confidence: 0..1; NaN where the table has none.
        shown: (V,) 0..1, the skinning weight of each vertex at joints that the cloud shows; None if the table
            does not have it.
        truth: (V, 3) the true body; None where the source has no ground truth.
        errors: (V,) distance of each vertex from its true place; None without ground truth.
        mpjpe: NaN without ground truth.
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
    shown: np.ndarray | None
    truth: np.ndarray | None
    errors: np.ndarray | None
    mpjpe: float


class Run:
    """The results of a run, finished or still in progress.

    Attributes:
        folder: the ``RunFolder``. results: its path.
        tables: its points tables.
        sequences: all of them, training sequences first.
        stages: (round, stage) pairs that have results, in the order of the loop: ``(0, "fit")``,
            ``(1, "network")``, ``(1, "fit")`` …
        simulated: whether any of the clouds were simulated.
        bodies: the run's bodies.
    """

    def __init__(self, results: str | Path | RunFolder, unfinished: bool = False):
        """Read the folder.

        Args:
            unfinished: leave out tables that have no results of the first stage yet.

        Raises:
            InputError: when it holds no points tables, or no round's results.
        """
        self.folder = results if isinstance(results, RunFolder) else RunFolder(results)
        self.results = self.folder.root
        self.tables = self.folder.points()
        if not self.tables:
            raise InputError(
                self.results,
                found="no points tables in it",
                expected="the folder of a run, such as results/demo, with points/SPLIT/SEQUENCE.parquet",
            )
        self.stages = self.folder.stages()
        if not self.stages:
            raise InputError(
                self.results,
                found="no results of any round in it",
                expected="round_0/fit/SPLIT/SEQUENCE.parquet and so on",
                fix="Let the run finish at least the bootstrap",
            )
        if unfinished:
            first = self.stages[0]
            self.tables = [path for path in self.tables if self.folder.params(path, *first).exists()]
        self.sequences = _sequences(self.tables)
        self.simulated = any(provenance(path).get("simulated") for path in self.tables)
        self.bodies = Bodies(self.folder.bodies)
        self._table = functools.lru_cache(CACHED)(lambda path: read_points(path, truth=True))
        self._points = functools.lru_cache(CACHED)(self._read_points)
        self._params = functools.lru_cache(CACHED)(lambda path: _by_frame(read_params(path)))
        self._scene_points = functools.lru_cache(CACHED)(scene_points)
        self._pseudo_labels = functools.lru_cache(CACHED)(lambda path: _by_frame(read_pseudo_labels(path)))

    def sequence(self, name: str) -> Sequence:
        """The sequence of that name: its test frames if both splits have some, and its first camera.

        Raises:
            InputError: when the run has none.
        """
        found = [one for one in self.sequences if name in (one.name, one.source_name)]
        if not found:
            known = ", ".join(sequence.name for sequence in self.sequences[:12])
            raise InputError(self.results, f'sequence "{name}"', "unknown", f"one of {known}")
        return min(found, key=lambda one: (one.split == "train", one.view))

    def has(self, sequence: Sequence, round_: int, stage: str) -> bool:
        """Whether a stage's tables of the sequence exist."""
        return all(self.folder.params(part, round_, stage).exists() for part, _ in sequence.parts)

    def points(self, sequence: Sequence) -> Table:
        """The sequence's frames with their ground truth, as ``read_points`` returns a table."""
        return self._points(sequence)

    def params(self, sequence: Sequence, round_: int, stage: str) -> Table:
        """A stage's bodies for each frame of the sequence, as ``read_params`` returns a table.

        Raises:
            InputError: when a frame is missing.
        """
        parts = []
        for path, rows in sequence.parts:
            frame_ids = self._table(path)["frame_id"]
            found = [self._params_of(path, round_, stage, frame_ids[row]) for row in rows]
            chosen = [at for _, at in found]
            parts.append({name: np.asarray(column)[chosen] for name, column in found[0][0].items()})
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

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
        """One frame of one stage.

        Args:
            row: of the sequence. round_, stage: as in ``stages``.
        """
        points = self.points(sequence)
        frame_id = points["frame_id"][row]
        table = self._table_of(sequence, row)
        params, at = self._params_of(table, round_, stage, frame_id)
        posed = pose_rows(self.bodies.neutral, params, np.array([at]))
        vertices = posed.vertices[0].numpy()
        cloud = points["points"][row][valid_mask(points)[row]]
        distances = Surface(vertices, self.faces).distances(cloud)
        vertex_of_point, weights = self._correspondence(table, round_, stage, frame_id, cloud, vertices)
        truth = errors = None
        error = float("nan")
        if has_truth(points)[row]:
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
            self._shown(params["visible"][at]),
            truth,
            errors,
            error,
        )

    def scene(self, sequence: Sequence, row: int) -> SceneFile | None:
        """The scene that a frame was cut from, None if there is none or it is not known."""
        return self._scenes.get((sequence.source_name, int(self.points(sequence)["frame"][row])))

    def scene_points(self, sequence: Sequence, row: int) -> np.ndarray:
        """The points (K, 3) of the whole scene that a frame was cut from, in the source's frame, y up.

        Raises:
            InputError: when there is none, or it cannot be read.
        """
        scene = self.scene(sequence, row)
        if scene is None:
            raise InputError(self.results, f"scene of {sequence.name}", "unknown", "people found in a scene")
        return self._scene_points(scene)

    @property
    def has_scenes(self) -> bool:
        """Whether any people were found in whole scenes."""
        return bool(self._scenes)

    @functools.cached_property
    def _scenes(self) -> dict[tuple[str, int], SceneFile]:
        return scene_files(self.tables)

    @property
    def faces(self) -> np.ndarray:
        """(F, 3) int64, of every body of the run."""
        return self.bodies.neutral.faces.numpy()

    @functools.cached_property
    def vertex_colours(self) -> np.ndarray:
        """(V, 3) in 0..1: a colour for every vertex, from its position in the rest pose."""
        rest = self.bodies.neutral.v_template.numpy()
        low, high = rest.min(axis=0), rest.max(axis=0)
        return (0.12 + 0.83 * (rest - low) / (high - low)).astype(np.float32)

    def _shown(self, visible: np.ndarray) -> np.ndarray | None:
        """The skinning weight of each vertex at joints that the cloud shows; ``visible`` (24,)."""
        if not np.isfinite(visible).all():
            return None
        return self.bodies.neutral.weights.numpy() @ visible.astype(np.float32)

    def _table_of(self, sequence: Sequence, row: int) -> Path:
        ends = np.cumsum([len(rows) for _, rows in sequence.parts])
        return sequence.parts[int(np.searchsorted(ends, row, side="right"))][0]

    def _read_points(self, sequence: Sequence) -> Table:
        tables = [(self._table(path), rows) for path, rows in sequence.parts]
        return {
            name: [table[name][row] for table, rows in tables for row in rows]
            if isinstance(tables[0][0][name], list)
            else np.concatenate([table[name][rows] for table, rows in tables])
            for name in tables[0][0]
        }

    def _params_of(self, table: Path, round_: int, stage: str, frame_id: str) -> tuple[Table, int]:
        """The params table that holds a frame, and its row there."""
        path = self.folder.params(table, round_, stage)
        order, params = self._params(path)
        if frame_id not in order:
            raise InputError(path, f'frame "{frame_id}"', "missing", "every frame of the points table")
        return params, order[frame_id]

    def _correspondence(
        self, table: Path, round_: int, stage: str, frame_id: str, cloud: np.ndarray, vertices: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Vertex and, for pseudo labels, weight of each point."""
        path = self.folder.pseudo_labels(table, round_)
        if stage == "fit" and path.exists() and self.folder.template.exists():
            order, found = self._pseudo_labels(path)
            if frame_id in order:
                row, count = order[frame_id], len(cloud)
                segment = found["segment"][row][:count].astype(np.int64)
                ids = Template.load(self.folder.template).vertex_ids.numpy()
                return np.where(segment < 0, -1, ids[segment]), found["weight"][row][:count]
        return nearest_vertices(cloud, vertices), None


def _sequences(tables: list[Path]) -> list[Sequence]:
    """The sequences of some points tables; parts of one are in the order of their first frames."""
    parts: dict[tuple[str, str, int], list[tuple[int, Path, np.ndarray]]] = {}
    for path in tables:
        index = pq.read_table(path, columns=["sequence", "view", "frame"]).to_pandas()
        index["view"] = index["view"].fillna(0).astype(int)
        for (name, view), rows in index.groupby(["sequence", "view"], sort=False):
            rows = rows.sort_values("frame", kind="stable")
            found = parts.setdefault((path.parent.name, str(name), int(view)), [])
            found.append((int(rows["frame"].iloc[0]), path, rows.index.to_numpy()))
    cameras = collections.Counter((split, name) for split, name, _ in parts)
    sequences = []
    for (split, name, view), found in parts.items():
        found.sort(key=lambda one: one[0])
        shown = f"{name}_view{view}" if cameras[split, name] > 1 else name
        sequences.append(Sequence(split, name, view, shown, tuple((path, rows) for _, path, rows in found)))
    # In the order of the tables, so that reading one sequence after another reads each table once.
    return sorted(sequences, key=lambda one: (one.split != "train", one.split, one.parts[0][0], one.name))


def _by_frame(table: Table) -> tuple[dict[str, int], Table]:
    """A table, and the row of each of its frames."""
    return {frame_id: row for row, frame_id in enumerate(table["frame_id"])}, table
