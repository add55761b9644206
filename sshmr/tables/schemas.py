"""The Parquet tables between the stages: points, params and pseudo labels.

Everything is in the canonical frame: metres, radians, right-handed, y up, each cloud centred on the mean
of its valid points; ``offset`` leads back to the source's frame (rotated to y up).
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import sshmr
from sshmr.errors import InputError
from sshmr.files import atomic_path

SCHEMA_VERSION = 1
ROW_GROUP_FRAMES = 256
AGAIN = "Delete this file and run the same command again"
LATER_COLUMNS = {"time": pa.float64(), "scale": pa.float32(), "sensor": pa.list_(pa.float32(), 3)}
"""Columns that tables of earlier versions do not have. They are read as nulls."""

TRUTH_COLUMNS = {
    "gender": None,
    "pose": (72,),
    "betas": (10,),
    "transl": (3,),
    "joints": (24, 3),
    "body_model": None,
    "parts": (-1,),
}
"""The columns of the truth in the points table, and their shapes. Only evaluation and viewing read them."""


def vector(count: int, kind: pa.DataType | None = None) -> pa.DataType:
    """Arrow type of a fixed number of values per row, float32 unless ``kind`` says otherwise."""
    return pa.list_(kind or pa.float32(), count)


def points_schema(count: int) -> pa.Schema:
    """One row per frame; ``count`` points per row, zeros after the first ``n_points``."""
    return pa.schema(
        [
            pa.field("frame_id", pa.string(), nullable=False),
            ("sequence", pa.string()),
            ("frame", pa.int32()),
            ("view", pa.int16()),
            ("time", pa.float64()),
            ("split", pa.string()),
            pa.field("points", vector(3 * count), nullable=False),
            pa.field("n_points", pa.int32(), nullable=False),
            pa.field("offset", vector(3, pa.float64()), nullable=False),
            ("sensor", vector(3)),
            ("source", pa.string()),
            ("gender", pa.string()),
            ("pose", vector(72)),
            ("betas", vector(10)),
            ("transl", vector(3)),
            ("joints", vector(72)),
            ("body_model", pa.string()),
            ("parts", vector(count, pa.int8())),
        ]
    )


def params_schema() -> pa.Schema:
    """One row per frame: the body of a fit or of the network."""
    scalars = (
        "energy",
        "energy_correspondence",
        "energy_chamfer",
        "energy_prior",
        "energy_shape",
        "residual",
    )
    return pa.schema(
        [
            pa.field("frame_id", pa.string(), nullable=False),
            pa.field("pose", vector(72), nullable=False),
            pa.field("betas", vector(10), nullable=False),
            pa.field("transl", vector(3), nullable=False),
            *((name, pa.float32()) for name in scalars),
            ("hypothesis", pa.string()),
            ("converged", pa.bool_()),
            ("iterations", pa.int32()),
            ("confidence", pa.float32()),
            ("scale", pa.float32()),
            ("far_share", pa.float32()),
            ("visible", vector(24, pa.int8())),
        ]
    )


def pseudo_labels_schema(count: int) -> pa.Schema:
    """One row per frame: the trust in its fit, each point's template vertex (−1 on padding) and weight."""
    return pa.schema(
        [
            pa.field("frame_id", pa.string(), nullable=False),
            pa.field("trust", pa.float32(), nullable=False),
            pa.field("segment", vector(count, pa.int16()), nullable=False),
            pa.field("weight", vector(count), nullable=False),
        ]
    )


def write_table(
    path: Path | str, columns: dict[str, Any], schema: pa.Schema, provenance: dict[str, Any]
) -> None:
    """Write a table whole or not at all: zstd, row groups of at most 256 frames, provenance in the metadata.

    Args:
        columns: mapping of column name to a list, or an array whose first axis is the frame and whose other
            axes are flattened; a missing nullable column becomes nulls, as does a row that is all NaN.
        schema: one of this module's schemas.
        provenance: mapping, JSON-serialisable: settings, body digest, whether the data is simulated …
    """
    count = len(columns["frame_id"])
    arrays = [_arrow_array(path, field, columns.get(field.name), count) for field in schema]
    metadata = {
        "sshmr": json.dumps(
            {"schema": SCHEMA_VERSION, "version": sshmr.__version__, **provenance}, sort_keys=True
        )
    }
    table = pa.Table.from_arrays(arrays, schema=schema.with_metadata(metadata))
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", row_group_size=ROW_GROUP_FRAMES)


def _arrow_array(path: Path | str, field: pa.Field, values: Any, count: int) -> pa.Array:
    if values is None:
        if not field.nullable:
            raise InputError(path, f'column "{field.name}"', "missing", "a value a frame")
        return pa.nulls(count, field.type)
    if len(values) != count:
        raise InputError(path, f'column "{field.name}"', f"{len(values)} rows", f"{count} rows")
    if pa.types.is_fixed_size_list(field.type):
        width = field.type.list_size
        array = np.asarray(values, dtype=field.type.value_type.to_pandas_dtype())
        array = array.reshape(count, -1 if count else width)
        if array.shape[1] != width:
            raise InputError(path, f'column "{field.name}"', f"{array.shape[1]} values", f"{width} values")
        flat = pa.array(array.reshape(-1), type=field.type.value_type)
        absent = np.zeros(count, bool)
        if field.nullable and array.dtype.kind == "f":
            absent = np.isnan(array).all(axis=1)
        return pa.FixedSizeListArray.from_arrays(flat, type=field.type, mask=pa.array(absent))
    if isinstance(values, np.ndarray):
        values = values.tolist()
    if pa.types.is_floating(field.type):
        values = [None if value is None or value != value else value for value in values]
    if pa.types.is_string(field.type):
        values = [None if value is None else as_text(value) for value in values]
    return pa.array(values, type=field.type)


def as_text(name: str) -> str:
    """A name as UTF-8 text. Bytes that are not UTF-8 are written as escapes."""
    return name.encode("utf-8", "backslashreplace").decode()


def read_points(path: Path | str, truth: bool = False) -> dict[str, Any]:
    """Read a points table.

    Args:
        truth: also read the truth. Only evaluation and viewing do so.

    Returns:
        dict: frame_id, sequence, split, source (lists of str); frame, view, n_points (F,); time (F,) seconds,
        NaN if unknown; points (F, N, 3) float32, offset (F, 3) float64, metres; sensor (F, 3) in the centred
        frame, metres, NaN where unknown; with ``truth`` also gender,
        body_model (lists, None without truth) and pose (F, 72), betas (F, 10), transl (F, 3), joints
        (F, 24, 3), parts (F, N), NaN without truth.
    """
    shapes = {"points": (-1, 3), "offset": (3,), "sensor": (3,)}
    names = [name for name in points_schema(1).names if truth or name not in TRUTH_COLUMNS]
    shapes.update({name: shape for name, shape in TRUTH_COLUMNS.items() if shape})
    return read_table(path, names, shapes)


def read_params(path: Path | str) -> dict[str, Any]:
    """Read a params table: pose (F, 72), betas (F, 10), transl (F, 3), the scalars as (F,) arrays.

    The bodies' vertices are scale · body(pose, betas) + transl; scale is 1 where the table has none.
    """
    shapes = {"pose": (72,), "betas": (10,), "transl": (3,), "visible": (24,)}
    table = read_table(path, params_schema().names, shapes)
    return table | {"scale": np.nan_to_num(table["scale"].astype(np.float32), nan=1.0)}


def read_pseudo_labels(path: Path | str) -> dict[str, Any]:
    """Read a table of pseudo labels: frame_id list, segment (F, N) int16, weight (F, N) float32."""
    return read_table(path, pseudo_labels_schema(1).names, {"segment": (-1,), "weight": (-1,)})


def read_frame_ids(path: Path | str) -> list[str]:
    """The frame ids of a table."""
    frames: list[str] = read_table(path, ["frame_id"], {})["frame_id"]
    return frames


def read_table(
    path: Path | str, names: Sequence[str], shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, Any]:
    """Columns of a Parquet table as arrays, lists of fixed size in the given shapes.

    Raises:
        InputError: when it is not readable, or a column is missing, or has another type or size.
    """
    schema = _open(path, lambda: pq.read_schema(path))
    for name in names:
        if name not in schema.names:
            if name in LATER_COLUMNS:
                continue
            raise InputError(path, f'column "{name}"', "missing", ", ".join(names), AGAIN)
        if name in shapes and not pa.types.is_fixed_size_list(schema.field(name).type):
            found, expected = f"of type {schema.field(name).type}", "a list of fixed size"
            raise InputError(path, f'column "{name}"', found, expected, AGAIN)
    absent = [name for name in names if name not in schema.names]
    table = _open(path, lambda: pq.read_table(path, columns=[name for name in names if name not in absent]))
    for name in absent:
        table = table.append_column(name, pa.nulls(len(table), LATER_COLUMNS[name]))
    return {name: _column(path, table, name, shapes.get(name)) for name in names}


def _column(path: Path | str, table: pa.Table, name: str, shape: tuple[int, ...] | None) -> Any:
    kind = table.schema.field(name).type
    try:
        if shape and (pa.types.is_string(kind.value_type) or not _fits(kind.list_size, shape)):
            raise ValueError("other values")
        return _to_numpy(table.column(name).combine_chunks(), shape)
    except (ValueError, TypeError, pa.ArrowException) as error:
        found = f"of type {kind}, or damaged ({error})"
        expected = f"values of shape {shape}" if shape else "plain values"
        raise InputError(path, f'column "{name}"', found, expected, AGAIN) from error


def _fits(count: int, shape: tuple[int, ...]) -> bool:
    """Whether this many values per row match a shape, whose first axis may be open (−1)."""
    size = math.prod(shape)
    return count == size if size > 0 else count % -size == 0


def _open(path: Path | str, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except FileNotFoundError:
        raise InputError(path, found="no such file", expected="a Parquet table") from None
    except MemoryError:
        raise
    except Exception as error:  # A damaged table can raise almost any exception.
        found = f"not readable ({error or type(error).__name__})"
        raise InputError(path, found=found, expected="a Parquet table", fix=AGAIN) from error


def _to_numpy(column: Any, shape: tuple[int, ...] | None) -> np.ndarray:
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    if shape is not None:
        width, count = column.type.list_size, len(column)
        if column.null_count:
            values = np.full((count, width), np.nan, np.float32)
            present = column.is_valid().to_numpy(zero_copy_only=False)
            values[present] = column.drop_null().flatten().to_numpy(zero_copy_only=False).reshape(-1, width)
        else:
            values = column.flatten().to_numpy(zero_copy_only=False).reshape(count, width)
        return np.array(values.reshape(count, *((width // 3, 3) if shape == (-1, 3) else shape)))
    if pa.types.is_string(column.type):
        return column.to_pylist()
    if column.null_count and pa.types.is_integer(column.type):
        column = column.fill_null(-1)
    return np.array(column.to_numpy(zero_copy_only=False))


def row_count(path: Path | str) -> int:
    """Number of frames of a table."""
    return _open(path, lambda: pq.read_metadata(path)).num_rows


def provenance(path: Path | str) -> dict[str, Any]:
    """The metadata of a table: settings, versions, body, whether it is simulated."""
    metadata = _open(path, lambda: pq.read_schema(path)).metadata or {}
    try:
        about = json.loads(metadata.get(b"sshmr", b"{}"))
        if not isinstance(about, dict):
            raise ValueError(f"a {type(about).__name__}")
    except ValueError as error:
        raise InputError(
            path, 'metadata "sshmr"', f"damaged ({error})", "a mapping as JSON", AGAIN
        ) from error
    return about


def valid_mask(points: dict[str, np.ndarray]) -> np.ndarray:
    """(F, N) bool: True for the real points of a points table's clouds."""
    return np.arange(points["points"].shape[1])[None] < points["n_points"][:, None]
