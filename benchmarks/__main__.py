"""``make bench``: every figure, one line each, and ``benchmarks/results.json``."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

PARTS = ("prediction", "service", "process", "viewer", "pipeline")
RESULTS = Path(__file__).parent / "results.json"


def _run_part(name: str, *, quick: bool) -> list[dict[str, object]]:
    """Run one part in a process of its own, so that none warms up another."""
    out = RESULTS.with_name(f".{name}.json")
    command = [sys.executable, "-m", "benchmarks.part", name, str(out)]
    done = subprocess.run(command + (["--quick"] if quick else []), check=False)
    if done.returncode:
        raise SystemExit(f"benchmark {name} failed with exit code {done.returncode}")
    figures: list[dict[str, object]] = json.loads(out.read_text("utf-8"))
    out.unlink()
    return figures


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repeats")
    parser.add_argument("--only", choices=PARTS, help="one part")
    arguments = parser.parse_args()
    started = time.monotonic()
    figures: list[dict[str, object]] = []
    for part in (arguments.only,) if arguments.only else PARTS:
        figures += _run_part(part, quick=arguments.quick)
    RESULTS.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    missed = [str(f["name"]) for f in figures if not f["met"]]
    print(
        f"{len(figures) - len(missed)} of {len(figures)} targets met, "
        f"{time.monotonic() - started:.0f} s"
        + (f"; not met: {', '.join(missed)}" if missed else "")
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
