"""True bodies of one's own clouds: a table beside them."""

import numpy as np
import pyarrow.parquet as pq
from scipy.spatial import cKDTree

from sshmr.config.extract import METRES
from sshmr.errors import InputError
from sshmr.geometry.smplh import smplh_to_smpl_pose
from sshmr.sources.cloud_axes import TO_Y_UP
from sshmr.sources.manifest import maker_of
from sshmr.sources.shards import labels_file
from sshmr.sources.truth import labelling_body, turned_labels

GENDERS = ("male", "female", "neutral")
COLUMNS = {"file": None, "pose": (72, 156), "betas": (10,), "transl": (3,), "gender": None}
"""What the table needs, and how many numbers."""
FARTHEST = 0.35
"""Metres from a body's points to its nearest joints in the mean, at most: 0.1 is usual."""


def read_cloud_labels(root, files, settings, load_body, reading):
    """The labels of some clouds: file below the root → ``Label``, y up, in metres.

    Args:
        root: the top folder; files: paths below it, as text; settings: a ``CloudsConfig``.
        load_body: function of a gender that returns a ``BodyModel``, or None where there is none.
        reading: the ``Reading`` that gets notes.

    Raises:
        InputError: when the table cannot be read, lacks a column or names a file twice.
    """
    path = labels_file(root, settings)
    if path is None:
        return {}
    rows = _rows(path, set(files))
    finite = [all(np.isfinite(row[name]).all() for name in ("pose", "betas", "transl")) for row in rows]
    if not all(finite):
        reading.notes.append(f"{finite.count(False)} files without labels: they are not finite")
    groups = {}
    for row, fine in zip(rows, finite, strict=True):
        if fine:
            groups.setdefault((row["gender"], row["body_model"]), []).append(row)
    rotation, unit = np.array(TO_Y_UP[settings.up], float), METRES[settings.unit]
    labels = {}
    for (gender, body_model), members in groups.items():
        body = _body(gender, body_model, load_body, maker_of(root), reading)
        if body is not None:
            pose, betas, transl = (
                np.stack([row[name] for row in members]) for name in ("pose", "betas", "transl")
            )
            found = turned_labels(body, gender, rotation, pose, betas, unit * transl, body_model)
            labels.update(zip([row["file"] for row in members], found, strict=True))
    return labels


def check_labels(path, frames):
    """Whether bodies lie in their clouds: over the labelled frames, in the median.

    Raises:
        InputError: when they do not.
    """
    gaps = [
        cKDTree(frame.label.joints).query(frame.points)[0].mean()
        for frame in frames
        if frame.label is not None
    ]
    if gaps and np.median(gaps) > FARTHEST:
        raise InputError(
            path,
            "transl",
            f"such that points lie {np.median(gaps):.2f} m from the nearest joint in the median",
            f"at most {FARTHEST:g} m",
            "Labels must have the axes and the unit of the clouds, and pose SMPL's body",
        )


def _rows(path, files):
    """The rows of some files, as dictionaries with arrays."""
    try:
        rows = _read(path, files)
    except InputError:
        raise
    except Exception as error:  # a damaged table can raise almost any exception
        raise InputError(path, found=f"not readable ({error})", expected="a Parquet table") from error
    if len({row["file"] for row in rows}) < len(rows):
        raise InputError(path, 'column "file"', "not unique", "each file once")
    return [_row(path, row) for row in rows]


def _read(path, files):
    table = pq.read_table(path)
    for name in COLUMNS:
        if name not in table.column_names:
            raise InputError(path, f'column "{name}"', "missing", ", ".join(COLUMNS))
    kept = [row for row, name in enumerate(table.column("file").to_pylist()) if name in files]
    names = [*COLUMNS, *(["body_model"] if "body_model" in table.column_names else [])]
    return table.select(names).take(kept).to_pylist()


def _row(path, row):
    for name, lengths in COLUMNS.items():
        if lengths is None:
            continue
        try:
            values = np.asarray([np.nan] * lengths[0] if row[name] is None else row[name], dtype=np.float64)
        except (ValueError, TypeError):
            raise InputError(path, f'column "{name}"', repr(row[name])[:60], "numbers") from None
        if values.shape not in [(length,) for length in lengths]:
            found, expected = f"of shape {values.shape} for {row['file']}", " or ".join(map(str, lengths))
            raise InputError(path, f'column "{name}"', found, f"{expected} numbers")
        row[name] = smplh_to_smpl_pose(values) if values.shape == (156,) else values
    if row["gender"] not in GENDERS:
        raise InputError(path, 'column "gender"', repr(row["gender"]), ", ".join(GENDERS))
    return {"body_model": "smpl"} | row


def _body(gender, body_model, load_body, maker, reading):
    if body_model != "open":
        return labelling_body(gender, load_body, maker, reading)
    body = load_body(gender)
    if body is not None and body.name.startswith("open"):
        return body
    reading.notes.append("no labels: they are for the open body")
    return None
