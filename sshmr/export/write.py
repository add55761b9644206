"""Write all bodies of a run in the requested formats, and always as one table."""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sshmr.body.model import BodyModel
from sshmr.export.axes import Axes
from sshmr.export.bodies import Bodies, file_name, sequences_of
from sshmr.export.glb import MOST_FRAMES, write_glb
from sshmr.export.meshes import write_obj
from sshmr.export.motion import write_amass, write_smplx
from sshmr.export.written import Written, digest_of
from sshmr.files import atomic_path
from sshmr.formats.ply_writer import write_ply
from sshmr.tables.schemas import vector

FORMATS = ("ply", "obj", "glb", "amass", "smplx")
OPEN_BODY = "open body"
OPEN_BETAS = "AMASS: the betas belong to the open body, not to SMPL; with SMPL, use only poses and trans"
FIXED = {"glb": Axes("y", "m"), "amass": Axes("z", "m"), "smplx": Axes("y", "m")}
"""Coordinate frames of formats that have one by specification or convention. Meshes have that of their
source."""

ANIMATED = ("glb", "amass", "smplx")
RATE = 10.0
"""Frames per second if neither the user nor the frames' times give them."""

TABLE = pa.schema(
    [
        pa.field("frame_id", pa.string(), nullable=False),
        ("sequence", pa.string()),
        ("frame", pa.int64()),
        ("time", pa.float64()),
        ("source", pa.string()),
        ("pose", vector(72)),
        ("betas", vector(10)),
        ("transl", vector(3, pa.float64())),
        ("scale", pa.float32()),
        ("residual", pa.float32()),
        ("confidence", pa.float32()),
        ("far_share", pa.float32()),
        ("visible", vector(24, pa.float32())),
    ]
)


@dataclasses.dataclass(frozen=True)
class ExportConfig:
    """What is written.

    Attributes:
        formats: of ``FORMATS``.
        axes: the coordinate frame of the output; None uses that of each format: the source's for .ply and
            .obj, y up and metres for .glb and smplx, z up for AMASS.
        frames_per_second: of the animations; None uses the times of the frames, or else ``RATE``.
    """

    formats: tuple[str, ...]
    axes: Axes | None = None
    frames_per_second: float | None = None

    def rate_of(self, bodies: Bodies) -> float:
        """Frames per second of a sequence's animation."""
        return self.frames_per_second or bodies.rate() or RATE


Writer = Callable[[Path, Bodies, Axes, ExportConfig, list[str]], list[Path]]
"""Writes one sequence in one format: folder, bodies, axes, settings, and the notes to add to."""


def export(
    tables: Sequence[tuple[Path, Path]],
    model: BodyModel,
    folder: Path | str,
    config: ExportConfig,
    advance: Callable[[int], object] = lambda frames: None,
) -> tuple[list[Path], list[str]]:
    """Write the bodies of some params tables. Files of an earlier call that would not change are left alone.

    Args:
        tables: [(points table, params table)]. model: the ``BodyModel`` that was fitted. folder: where to.
        config: an ``ExportConfig``. advance: called with the number of frames that were written.

    Returns:
        Paths of the files, in order, ``bodies.parquet`` first; notes for the user.
    """
    folder = Path(folder)
    notes: list[str] = []
    rates: dict[float, bool] = {}
    written = [folder / "bodies.parquet"]
    earlier = Written(folder)
    with (
        atomic_path(written[0]) as temporary,
        pq.ParquetWriter(temporary, TABLE, compression="zstd") as table,
    ):
        for bodies in sequences_of(tables, model):
            table.write_table(_rows(bodies))
            if len(bodies.frames) > 1:
                rates[config.rate_of(bodies)] = bodies.rate() is not None
            for name in config.formats:
                axes = config.axes or FIXED.get(name, bodies.axes)
                written += _files(name, folder, bodies, axes, config, notes, earlier)
            advance(len(bodies.frames))
    earlier.save()
    if rates and any(name in ANIMATED for name in config.formats):
        notes.insert(0, _note_on_rates(rates, config))
    return written, notes


def _files(
    name: str,
    folder: Path,
    bodies: Bodies,
    axes: Axes,
    config: ExportConfig,
    notes: list[str],
    earlier: Written,
) -> list[Path]:
    """Write a sequence in one format, unless its files are there already; returns their paths."""
    digest = digest_of(
        *(bodies.pose, bodies.betas, bodies.transl, bodies.scale, bodies.frames, bodies.times),
        *(_frame_names(bodies), bodies.model.digest, axes, config.rate_of(bodies)),
    )
    key = f"{bodies.name} {name}"
    there = earlier.unchanged(key, digest)
    if there:
        paths, said = there
        notes += [note for note in said if note not in notes]
        return paths
    before = len(notes)
    paths = WRITERS[name](folder, bodies, axes, config, notes)
    earlier.add(key, digest, paths, notes[before:])
    return paths


def _note_on_rates(rates: dict[float, bool], config: ExportConfig) -> str:
    """The note on the rates of the animations: {frames per second: whether from times}."""
    span = " to ".join(f"{rate:g}" for rate in dict.fromkeys((min(rates), max(rates))))
    by_times = not config.frames_per_second and any(rates.values())
    source = ", from the times of the frames" if by_times else ""
    return f"animations at {span} frames per second{source}; --fps overrides this"


def _rows(bodies: Bodies) -> pa.Table:
    columns = {
        "frame_id": bodies.frame_ids,
        "sequence": [bodies.name] * len(bodies.frames),
        "frame": bodies.frames,
        "time": pa.array(bodies.times, from_pandas=True),
        "source": bodies.sources,
        "visible": list(bodies.visible.astype("float32")),
    }
    columns |= {name: list(getattr(bodies, name)) for name in ("pose", "betas", "transl")}
    columns |= {name: getattr(bodies, name) for name in ("scale", "residual", "confidence", "far_share")}
    return pa.table(columns, schema=TABLE)


def _frame_names(bodies: Bodies) -> list[str]:
    """A file name for each frame: its cloud's if these differ, else its number."""
    stems = [file_name(Path(source).stem) for source in bodies.sources]
    return (
        stems
        if len({stem.lower() for stem in stems}) == len(stems)
        else [f"{frame:06d}" for frame in bodies.frames]
    )


def _meshes(write: Callable[[Path, np.ndarray, np.ndarray], None], suffix: str) -> Writer:
    def write_all(
        folder: Path, bodies: Bodies, axes: Axes, config: ExportConfig, notes: list[str]
    ) -> list[Path]:
        faces = bodies.model.faces.numpy()
        paths = [folder / bodies.name / f"{name}{suffix}" for name in _frame_names(bodies)]
        for path, vertices in zip(paths, bodies.vertices(axes), strict=True):
            write(path, vertices, faces)
        return paths

    return write_all


def _glb(folder: Path, bodies: Bodies, axes: Axes, config: ExportConfig, notes: list[str]) -> list[Path]:
    faces, names = bodies.model.faces.numpy(), _frame_names(bodies)
    vertices, paths = bodies.vertices(axes), []
    starts = range(0, len(bodies.frames), MOST_FRAMES)
    moments = bodies.moments()
    ends = np.append(moments, moments[-1] + 1)
    for number, start in enumerate(starts, start=1):
        path = folder / (f"{bodies.name}_{number:04d}.glb" if len(starts) > 1 else f"{bodies.name}.glb")
        some = list(itertools.islice(vertices, MOST_FRAMES))
        stop = start + len(some)
        seconds = (ends[start : stop + 1] - ends[start]) / config.rate_of(bodies)
        write_glb(path, bodies.name, some, faces, seconds, names[start:stop])
        paths.append(path)
    if bodies.missing():
        notes.append(f"{bodies.name}.glb: {_gaps(bodies)}; the previous pose is repeated there")
    if len(starts) > 1:
        notes.append(f"{bodies.name}: {len(starts)} .glb files of at most {MOST_FRAMES} frames each")
    return paths


def _smplx(folder: Path, bodies: Bodies, axes: Axes, config: ExportConfig, notes: list[str]) -> list[Path]:
    path = folder / f"{bodies.name}_smplx.npz"
    write_smplx(path, bodies, axes, config.rate_of(bodies))
    _note_gaps(path, bodies, notes)
    if (bodies.scale != 1).any():
        notes.append(f"{path.name}: vertices are scale · (smplx's vertices − transl) + transl")
    return [path]


def _amass(folder: Path, bodies: Bodies, axes: Axes, config: ExportConfig, notes: list[str]) -> list[Path]:
    path = folder / f"{bodies.name}_amass.npz"
    apart = write_amass(path, bodies, axes, config.rate_of(bodies))
    _note_gaps(path, bodies, notes)
    if bodies.model.name == OPEN_BODY and OPEN_BETAS not in notes:
        notes.append(OPEN_BETAS)
    if apart:
        sized = (
            "one shape per sequence" if (bodies.scale == 1).all() else "one shape per sequence and no scale"
        )
        notes.append(
            f"{path.name}: AMASS has {sized}; vertices are up to {1000 * apart:.0f} mm from the fitted ones"
        )
    return [path]


def _gaps(bodies: Bodies) -> str:
    number = bodies.missing()
    return f"{number} moments have no cloud" if number > 1 else "1 moment has no cloud"


def _note_gaps(path: Path, bodies: Bodies, notes: list[str]) -> None:
    if bodies.missing():
        notes.append(f"{path.name}: {_gaps(bodies)} and no row, so times are not kept")


WRITERS = {
    "ply": _meshes(functools.partial(write_ply, double=True), ".ply"),
    "obj": _meshes(write_obj, ".obj"),
    "glb": _glb,
    "smplx": _smplx,
    "amass": _amass,
}
