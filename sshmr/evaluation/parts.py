"""The measures of all frames of some shards, and the means over all parts of a run; without torch."""

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from sshmr.errors import InputError
from sshmr.evaluation.catalogue import TRUTH_FREE
from sshmr.evaluation.tables import STAGES, in_order, tidy
from sshmr.files import atomic_path
from sshmr.tables.run_folder import RunFolder

INDEX = ["split", "sequence", "frame_id"]


@dataclasses.dataclass
class Gaps:
    """The frames that could not be measured.

    Attributes:
        frames: how many frames there are.
        without_truth: those without ground truth. sequences: a few of theirs.
        missing_bodies: genders whose body the run lacks.
        unusable: for each stage, frames whose parameters are not finite.
    """

    frames: int = 0
    without_truth: int = 0
    sequences: list[str] = dataclasses.field(default_factory=list)
    missing_bodies: list[str] = dataclasses.field(default_factory=list)
    unusable: dict[str, int] = dataclasses.field(default_factory=dict)

    def add(self, other: "Gaps") -> None:
        """Add the counts of another part."""
        self.frames += other.frames
        self.without_truth += other.without_truth
        self.sequences = sorted({*self.sequences, *other.sequences})[:6]
        self.missing_bodies = sorted({*self.missing_bodies, *other.missing_bodies})
        for stage, count in other.unusable.items():
            self.unusable[stage] = self.unusable.get(stage, 0) + count

    def notes(self, bodies: Path) -> list[str]:
        """Sentences for the reader of the measures; ``bodies`` is the folder of the run's bodies."""
        lines = []
        if self.without_truth:
            names = ", ".join(self.sequences[:5]) + (" …" if len(self.sequences) > 5 else "")
            lines.append(
                f"{self.without_truth} of {self.frames} frames have no ground truth (sequences {names}): "
                f"for them only {', '.join(TRUTH_FREE)} are measured."
            )
        lines += [
            f"{bodies / gender}.npz is missing: the neutral body replaces the {gender} one, "
            "so mpvpe and correspondence_error do not compare with the true shape."
            for gender in self.missing_bodies
        ]
        lines += [
            f"{count} frames of stage {stage} have no finite parameters and are left out."
            for stage, count in self.unusable.items()
            if count
        ]
        return lines


@dataclasses.dataclass(frozen=True)
class FrameMeasures:
    """The measures of every frame.

    Attributes:
        frames: for each stage, a row per frame (see ``evaluate_shard``). gaps: the frames without measures.
    """

    frames: dict[str, pd.DataFrame]
    gaps: Gaps


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Tidy rows of some rounds, and notes about them."""

    rows: pd.DataFrame
    notes: list[str]


def write_frame_measures(path: str | Path, measured: FrameMeasures) -> None:
    """Write the measures of every frame as Parquet, a row per frame and stage, whole or not at all.

    The name of a column is its measure, or ``measure/joint`` for one joint. Lengths are metres.
    """
    tables = [
        frames.set_axis(["/".join(key) for key in frames.columns], axis=1).assign(stage=stage)
        for stage, frames in measured.frames.items()
    ]
    table = pa.Table.from_pandas(pd.concat(tables).reset_index(), preserve_index=False)
    about = {"gaps": dataclasses.asdict(measured.gaps)}
    with atomic_path(path) as temporary:
        pq.write_table(
            table.replace_schema_metadata({"sshmr": json.dumps(about)}), temporary, compression="zstd"
        )


def read_frame_measures(path: str | Path) -> FrameMeasures:
    """The tables of ``write_frame_measures``.

    Raises:
        InputError: when it cannot be read.
    """
    try:
        table = pq.read_table(path)
        about: dict[str, Any] = json.loads(table.schema.metadata[b"sshmr"])["gaps"]
        rows = table.to_pandas().set_index(INDEX)
        stages = [stage for stage in STAGES if (rows["stage"] == stage).any()]
    except (OSError, pa.ArrowInvalid, KeyError, TypeError, ValueError) as error:
        raise InputError(
            path, found=f"not readable ({error!r})", expected="measures of frames", fix="Evaluate again"
        ) from error
    frames = {stage: rows[rows["stage"] == stage].drop(columns="stage") for stage in stages}
    for part in frames.values():
        part.columns = pd.MultiIndex.from_tuples([tuple(name.split("/")) for name in part.columns])
    return FrameMeasures(frames, Gaps(**about))


def merge_parts(run: RunFolder, rounds: Iterable[int]) -> Evaluation:
    """The means over all frames and sequences, from the measures of every frame in the run's folder."""
    rows, notes, parts = [], [], list(run.parts())
    for round_ in rounds:
        read = [read_frame_measures(run.frame_measures(round_, part)) for part in parts]
        gaps = Gaps()
        for part in read:
            gaps.add(part.gaps)
        stages = dict.fromkeys(stage for part in read for stage in part.frames)
        frames = {
            stage: pd.concat([part.frames[stage] for part in read if stage in part.frames])
            for stage in stages
        }
        rows.append(tidy(frames, round_))
        notes += [note for note in gaps.notes(run.bodies) if note not in notes]
    return Evaluation(in_order(pd.concat(rows, ignore_index=True)), notes)
