"""What is said of a body file, whatever it is."""

import numpy as np
import pytest

from sshmr.body.inspect import inspect_body
from sshmr.body.model import BodyModel, open_body_path
from sshmr.body.official import convert_body
from sshmr.errors import InputError


def test_the_shipped_body_is_described():
    facts = inspect_body(open_body_path("male"))
    assert (facts.kind, facts.gender, facts.joints, facts.file_format) == ("SMPL", "male", 24, "npz")
    assert facts.digest == BodyModel.load(open_body_path("male")).digest
    assert facts.height == pytest.approx(1.78, abs=0.01)
    text = facts.text()
    for part in ("6890", "13776", "1.78 m", "valid           yes", "free for all uses"):
        assert part in text


def test_an_official_pickle_with_fingers_is_described(tmp_path, official, python2_pickle, smplh_arrays):
    path = tmp_path / "SMPLH_male.pkl"
    path.write_bytes(python2_pickle(official(smplh_arrays)))
    facts = inspect_body(path)
    assert (facts.kind, facts.gender, facts.joints, facts.file_format) == ("SMPL-H", "male", 52, "pickle")
    assert "betas           12" in facts.text()
    assert "mano.is.tue.mpg.de" in facts.licence
    convert_body(path, "male", tmp_path / "male.npz")
    assert facts.digest == BodyModel.load(tmp_path / "male.npz").digest


def test_all_faults_are_listed(tmp_path, small_arrays):
    arrays = {**small_arrays, "weights": small_arrays["weights"] * 2, "f": small_arrays["f"] + 90000}
    np.savez(tmp_path / "body.npz", **arrays)
    facts = inspect_body(tmp_path / "body.npz")
    assert len(facts.faults) == 2
    assert facts.digest is None
    assert "valid           no" in facts.text()
    assert 'array "weights" is up to 1 away from a sum of 1' in facts.text()
    assert "not stated" in facts.text()
    np.savez(tmp_path / "other.npz", points=np.zeros((3, 3)))
    assert inspect_body(tmp_path / "other.npz").kind == "unknown"
    assert len(inspect_body(tmp_path / "other.npz").faults) == 7


@pytest.mark.parametrize("suffix", [".npz", ".pkl"])
def test_damaged_bytes_are_reported(tmp_path, official, python2_pickle, small_arrays, suffix):
    """Bytes changed at random: a body, a list of faults, or one clear error."""
    few = {name: array[..., :10] if name == "shapedirs" else array for name, array in small_arrays.items()}
    path = tmp_path / f"damaged{suffix}"
    np.savez_compressed(path.with_suffix(".npz"), **few)
    if suffix == ".pkl":
        path.write_bytes(python2_pickle(official(few)))
    whole = np.frombuffer(path.read_bytes(), np.uint8)
    text = np.flatnonzero((whole > 31) & (whole < 127))  # names and headers, where damage bites
    rng, errors = np.random.default_rng(0), []
    for number in range(60):
        data = whole.copy()
        places = rng.choice(text if number % 2 else len(data), 300)
        data[places] = rng.integers(0, 256, len(places))
        path.write_bytes(data[: None if number % 4 else rng.integers(1, len(data))].tobytes())
        try:
            inspect_body(path).text()
        except InputError as error:
            errors.append(str(error))
    assert len(errors) > 10
    assert all(f"damaged{suffix}" in error for error in errors)
