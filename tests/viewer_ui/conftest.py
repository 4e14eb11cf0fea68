"""A real viewer in this process, a real browser, and telemetry with known values."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from ui_api import Site
from ui_browser import Browser, BrowserMissingError
from ui_seed import BIG_TRACE_SPANS, PREDICTIONS, send, send_log

from otelml.viewer import Viewer

STORED_S = 30.0
SPANS = PREDICTIONS * 5 + BIG_TRACE_SPANS + 2


def _start() -> Viewer:
    viewer = Viewer(grpc_port=0, http_port=0, web_port=0)
    viewer.start()
    return viewer


def _site(viewer: Viewer) -> Site:
    return Site(
        web=f"http://127.0.0.1:{viewer.ports.web}", otlp=f"http://127.0.0.1:{viewer.ports.http}"
    )


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """A viewer that has stored everything of `ui_seed`."""
    viewer = _start()
    found = _site(viewer)
    found.seed = send(found.otlp)
    end = time.monotonic() + STORED_S
    while (
        (stored := found.api("/status"))["spans"] < SPANS
        or not stored["logs"]
        or not stored["points"]
    ):
        assert time.monotonic() < end, f"the viewer stored only {stored}"
        time.sleep(0.05)
    yield found
    viewer.stop()


@pytest.fixture
def empty_site() -> Iterator[Site]:
    """A viewer that has received nothing."""
    viewer = _start()
    yield _site(viewer)
    viewer.stop()


@pytest.fixture
def send_one() -> Callable[[Site], None]:
    """Sends a single log record to a viewer."""
    return lambda to: send_log(to.otlp, "the first record")


@pytest.fixture(scope="session")
def _browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    try:
        browser = Browser(tmp_path_factory.mktemp("chromium"))
    except BrowserMissingError as error:
        pytest.fail(str(error), pytrace=False)
    yield browser
    browser.close()


@pytest.fixture
def browser(_browser: Browser) -> Browser:
    """A 1440 by 900 window with nothing complained of."""
    _browser.driver.get("about:blank")
    _browser.size(1440, 900)
    _browser.problems()
    return _browser
