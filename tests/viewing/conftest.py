"""The browser that pages are looked at in."""

import pytest

from tests.viewing.browser import CHROMIUM, DRIVER, Browser


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """A headless Chromium; tests that use it are left out where there is none."""
    if not (CHROMIUM and DRIVER):
        pytest.skip("no Chromium with its driver here; on Debian: apt-get install chromium chromium-driver")
    pytest.importorskip("selenium", reason="pip install selenium, of the extra `test`")
    browser = Browser(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()
