"""Draw every dashboard from live query results: ``python -m grafana.picture``.

Runs the stack, two services and their traffic for some minutes, asks what the panels ask, and
draws each dashboard as a picture with headless Chromium.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import click

from engines.build import BuildError
from engines.process import StackError
from engines.table import ROOT, Ports
from grafana.generate.queries import DASHBOARDS
from grafana.picture import page
from grafana.picture.ask import STEP_S, Source, Window
from grafana.picture.scene import Scene

# What a person has chosen; all of it where nothing is named.
CHOSEN: Final[dict[str, dict[str, str]]] = {
    "model": {"service": "loan-api", "model": "loan"},
    "quality": {"service": "loan-api", "model": "loan"},
    "service": {"service": "loan-api"},
    "variants": {"service": "price-api", "model": "district"},
    "batch": {"service": "price-api"},
}
QUEUE: Final = (1_000_000, "bytes")
_CHROMIUM_S: Final = 90
_FLAGS: Final = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
)


def take(text: str, height: int, target: Path) -> None:
    """Write a page as a picture.

    Raises:
        StackError: Chromium is missing or took no picture.
    """
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise StackError("chromium is not installed; run tests/install-browser")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        file = Path(folder) / "page.html"
        file.write_text(text, "utf-8")
        picture = Path(folder) / "page.png"
        command = [chromium, *_FLAGS, f"--user-data-dir={folder}/profile"]
        command += [f"--screenshot={picture}", f"--window-size={page.WIDTH},{height}"]
        done = subprocess.run(  # noqa: S603 - the browser, on a page of ours
            [*command, file.as_uri()], capture_output=True, timeout=_CHROMIUM_S, check=False
        )
        if not picture.exists():
            raise StackError(f"no picture of {target.stem}:\n{done.stderr.decode()[-2000:]}")
        shutil.move(picture, target)


def draw(prometheus: str, minutes: float, out: Path, logs: str = "") -> None:
    """Draw every dashboard from the last minutes in a Prometheus and a VictoriaLogs."""
    out.mkdir(parents=True, exist_ok=True)
    end = time.time() // STEP_S * STEP_S
    for path in sorted(DASHBOARDS.glob("*.json")):
        dashboard = json.loads(path.read_text("utf-8"))
        values = CHOSEN.get(path.stem, {})
        source = Source(prometheus, Window(end - minutes * 60, end), values, logs)
        target = out / f"dashboard-{path.stem}.png"
        take(page.page(path.stem, dashboard, source, values), page.height(dashboard), target)
        click.echo(f"drew {target}")


def _end(*_: object) -> None:
    raise KeyboardInterrupt


def main(arguments: list[str] | None = None) -> int:
    """Draw; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m grafana.picture", description=__doc__)
    parser.add_argument("--prometheus", metavar="URL", help="draw from this one, start nothing")
    parser.add_argument("--logs", metavar="URL", default="", help="VictoriaLogs beside that")
    parser.add_argument("--minutes", type=float, default=15.0, help="to show; 15 by default")
    parser.add_argument("--port-offset", type=int, default=0, metavar="N")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/images", metavar="FOLDER")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _end)
    try:
        if options.prometheus:
            draw(options.prometheus, options.minutes, options.out, options.logs)
            return 0
        with (
            tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
            Scene(Path(folder), Ports(options.port_offset), QUEUE) as scene,
        ):
            click.echo(f"sending traffic for {options.minutes:.0f} minutes")
            scene.play(options.minutes)
            urls = [scene.stack.url(engine) for engine in ("prometheus", "victorialogs")]
            draw(urls[0], options.minutes, options.out, urls[1])
    except (BuildError, StackError) as error:
        click.echo(f"error: {error}", err=True)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
