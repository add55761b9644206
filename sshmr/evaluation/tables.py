"""From measures of frames to tidy rows, and to the table that a run prints."""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from sshmr.body.layout import JOINT_NAMES
from sshmr.config.evaluate import EvaluateConfig
from sshmr.config.mapping import to_json
from sshmr.errors import InputError
from sshmr.evaluation.catalogue import MEASURES
from sshmr.files import atomic_path

ALL_SEQUENCES, ALL_JOINTS = "all", "all"
STAGES = ("fit", "network")

SCALES = {"mm": 1000.0, "%": 100.0}

COLUMNS = ("round", "stage", "split", "sequence", "joint", "measure", "value", "frames")

MEASURES_SCHEMA = pa.schema(
    [
        ("round", pa.int32()),
        ("stage", pa.string()),
        ("split", pa.string()),
        ("sequence", pa.string()),
        ("joint", pa.string()),
        ("measure", pa.string()),
        ("value", pa.float64()),
        ("frames", pa.int32()),
    ]
)


def tidy(frames: dict[str, pd.DataFrame], round_: int) -> pd.DataFrame:
    """Means over each sequence and over all frames of each split.

    Args:
        frames: for each stage, the concatenated frames of every shard (see ``evaluate_shard``).
        round_: the round, 0 for the bootstrap.

    Returns:
        Rows of ``COLUMNS``. ``value`` is in the measure's unit. Sequence ``all`` is the mean over the
        split's frames, not over its sequences. ``frames`` is how many frames the mean is over; a mean over
        none has no row.
    """
    parts = []
    for stage, table in frames.items():
        for sequence_wise in (True, False):
            grouped = table.groupby(level=["split", "sequence"] if sequence_wise else ["split"])
            means, counts = grouped.mean(), grouped.count()
            groups, columns = means.shape
            # By hand, as melt() takes a second for so many columns.
            rows = means.index.to_frame(index=False).iloc[np.tile(np.arange(groups), columns)]
            for name, level in (("measure", 0), ("joint", 1)):
                rows[name] = np.repeat(means.columns.get_level_values(level).to_numpy(), groups)
            rows["value"] = means.to_numpy().ravel(order="F")
            rows["frames"] = counts.to_numpy().ravel(order="F")
            if not sequence_wise:
                rows["sequence"] = ALL_SEQUENCES
            parts.append(rows.assign(stage=stage, round=round_))
    rows = pd.concat(parts, ignore_index=True)
    rows = rows[rows["frames"] > 0]
    rows["value"] *= rows["measure"].map(lambda measure: SCALES[MEASURES[measure].unit])
    return in_order(rows)


def in_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Sort by round, split, stage, sequence (``all`` first), measure as in ``MEASURES``, joint."""

    def rank(name: str, first: Iterable[str]) -> pd.Series:
        order = {value: number for number, value in enumerate(first)}
        return rows[name].map(lambda value: (order.get(value, len(order)), value))

    keys = rows[["round"]].assign(
        stage=rank("stage", STAGES),
        split=rank("split", ("train", "test")),
        sequence=rank("sequence", (ALL_SEQUENCES,)),
        measure=rank("measure", MEASURES),
        joint=rank("joint", (ALL_JOINTS, *JOINT_NAMES)),
    )
    order = keys.sort_values(["round", "split", "stage", "sequence", "measure", "joint"], kind="stable").index
    return rows.loc[order, list(COLUMNS)].reset_index(drop=True)


def printed(rows: pd.DataFrame) -> str:
    """The means over all frames for a terminal: a line per split, round, stage; a column per measure."""
    whole = rows[(rows["sequence"] == ALL_SEQUENCES) & (rows["joint"] == ALL_JOINTS)]
    whole = whole.sort_values("split", key=lambda split: split != "train", kind="stable")
    shown = [measure for measure in MEASURES if (whole["measure"] == measure).any()]
    head = [
        "split",
        "round",
        "stage",
        "frames",
        *(f"{measure.replace('_', ' ')} {MEASURES[measure].unit}" for measure in shown),
    ]
    lines = []
    for (split, round_, stage), group in whole.groupby(["split", "round", "stage"], sort=False):
        values = group.set_index("measure")["value"]
        lines.append(
            [split, str(round_), stage, str(int(group["frames"].max()))]
            + [f"{values[measure]:.1f}" if measure in values else "–" for measure in shown]
        )
    return _aligned([*_word_by_word(head), *lines])


def _word_by_word(head: list[str]) -> list[list[str]]:
    """Column names with one word per line, so that the table stays narrow."""
    words = [name.split() for name in head]
    height = max(map(len, words))
    return [list(line) for line in zip(*([""] * (height - len(name)) + name for name in words), strict=True)]


def _aligned(lines: list[list[str]]) -> str:
    widths = np.max([[len(cell) for cell in line] for line in lines], axis=0)
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in (0, 2) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def write_measures(path: str | Path, rows: pd.DataFrame, settings: EvaluateConfig | None = None) -> None:
    """Write tidy rows as Parquet, whole or not at all; the units are in the metadata."""
    about = {"units": {name: measure.unit for name, measure in MEASURES.items()}} | (
        {"settings": json.loads(to_json(settings))} if settings else {}
    )
    table = pa.Table.from_pandas(rows, schema=MEASURES_SCHEMA, preserve_index=False)
    with atomic_path(path) as temporary:
        pq.write_table(
            table.replace_schema_metadata({"sshmr": json.dumps(about)}), temporary, compression="zstd"
        )


def read_measures(path: str | Path) -> pd.DataFrame:
    """Read the tidy rows of ``write_measures``."""
    try:
        table = pq.read_table(path)
    except (FileNotFoundError, pa.ArrowInvalid) as error:
        raise InputError(path, found=f"not readable ({error})", expected="a table of measures") from error
    missing = [name for name in COLUMNS if name not in table.column_names]
    if missing:
        raise InputError(
            path, f'column "{missing[0]}"', "missing", ", ".join(COLUMNS), "Evaluate this round again."
        )
    return table.select(list(COLUMNS)).to_pandas()
