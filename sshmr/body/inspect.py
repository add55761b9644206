"""Describe a body file, and check it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sshmr.body.layout import SHAPES, checked, digest_of, faults_of, kind_of
from sshmr.body.official import BETAS, read_body, to_smpl, told_gender

LICENCES = {
    "open": "the open body of this package: free for all uses, see NOTICE",
    "SMPL": "SMPL's licence (smpl.is.tue.mpg.de): you may not pass the files on",
    "SMPL-H": "SMPL-H's licence (mano.is.tue.mpg.de): you may not pass the files on",
}


@dataclass(frozen=True)
class BodyFacts:
    """What a body file is.

    Attributes:
        path: the file. file_format: ``pickle`` or ``npz``.
        kind: ``SMPL``, ``SMPL-H`` or ``unknown``. gender: from the file or its name, or ``not stated``.
        shapes: of each array that it has.
        height: from sole to crown at rest, metres; None if the file is faulty.
        digest: SHA-256 of the arrays that a run would use, as in its tables' metadata; None where faulty.
        faults: what is wrong, one sentence each; empty when the file can be used.
        licence: of the body, as far as its content shows.
    """

    path: Path
    file_format: str
    kind: str
    gender: str
    shapes: dict[str, tuple[int, ...]]
    height: float | None
    digest: str | None
    faults: tuple[str, ...]
    licence: str

    @property
    def joints(self) -> int | None:
        """Number of joints; None where that array is missing."""
        return self.shapes["kintree_table"][-1] if "kintree_table" in self.shapes else None

    def text(self) -> str:
        """The same as text."""
        count = {name: shape[0] for name, shape in self.shapes.items()}
        rows = {
            "format": self.file_format,
            "kind": self.kind,
            "gender": self.gender,
            "joints": self.joints,
            "vertices": count.get("v_template"),
            "faces": count.get("f"),
            "betas": self.shapes.get("shapedirs", (None,))[-1],
            "height": None if self.height is None else f"{self.height:.2f} m at rest",
            "digest": self.digest,
            "licence": self.licence,
            "valid": "no" if self.faults else "yes",
        }
        lines = [f"  {name:15} {value}" for name, value in rows.items() if value is not None]
        return "\n".join([str(self.path), *lines, *(f"    {fault}" for fault in self.faults)])


def inspect_body(path: Path | str) -> BodyFacts:
    """Describe a body file as it was downloaded.

    Returns:
        A ``BodyFacts``; ``faults`` lists arrays that are wrong or do not match.

    Raises:
        InputError: when the file cannot be read, or contains unsafe objects.
    """
    path = Path(path)
    stored = read_body(path)
    arrays = {name: stored[name] for name in SHAPES if name in stored}
    faults = faults_of(arrays)
    kind = kind_of(arrays) or "unknown"
    used = None
    if not faults:
        used = to_smpl(checked(path, arrays))
        used["shapedirs"] = used["shapedirs"][:, :, :BETAS]
    own = "open" if str(stored.get("name", "")).startswith("open") else kind
    return BodyFacts(
        path=path,
        file_format="npz" if path.suffix.lower() == ".npz" else "pickle",
        kind=kind,
        gender=told_gender(path, stored) or "not stated",
        shapes={name: array.shape for name, array in arrays.items()},
        height=float(np.ptp(used["v_template"][:, 1])) if used else None,
        digest=digest_of(used) if used else None,
        faults=tuple(f"{field} is {found}; expected {expected}" for field, found, expected in faults),
        licence=LICENCES.get(own, "not stated"),
    )
