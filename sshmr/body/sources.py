"""Find the files of the body and of the pose prior: the shipped ones, or the user's own.

The workflow uses this while it plans, so this module imports only the standard library.
"""

import os
from pathlib import Path

from sshmr.errors import InputError

ASSETS = Path(__file__).parent / "assets"
GENDERS = ("neutral", "male", "female")
LETTERS = {"neutral": "neutral", "male": "m", "female": "f"}
"""How SMPL's own files spell each gender."""
STAND_INS = {"neutral": ("male", "female"), "male": ("neutral", "female"), "female": ("neutral", "male")}
"""The genders that replace a missing one, in order."""


def body_source(body: str, gender: str) -> Path:
    """The file of one gender, or of the gender that replaces it.

    Args:
        body: ``open`` for the body that ships with the package, or a folder with SMPL's or SMPL-H's files
            under their official names (.npz or .pkl), in it or anywhere below; case does not matter. SMPL's
            come before SMPL-H's, an .npz before a .pkl, a file before those deeper down.
        gender: ``neutral``, ``male`` or ``female``.

    Raises:
        InputError: when the folder is missing or has no body file.
    """
    if body == "open":
        return ASSETS / f"open_{gender}.npz"
    if not Path(body).is_dir():
        raise InputError(
            body, found="no such folder", expected="SMPL's files", fix="Correct body in the config"
        )
    files = _files(body)
    for wanted in (gender, *STAND_INS[gender]):
        for name in _names(wanted):
            for path in files:
                if _fits(path, name):
                    return path
    raise InputError(
        body,
        found="it has no body model",
        expected="SMPL's or SMPL-H's files, such as " + ", ".join(_names(gender)[1::2]),
        fix="Put them there with their original names, or set body: open in the config",
    )


def gender_of(path: Path | str) -> str | None:
    """The gender in a body file's official name, or None."""
    fits = (gender for gender in GENDERS for name in _names(gender) if _fits(Path(path), name))
    return next(fits, None)


def _names(gender: str) -> list[str]:
    stems = (
        f"SMPL_{gender.upper()}",
        f"basicModel_{LETTERS[gender]}_lbs_10_207_0_v1.1.0",
        f"basicModel_{LETTERS[gender]}_lbs_10_207_0_v1.0.0",
        gender,
        f"SMPLH_{gender}",
        f"{gender}/model",
    )
    return [f"{stem}{suffix}" for stem in stems for suffix in (".npz", ".pkl")]


def _fits(path: Path, name: str) -> bool:
    parts = [part.lower() for part in path.parts]
    # Other models that are downloaded beside SMPL-H's call their files model.npz too.
    foreign = "/" in name and any("dmpl" in part or "smplx" in part for part in parts[:-1])
    return not foreign and parts[-1 - name.count("/") :] == name.lower().split("/")


def _files(body: str | Path) -> list[Path]:
    """All .npz and .pkl files below a folder, through links too, shallow ones first."""
    found, seen = [], set()
    for folder, folders, names in os.walk(body, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:  # a link to a folder above
            folders.clear()
            continue
        seen.add(real)
        found += [Path(folder) / name for name in names if name.lower().endswith((".npz", ".pkl"))]
    return sorted(found, key=lambda path: (len(path.parts), path))


def prior_source(prior: str) -> Path:
    """The file of the pose prior: ``open`` for the shipped one, or the user's own path.

    Raises:
        InputError: when there is no such file.
    """
    path = ASSETS / "pose_prior.npz" if prior == "open" else Path(prior)
    if prior != "open" and not path.is_file():
        raise InputError(path, found="no such file", expected="a pose prior (.npz or gmm_08.pkl)")
    return path
