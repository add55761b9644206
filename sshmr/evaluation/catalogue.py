"""What each measure is called, and where the report shows it. docs/measures.md defines them."""

from typing import NamedTuple

AGAINST_TRUTH, MOTION, TRUTH_FREE_GROUP, PSEUDO_LABELS = (
    "Against the truth", "Motion", "Without the truth", "Pseudo labels",
)  # fmt: skip


class Measure(NamedTuple):
    """One measure.

    Attributes:
        unit: mm (computed in metres) or % (computed as shares). title, meaning: on the report page.
        short: the title on narrow screens; empty if the title is short. group: the table that it is in.
        of_sequences: whether the table of sequences shows it.
        higher_is_better: whether a comparison of runs prefers the higher value.
    """

    unit: str
    title: str
    meaning: str
    short: str = ""
    group: str = AGAINST_TRUTH
    of_sequences: bool = False
    higher_is_better: bool = False

    @property
    def head(self) -> dict[str, str]:
        """The head of a table's column."""
        return {"title": self.title, "short": self.short or self.title, "unit": self.unit}


MEASURES = {
    "mpjpe": Measure("mm", "MPJPE", "mean distance of the 24 joints to the truth", of_sequences=True),
    "flip_tolerant_mpjpe": Measure(
        "mm", "Flip-tolerant MPJPE", "with left and right exchanged if that is better", "Flip-tolerant"
    ),
    "pa_mpjpe": Measure("mm", "PA-MPJPE", "after the best similarity alignment", of_sequences=True),
    "mpvpe": Measure("mm", "MPVPE", "mean distance of all vertices to the truth", of_sequences=True),
    "correspondence_error": Measure(
        "mm", "Correspondence error", "predicted to true vertex of each point, on the true mesh",
        "Correspond.", of_sequences=True,
    ),
    "flipped": Measure(
        "%", "Flipped by 180°", "share of bodies that face the wrong way", "Flipped", of_sequences=True
    ),
    "acceleration_error": Measure(
        "mm", "Acceleration error", "of the joints, from frame to frame", "Accel.", MOTION
    ),
    "foot_sliding": Measure(
        "mm", "Foot sliding", "motion of standing feet, from frame to frame", "Sliding", MOTION
    ),
    "chamfer": Measure(
        "mm", "Chamfer, cloud to mesh", "mean distance of the points to the mesh", "To mesh",
        TRUTH_FREE_GROUP, of_sequences=True,
    ),
    "residual": Measure(
        "mm", "Residual (median)", "median distance of the points to the mesh", "Residual", TRUTH_FREE_GROUP
    ),
    "penetration": Measure(
        "%", "Self-penetration", "share of the skin inside another part of the body", "Penetration",
        TRUTH_FREE_GROUP, of_sequences=True,
    ),
    "pseudo_label_error": Measure(
        "mm", "Pseudo label error", "pseudo label to true vertex, on the true mesh", "Error", PSEUDO_LABELS
    ),
    "pseudo_label_agreement": Measure(
        "%", "Pseudo label agreement", "share of pseudo labels that are the nearest true vertex", "Agreement",
        PSEUDO_LABELS, higher_is_better=True,
    ),
    "pseudo_label_coverage": Measure(
        "%", "Pseudo label coverage", "share of points with a pseudo label", "Coverage", PSEUDO_LABELS,
        higher_is_better=True,
    ),
}  # fmt: skip
"""Every measure, in the order of the report."""

GROUPS = {
    group: tuple(name for name, measure in MEASURES.items() if measure.group == group)
    for group in (AGAINST_TRUTH, MOTION, TRUTH_FREE_GROUP, PSEUDO_LABELS)
}
"""The measures of each table of the report page."""

TRUTH_FREE = GROUPS[TRUTH_FREE_GROUP]
"""The measures that need no truth."""
