"""What the tests of the stack share: questions to the stores, and ports of their own."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

from engines.table import Ports


@pytest.fixture
def ports():
    """Ports that neither a stack at the defaults nor the rest of the tests use."""
    return Ports(17000)


@pytest.fixture
def ask():
    """Return a function that GETs JSON: ``ask(base, path, **parameters)``."""

    def get(base: str, path: str, **parameters: str) -> dict:
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{base}{path}?{query}", timeout=10) as response:
            return json.load(response)

    return get


@pytest.fixture
def eventually():
    """Return a function that asks until the answer is true, and returns that answer."""

    def wait(question, timeout_s: float = 60.0):
        deadline = time.monotonic() + timeout_s
        answer = None
        while True:
            try:
                if answer := question():
                    return answer
            except urllib.error.HTTPError as error:
                if time.monotonic() > deadline:
                    pytest.fail(f"{error.code}: {error.read()[:500]!r}")
            if time.monotonic() > deadline:
                pytest.fail(f"not so after {timeout_s} s: {answer!r}")
            time.sleep(0.3)

    return wait
