"""Pictures of every page of a running viewer: `python screenshots.py http://localhost:8090 out/`."""

from __future__ import annotations

import json
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from ui_browser import Browser

SIZES = {"large": (1440, 900), "small": (390, 844)}
THEMES = ("light", "dark")
SETTLE_S = 0.8
READY = {
    "models": ".table tbody tr, .empty",
    "model": "figure canvas",
    "traces": ".table tbody tr",
    "trace": ".span-row",
    "metrics": "figure canvas",
    "logs": ".log",
    "compare-traces": ".compare-row.on",
    "compare-models": ".findings, .nothing, .pad",
}


def _get(base_url: str, path: str) -> Any:
    with urllib.request.urlopen(f"{base_url}/api{path}", timeout=30) as response:
        return json.load(response)


def pages(base_url: str) -> dict[str, str]:
    """The address of each page, with the busiest model and a trace that shows stages."""
    models = _get(base_url, "/models")["models"]
    name = urllib.parse.quote(max(models, key=lambda row: row["predictions"])["name"], safe="")
    found = _get(base_url, f"/traces?model={name}&limit=100")["traces"]
    trace_id = max(found, key=lambda row: (not row["error"], row["spans"]))["trace_id"]
    others = [row["trace_id"] for row in found if row["spans"] > 1 and row["trace_id"] != trace_id]
    other = others[0] if others else trace_id
    spans = _get(base_url, f"/traces/{trace_id}")["spans"]
    chosen = next((span for span in spans if span["model"]), spans[0])
    return {
        "models": "/models?",
        "model": f"/models/{name}?",
        "traces": "/traces?",
        "trace": f"/traces/{trace_id}?span={chosen['span_id']}&",
        "metrics": "/metrics?name=ml.stage.duration&by=ml.stage.name&",
        "logs": "/logs?",
        "compare-traces": f"/compare/traces?a={trace_id}&b={other}&",
        "compare-models": f"/compare/models/{name}?",
    }


def main(base_url: str, out_dir: str | Path) -> list[Path]:
    """Takes every page, large and small, light and dark; returns the files."""
    base_url = base_url.rstrip("/")
    target = Path(out_dir)
    target.mkdir(parents=True, exist_ok=True)
    addresses = pages(base_url)
    taken: list[Path] = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(Path(profile))
        try:
            for size, (width, height) in SIZES.items():
                browser.size(width, height)
                for page, address in addresses.items():
                    for theme in THEMES:
                        browser.open(f"{base_url}{address}theme={theme}")
                        browser.one(READY[page])
                        time.sleep(SETTLE_S)
                        file = target / f"{page}-{size}-{theme}.png"
                        browser.driver.save_screenshot(str(file))
                        taken.append(file)
        finally:
            browser.close()
    return taken


if __name__ == "__main__":
    for picture in main(sys.argv[1], sys.argv[2]):
        print(picture)  # noqa: T201 - a script that says what it wrote
