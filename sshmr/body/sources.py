"""Where the body and the pose prior come from: the shipped files, or the user's own.

The workflow asks this while it plans, so nothing here imports more than the standard library.
"""

from pathlib import Path

from sshmr.errors import InputError

ASSETS = Path(__file__).parent / "assets"
LETTERS = {"neutral": "neutral", "male": "m", "female": "f"}
"""How the official files spell each gender."""


def body_source(body, gender):
    """The file of one gender.

    Args:
        body: ``open`` for the body that ships with the package, or a folder of SMPL's files under their
            official names (.npz or .pkl).
        gender: ``neutral``, ``male`` or ``female``.

    Raises:
        InputError: when the folder has no file for that gender.
    """
    if body == "open":
        return ASSETS / f"open_{gender}.npz"
    names = [
        f"{stem}{suffix}"
        for stem in (
            f"SMPL_{gender.upper()}",
            f"basicmodel_{LETTERS[gender]}_lbs_10_207_0_v1.1.0",
            f"basicModel_{LETTERS[gender]}_lbs_10_207_0_v1.0.0",
            gender,
        )
        for suffix in (".npz", ".pkl")
    ]
    for name in names:
        if (Path(body) / name).is_file():
            return Path(body) / name
    raise InputError(
        body,
        found=f"it has no file of the {gender} body",
        expected="one of " + ", ".join(names),
        fix="Put SMPL's files there under their own names, or set body: open in the config",
    )


def prior_source(prior):
    """The file of the pose prior: ``open`` for the shipped one, or the user's own path.

    Raises:
        InputError: when there is no such file.
    """
    path = ASSETS / "pose_prior.npz" if prior == "open" else Path(prior)
    if prior != "open" and not path.is_file():
        raise InputError(path, found="no such file", expected="a pose prior (.npz or gmm_08.pkl)")
    return path
