"""The verdicts of a run's bodies (sure, doubtful, failed), and the worst body."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

SURE_FROM, FAILED_BELOW = 0.5, 0.02
"""Smallest confidence of a sure body; a body below the second value has failed."""
PART_HIDDEN = 6
"""Hidden joints with which a cloud counts as a part of a person."""
DOUBTFUL_FAR, FAILED_FAR = 0.05, 0.3
"""Share of points farther than 5 cm from the mesh. With more than the first, a body is doubtful: it may miss
a limb, or the cloud shows something else, too. Of 39 such fits on simulated clouds, 12 were right. With more
than the second, it has failed, unless it is as confident as a sure body: then something stands beside the
person."""
LEVELS = {"sure": 2, "doubtful": 1, "failed": 0}
SHOWN = 6


@dataclasses.dataclass(frozen=True)
class Verdicts:
    """What is known of F bodies.

    Attributes:
        sources: the file of each. residual_mm, far_share, confidence: (F,), NaN where unknown.
        visible: (F, 24), 1 where the cloud shows the joint, NaN where unknown.
    """

    sources: list[str]
    residual_mm: np.ndarray
    far_share: np.ndarray
    confidence: np.ndarray
    visible: np.ndarray

    @classmethod
    def of(cls, tables: Sequence[tuple[Path, Path]]) -> "Verdicts":
        """Of pairs of a points table and the params table of its frames."""
        from sshmr.tables.schemas import read_params, read_table

        fits = [read_params(params) for _, params in tables]
        sources = [name for points, _ in tables for name in read_table(points, ["source"], {})["source"]]
        names = ("residual", "far_share", "confidence", "visible")
        columns = {name: np.concatenate([fit[name] for fit in fits]).astype(float) for name in names}
        return cls(sources, 1000 * columns.pop("residual"), **columns)

    @property
    def counts(self) -> dict[str, int]:
        """Number of bodies by verdict."""
        values, counts = np.unique(self._levels, return_counts=True)
        found = dict(zip(values.tolist(), counts.tolist(), strict=True))
        return {name: found.get(level, 0) for name, level in LEVELS.items()}

    @property
    def _levels(self) -> np.ndarray:
        """(F,) the verdict of each body, a value of ``LEVELS``."""
        confident = self.confidence >= SURE_FROM
        failed = (self.confidence < FAILED_BELOW) | (~confident & (self.far_share > FAILED_FAR))
        sure = confident & ~(self.far_share > DOUBTFUL_FAR)
        return np.where(failed, LEVELS["failed"], np.where(sure, LEVELS["sure"], LEVELS["doubtful"]))

    @property
    def all_sure(self) -> bool:
        """Whether no body is doubtful or has failed."""
        return self.counts["sure"] == len(self.sources)

    @property
    def in_words(self) -> str:
        """Such as ``2 sure, 1 doubtful``; the verdict alone where there is one body."""
        counts = {name: count for name, count in self.counts.items() if count}
        if len(self.sources) == 1:
            return next(iter(counts))
        return ", ".join(f"{count} {name}" for name, count in counts.items())

    @property
    def worst(self) -> dict[str, Any] | None:
        """The body with the lowest confidence of those with the worst verdict, unless all are sure."""
        if self.all_sure:
            return None
        row = int(np.argmin(self.confidence + self._levels))
        return {
            "source": self.sources[row],
            "confidence": round(float(self.confidence[row]), 3),
            "residual_mm": _rounded(self.residual_mm[row], 1),
            "far_share": _rounded(self.far_share[row], 3),
            "not_visible": self._hidden(row),
        }

    @property
    def lines(self) -> list[str]:
        """Further notes: the worst body, and how many clouds show only a part of a person."""
        lines, worst = [], self.worst
        if worst is not None:
            text = f"worst: {worst['source']}, confidence {worst['confidence']:.2f}"
            if worst["far_share"] is not None:
                text += f", {100 * worst['far_share']:.0f} % of its points farther than 5 cm from the mesh"
            lines.append(text)
        parts = [row for row in range(len(self.sources)) if len(self._hidden(row)) >= PART_HIDDEN]
        if parts:
            count, name, hidden = (
                len(self.sources),
                self.sources[parts[0]],
                ", ".join(self._hidden(parts[0])[:SHOWN]),
            )
            lines.append(
                f"{len(parts)} of {count} clouds show only a part of a person; {name} lacks {hidden}, …. "
                "There the pose comes from the prior alone (column visible)"
            )
        return lines

    def _hidden(self, row: int) -> list[str]:
        from sshmr.body.layout import JOINT_NAMES

        return [name for name, seen in zip(JOINT_NAMES, self.visible[row], strict=True) if seen == 0]


def _rounded(value: float, digits: int) -> float | None:
    return round(float(value), digits) if np.isfinite(value) else None
