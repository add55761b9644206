"""Threads that wait soon leave the core to others, unless the environment says otherwise."""

import os

import pytest

from sshmr.runtime import wait_briefly


@pytest.fixture
def clean(monkeypatch):
    # Set first, so that what the test leaves is undone too.
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return monkeypatch


def test_threads_wait_briefly(clean):
    wait_briefly()
    assert os.environ["GOMP_SPINCOUNT"] == "1000"


@pytest.mark.parametrize(("name", "value"), [("OMP_WAIT_POLICY", "ACTIVE"), ("GOMP_SPINCOUNT", "7")])
def test_what_the_environment_says_has_its_way(clean, name, value):
    clean.setenv(name, value)
    wait_briefly()
    assert os.environ.get(name) == value
    assert os.environ.get("GOMP_SPINCOUNT") == (value if name == "GOMP_SPINCOUNT" else None)
