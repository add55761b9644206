"""A finished run, and the browser that pages are looked at in."""

import pytest

from tests.viewing.browser import CHROMIUM, DRIVER, Browser
from tests.viewing.runs import finish


@pytest.fixture(scope="session")
def finished_run(make_run):
    """A run with one round and all that the workflow leaves but the report."""
    return finish(make_run(rounds=1))


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """A headless Chromium; tests that use it are left out where there is none."""
    if not (CHROMIUM and DRIVER):
        pytest.skip("no Chromium with its driver here; on Debian: apt-get install chromium chromium-driver")
    pytest.importorskip("selenium", reason="pip install selenium, of the extra `test`")
    browser = Browser(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()
