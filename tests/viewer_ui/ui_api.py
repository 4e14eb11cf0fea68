"""The viewer's JSON as the tests read it, to compare a page with."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any

from ui_seed import Seed


@dataclass
class Site:
    """A running viewer and what was sent to it."""

    web: str
    otlp: str
    seed: Seed | None = None

    def api(self, path: str, **params: Any) -> Any:
        """The JSON answer of the API."""
        query = urllib.parse.urlencode({"from": 0, **params})
        with urllib.request.urlopen(f"{self.web}/api{path}?{query}", timeout=30) as response:
            return json.load(response)

    def page(self, path: str, **params: str) -> str:
        """The address of a page over everything stored, paused so that nothing moves."""
        query = urllib.parse.urlencode({"range": "all", "live": "0", **params})
        return f"{self.web}{path}?{query}"


def milliseconds(value: float) -> str:
    """A duration as the pages write it, from 1 ms to 1 s."""
    return f"{value:.1f} ms" if value < 10 else f"{int(value + 0.5)} ms"
