"""Titles and explanations of the measures."""

from sshmr.evaluation.tables import TRUTH_FREE, UNITS

TITLES = {
    "mpjpe": "MPJPE",
    "flip_tolerant_mpjpe": "Flip-tolerant MPJPE",
    "pa_mpjpe": "PA-MPJPE",
    "mpvpe": "MPVPE",
    "correspondence_error": "Correspondence error",
    "flipped": "Flipped by 180°",
    "acceleration_error": "Acceleration error",
    "foot_sliding": "Foot sliding",
    "chamfer": "Chamfer, cloud to mesh",
    "residual": "Residual (median)",
    "penetration": "Self-penetration",
    "pseudo_label_error": "Pseudo label error",
    "pseudo_label_agreement": "Pseudo label agreement",
    "pseudo_label_coverage": "Pseudo label coverage",
}

SHORT = {
    "flip_tolerant_mpjpe": "Flip-tolerant",
    "correspondence_error": "Correspond.",
    "flipped": "Flipped",
    "acceleration_error": "Accel.",
    "foot_sliding": "Sliding",
    "chamfer": "To mesh",
    "residual": "Residual",
    "penetration": "Penetration",
    "pseudo_label_error": "Error",
    "pseudo_label_agreement": "Agreement",
    "pseudo_label_coverage": "Coverage",
}
"""Titles for narrow screens."""

MEANINGS = {
    "mpjpe": "mean distance of the 24 joints to the truth",
    "flip_tolerant_mpjpe": "with left and right exchanged if that is better",
    "pa_mpjpe": "after the best similarity alignment",
    "mpvpe": "mean distance of all vertices to the truth",
    "correspondence_error": "predicted to true vertex of each point, on the true mesh",
    "flipped": "share of bodies that face the wrong way",
    "acceleration_error": "of the joints, from frame to frame",
    "foot_sliding": "motion of standing feet, from frame to frame",
    "chamfer": "mean distance of the points to the mesh",
    "residual": "median distance of the points to the mesh",
    "penetration": "share of the skin inside another part of the body",
    "pseudo_label_error": "pseudo label to true vertex, on the true mesh",
    "pseudo_label_agreement": "share of pseudo labels that are the nearest true vertex",
    "pseudo_label_coverage": "share of points with a pseudo label",
}

PSEUDO_LABELS = tuple(measure for measure in UNITS if measure.startswith("pseudo_label_"))
MOTION = ("acceleration_error", "foot_sliding")
GROUPS = {
    "Against the truth": tuple(m for m in UNITS if m not in (*TRUTH_FREE, *PSEUDO_LABELS, *MOTION)),
    "Motion": MOTION,
    "Without the truth": TRUTH_FREE,
    "Pseudo labels": PSEUDO_LABELS,
}
"""The groups of measures on the report page. A measure in none of them is not shown."""
