"""True bodies of own clouds: a table beside them.

Only the evaluation uses the truth. An invalid row is dropped and counted; its cloud is kept.
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from scipy.spatial import cKDTree

from sshmr.body.model import BodyModel
from sshmr.body.sources import GENDERS
from sshmr.config.extract import CloudsConfig
from sshmr.errors import InputError
from sshmr.geometry.smplh import smplh_to_smpl_pose
from sshmr.sources.cloud_axes import TO_Y_UP
from sshmr.sources.cloud_files import truth_file
from sshmr.sources.frames import Reading, Truth, without_truth
from sshmr.sources.manifest import Maker, maker_of
from sshmr.sources.truth import BodyLoader, truth_body, turned_truth

COLUMNS: dict[str, tuple[int, ...]] = {
    "file": (),
    "pose": (72, 156),
    "betas": (10,),
    "transl": (3,),
    "gender": (),
}
"""The columns that the table needs, and their numbers."""
FARTHEST = 0.35
"""Metres from a body's points to its nearest joints in the mean, at most: 0.1 is usual."""
LARGEST = 1e3
"""Larger numbers are not angles or coefficients."""
FARTHEST_ORIGIN = 1e12
"""In the clouds' unit: map coordinates have up to 10⁷ metres."""
TEXTS = ("file", "gender", "body_model")
MOST_ROWS, LARGEST_GROUP = 2_000_000, 2**30
"""Rows of the table, and bytes of one of its row groups; a million of SMPL's bodies have 350 MB."""
BATCH = 4096
LONGEST_TEXT = 8192
"""Bytes of a path. No system opens longer ones."""


def read_cloud_truth(
    root: Path,
    files: Iterable[str],
    settings: CloudsConfig,
    load_body: BodyLoader,
    reading: Reading,
) -> dict[str, Truth]:
    """The ground truth of some clouds: file below the root → ``Truth``, y up, in metres.

    Args:
        root: the top folder; files: paths below it, as text.
        load_body: function of a gender that returns a ``BodyModel``, or None where there is none.
        reading: the ``Reading`` that gets notes.

    Raises:
        InputError: when the table cannot be read or lacks a column.
    """
    path = truth_file(root, settings)
    if path is None:
        return {}
    dropped: Counter[str] = Counter()
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in _rows(path, set(files), dropped):
        groups.setdefault((row["gender"], row["body_model"]), []).append(row)
    rotation = np.array(TO_Y_UP[settings.up], float)
    truth: dict[str, Truth] = {}
    for (gender, body_model), members in groups.items():
        body = _body(gender, body_model, load_body, maker_of(root), reading)
        if body is not None:
            pose, betas, transl = (
                np.stack([row[name] for row in members]) for name in ("pose", "betas", "transl")
            )
            found = turned_truth(body, gender, rotation, pose, betas, settings.metres * transl, body_model)
            truth.update(zip([row["file"] for row in members], found, strict=True))
    reading.notes += [f"{count} rows of {path.name} dropped: {reason}" for reason, count in dropped.items()]
    return truth


def check_truth(path: Path | None, reading: Reading) -> None:
    """Drop the ground truth of a reading if the bodies are not at their clouds, in the median. Add a note."""
    gaps = [
        cKDTree(frame.truth.joints).query(frame.points)[0].mean()
        for frame in reading.frames
        if frame.truth is not None
    ]
    if gaps and np.median(gaps) > FARTHEST:
        reading.frames = [without_truth(frame) for frame in reading.frames]
        reading.notes.append(
            f"ground truth dropped: points lie {np.median(gaps):.2f} m from its joints in the median, "
            f"more than {FARTHEST:g} m. {path} must have the axes and the unit of the clouds, and SMPL's pose"
        )


def _rows(path: Path, files: set[str], dropped: Counter[str]) -> list[dict[str, Any]]:
    """The rows of some files, as dictionaries with arrays; ``dropped`` counts the others' reasons."""
    try:
        rows = _read(path, files)
    except InputError:
        raise
    except Exception as error:  # A damaged table can raise almost any exception.
        raise InputError(path, found=f"not readable ({error})", expected="a Parquet table") from error
    twice = {name for name, count in Counter(row["file"] for row in rows).items() if count > 1}
    kept = []
    for row in rows:
        try:
            if row["file"] in twice:
                raise ValueError("the same file in several rows")
            kept.append(_row(row))
        except ValueError as error:
            dropped[str(error)] += 1
    return kept


def _read(path: Path, files: set[str]) -> list[dict[str, Any]]:
    """At most two rows of each file. One is used; two are a fault.

    Texts stay dictionary-encoded, and only row groups that name one of the files are read. The table then
    needs only the memory of the rows that are used.
    """
    schema = pq.read_schema(path)
    no_text = _without_text(path, schema)
    columns = [name for name in (*COLUMNS, "body_model") if name in schema.names and name not in no_text]
    texts = [name for name in TEXTS if name in columns]
    with pq.ParquetFile(path, read_dictionary=texts) as table:
        _check_sizes(path, table.metadata, columns)
        rows: list[dict[str, Any]] = []
        seen: Counter[str] = Counter()
        for group in range(table.num_row_groups):
            chosen = _chosen(path, table.read_row_group(group, columns=["file"]).column(0), files, seen)
            if not chosen.any():
                continue
            start = 0
            for batch in table.iter_batches(BATCH, row_groups=[group], columns=columns):
                rows += batch.filter(pa.array(chosen[start : start + len(batch)])).to_pylist()
                start += len(batch)
        return [row | dict.fromkeys(no_text) for row in rows]


def _without_text(path: Path, schema: pa.Schema) -> list[str]:
    """The columns that should contain text but do not. Their rows are invalid."""
    wrong = []
    for name in COLUMNS:
        if name not in schema.names:
            raise InputError(path, f'column "{name}"', "missing", ", ".join(COLUMNS))
    for name in TEXTS:
        if name in schema.names:
            kind = schema.field(name).type
            kind = kind.value_type if pa.types.is_dictionary(kind) else kind
            if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
                wrong.append(name)
    if "file" in wrong:
        raise InputError(path, 'column "file"', "no text", "paths below the root")
    return wrong


def _check_sizes(path: Path, metadata: pq.FileMetaData, columns: list[str]) -> None:
    """Refuse tables that expand to more than bodies need. A few bytes can encode any number of values."""
    if metadata.num_rows > MOST_ROWS:
        raise InputError(path, "rows", f"{metadata.num_rows}", f"at most {MOST_ROWS}")
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        size = 0
        for column in map(group.column, range(group.num_columns)):
            name = column.path_in_schema.split(".")[0]
            if name in columns:
                size += column.total_uncompressed_size
                most = group.num_rows * max(COLUMNS.get(name) or (1,))
                if column.num_values > most:
                    raise InputError(
                        path, f'column "{name}"', f"{column.num_values} values", f"at most {most}"
                    )
        if size > LARGEST_GROUP:
            raise InputError(path, "a row group", f"{size >> 20} MB", f"at most {LARGEST_GROUP >> 20} MB")


def _chosen(path: Path, column: pa.ChunkedArray, files: set[str], seen: Counter[str]) -> np.ndarray:
    """(rows,) bool: the first two rows of each of the files; ``seen`` counts the rows of each so far."""
    chosen = np.zeros(len(column), bool)
    start = 0
    for chunk in column.chunks:
        if not pa.types.is_dictionary(chunk.type):
            chunk = chunk.dictionary_encode()
        lengths = pc.binary_length(chunk.dictionary)
        if (pc.max(lengths).as_py() or 0) > LONGEST_TEXT:
            raise InputError(path, 'column "file"', "longer than any path", f"{LONGEST_TEXT} bytes at most")
        names = chunk.dictionary.to_pylist()
        indices = chunk.indices.to_numpy(zero_copy_only=False)
        known = np.array([name in files for name in names], bool)
        for row in np.flatnonzero(np.isfinite(indices)):
            code = int(indices[row])
            if known[code]:
                seen[names[code]] += 1
                chosen[start + row] = seen[names[code]] <= 2
        start += len(chunk)
    return chosen


def _row(row: dict[str, Any]) -> dict[str, Any]:
    """One row, checked.

    Raises:
        ValueError: with what is wrong, the same words for the same fault.
    """
    for name, lengths in COLUMNS.items():
        if not lengths:
            continue
        try:
            values = np.asarray(row[name], dtype=np.float64)
        except (ValueError, TypeError):
            raise ValueError(f"{name} holds no numbers") from None
        if values.shape not in [(length,) for length in lengths]:
            raise ValueError(f"{name} does not have {' or '.join(map(str, lengths))} numbers")
        if not (np.abs(values) < (LARGEST if name != "transl" else FARTHEST_ORIGIN)).all():
            raise ValueError(f"{name} is not finite or far too large")
        row[name] = smplh_to_smpl_pose(values) if values.shape == (156,) else values
    if not isinstance(row["gender"], str) or row["gender"] not in GENDERS:
        raise ValueError(f"gender is not one of {', '.join(GENDERS)}")
    if not isinstance(row.setdefault("body_model", "smpl"), str):
        raise ValueError("body_model is not text")
    return row


def _body(
    gender: str,
    body_model: str,
    load_body: BodyLoader,
    maker: Maker | None,
    reading: Reading,
) -> BodyModel | None:
    if body_model != "open":
        return truth_body(gender, load_body, maker, reading)
    body = load_body(gender)
    if body is not None and body.name.startswith("open"):
        return body
    reading.notes.append("no ground truth: it is for the open body")
    return None
