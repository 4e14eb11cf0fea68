"""What a page does while telemetry arrives: its heap, its nodes and what moves on it.

Run it by itself for a table over minutes:
``python -m tests.viewer_ui.ui_live --minutes 10 --pages /traces /models/loan``. In a page's
address ``{a}`` and ``{b}`` stand for the newest trace and the one before it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from ui_browser import Browser

from otelml.viewer import Viewer
from tests.viewer.seed import NS, Fleet, send

PAGES = ("/models", "/models/loan", "/services", "/traces", "/metrics", "/logs")
READY = {
    "/models": ".table tbody tr",
    "/models/loan": "figure canvas",
    "/services": ".table tbody tr",
    "/traces": ".table tbody tr",
    "/metrics": "figure canvas",
    "/logs": ".log",
    "/services/loan-api": "figure canvas",
    "/compare/traces": ".compare-row",
    "/compare/models/loan": "figure canvas",
}
STANDS = "return document.querySelector(arguments[0]) !== null"
# Each shift with the elements that moved, since the page was loaded.
OBSERVE = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    const told = (node) => !node ? "gone" : node.nodeType !== 1 ? told(node.parentElement)
      : node.tagName.toLowerCase() + (node.className?.baseVal ?? node.className ? "." + String(node.className?.baseVal ?? node.className).trim().replace(/ +/g, ".") : "");
    const box = (each) => [each.x, each.y, each.width, each.height].map(Math.round).join(" ");
    window.shifts.push({value: entry.value, at: entry.startTime,
      moved: entry.sources.map((each) => `${told(each.node)} ${box(each.previousRect)} > ${box(each.currentRect)}`)});
  }
}).observe({type: "layout-shift", buffered: true});
"""


class Traffic:
    """A fleet that sends to a viewer, many times faster than life, until it is stopped."""

    def __init__(self, otlp: str, *, scale: float, every_s: float = 0.5) -> None:
        self._otlp, self._scale, self._every_s = otlp, scale, every_s
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="traffic", daemon=True)
        self.failed: list[BaseException] = []
        self.at_ns = time.time_ns() - 120 * NS
        self.fleet = Fleet(self.at_ns)

    def __enter__(self) -> Traffic:
        self.catch_up()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join(30)

    def catch_up(self) -> None:
        """Sends what has happened since it last sent, ten seconds at a time."""
        now = time.time_ns()
        while self.at_ns < now:
            to_ns = min(now, self.at_ns + 10 * NS)
            send(self._otlp, self.fleet.period(self.at_ns, to_ns, self._scale))
            self.at_ns = to_ns

    def _run(self) -> None:
        try:
            while not self._done.wait(self._every_s):
                self.catch_up()
        except OSError as error:
            self.failed.append(error)


@dataclass
class Watched:
    """What one page was seen to do."""

    page: str
    seconds: list[float] = field(default_factory=list)
    heap_mb: list[float] = field(default_factory=list)
    nodes: list[int] = field(default_factory=list)
    listeners: list[int] = field(default_factory=list)
    redraws: int = 0
    shifts: list[dict[str, Any]] = field(default_factory=list)

    @property
    def shift(self) -> float:
        """The sum of the layout shifts while it was watched."""
        return sum(each["value"] for each in self.shifts)

    @property
    def growth_mb_s(self) -> float:
        """Megabytes a second between the lowest readings of the two halves.

        The lowest, because rows that have just been replaced are let go one redraw later.
        """
        half = len(self.heap_mb) // 2
        return (min(self.heap_mb[half:]) - min(self.heap_mb[:half])) / (self.seconds[-1] / 2)

    def __str__(self) -> str:
        heap = f"{self.heap_mb[0]:.1f} → {self.heap_mb[-1]:.1f} MB ({1000 * self.growth_mb_s:+.1f} kB/s)"
        nodes = f"nodes {self.nodes[0]} → {self.nodes[-1]}, listeners {self.listeners[0]} → {self.listeners[-1]}"
        return f"{self.page}: {self.seconds[-1]:.0f} s, {self.redraws} answers, heap {heap}, {nodes}, layout shift {self.shift:.4f}"


def heap(browser: Browser) -> tuple[float, int, int]:
    """Megabytes that are still used after a collection, DOM nodes and listeners."""
    for _ in range(2):  # the second takes what only removed nodes held
        browser.command("HeapProfiler.collectGarbage")
    used = browser.command("Runtime.getHeapUsage")["usedSize"]
    counts = browser.command("Memory.getDOMCounters")
    return used / 1e6, counts["nodes"], counts["jsEventListeners"]


def watch(
    browser: Browser,
    base: str,
    page: str,
    *,
    seconds: float,
    readings: int = 8,
    settle_s: float = 4.0,
) -> Watched:
    """Opens a page live, waits until it stands, and reads it while data arrives."""
    seen = Watched(page)
    browser.driver.get(f"{base}{page}{'&' if '?' in page else '?'}range=5m")
    ready = READY.get(page.partition("?")[0], "main > *")
    # Not by `browser.one`: an element that the driver knows is kept, and with it what it belonged to.
    browser.until(lambda: browser.script(STANDS, ready), f"{ready} on {page}")
    time.sleep(settle_s)
    browser.script(
        OBSERVE
        + "performance.setResourceTimingBufferSize(100000); window.watchedFrom = performance.now()"
    )
    started = time.monotonic()
    for number in range(readings + 1):
        used, nodes, listeners = heap(browser)
        seen.seconds.append(time.monotonic() - started)
        seen.heap_mb.append(used)
        seen.nodes.append(nodes)
        seen.listeners.append(listeners)
        if number < readings:
            time.sleep(max(0.0, started + (number + 1) * seconds / readings - time.monotonic()))
    seen.shifts = browser.script(
        "return window.shifts.filter((each) => each.at >= window.watchedFrom)"
    )
    seen.redraws = browser.script(
        "return performance.getEntriesByType('resource').filter((each) => each.name.includes('/api/') && each.startTime > window.watchedFrom).length"
    )
    return seen


def newest(base: str) -> dict[str, str]:
    """The two newest traces, by the names that addresses of pages have for them."""
    with urllib.request.urlopen(f"{base}/api/traces?limit=2", timeout=30) as response:
        found = json.load(response)["traces"]
    return {"a": found[0]["trace_id"], "b": found[1]["trace_id"]}


def main(arguments: Sequence[str] | None = None) -> None:
    """Watches pages of a viewer that takes in a fleet's telemetry, and prints a line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument(
        "--scale", type=float, default=10.0, help="how many times the fleet's usual rate"
    )
    parser.add_argument("--width", type=int, default=1440)
    parser.add_argument("--readings", type=int, default=10)
    parser.add_argument("--moved", action="store_true", help="tell what moved")
    parser.add_argument("--pages", nargs="+", default=list(PAGES))
    options = parser.parse_args(arguments)
    viewer = Viewer(grpc_port=0, http_port=0, web_port=0)
    viewer.start()
    base = f"http://127.0.0.1:{viewer.ports.web}"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(Path(profile))
        try:
            browser.size(options.width, 900)
            with Traffic(f"http://127.0.0.1:{viewer.ports.http}", scale=options.scale):
                for page in options.pages:
                    at = page.format(**newest(base)) if "{" in page else page
                    seen = watch(
                        browser, base, at, seconds=options.minutes * 60, readings=options.readings
                    )
                    print(seen, flush=True)  # noqa: T201 - a script that says what it saw
                    print("   heap", *(f"{each:.1f}" for each in seen.heap_mb), flush=True)  # noqa: T201
                    for shift in seen.shifts if options.moved else []:
                        print(f"   {shift['value']:.4f}", *shift["moved"], sep="\n      ")  # noqa: T201
        finally:
            browser.close()
            viewer.stop()


if __name__ == "__main__":
    main()
