"""What the tests of pages share: a sandbox with alerts in it, and a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.alert_catalog import AlertCatalog
from support.browser import CHROMIUM, Browser, running_browser

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from falcoport.sandbox.server import RunningSandbox


@pytest.fixture
def catalog(sandbox: RunningSandbox, api: httpx.Client) -> AlertCatalog:
    """Set a sandbox up for alerts."""
    return AlertCatalog(sandbox, api)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Run a headless Chromium for all tests of a run: starting one takes a second."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here: apt-get install chromium")
    with running_browser(CHROMIUM) as running:
        yield running


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    """Lend the browser with its settings as they are at first."""
    chromium.prefer("light")
    chromium.resize(1280, 900)
    yield chromium
    chromium.open("about:blank")
