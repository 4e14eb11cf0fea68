"""``make bench``: every figure, one line each, and ``benchmarks/results.json``."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

PARTS = (
    "prediction",
    "paced",
    "growth",
    "libraries",
    "service",
    "http",
    "frameworks",
    "shadow",
    "batch",
    "proxy",
    "feedback",
    "process",
    "drift",
    "monitor",
    "viewer",
    "pipeline",
)
RESULTS = Path(__file__).parent / "results.json"


def _run_part(name: str, *, quick: bool) -> list[dict[str, object]] | None:
    """Run one part in a process of its own, so that none warms up another; None if it fails."""
    out = RESULTS.with_name(f".{name}.json")
    command = [sys.executable, "-m", "benchmarks.part", name, str(out)]
    done = subprocess.run(command + (["--quick"] if quick else []), check=False)
    if done.returncode:
        return None
    figures: list[dict[str, object]] = json.loads(out.read_text("utf-8"))
    out.unlink()
    return figures


def _parts(text: str) -> list[str]:
    """Return the parts that ``--only`` names."""
    names = [name.strip() for name in text.split(",")]
    if unknown := [name for name in names if name not in PARTS]:
        raise argparse.ArgumentTypeError(
            f"unknown part {unknown[0]!r}; there are {', '.join(PARTS)}"
        )
    return names


def main() -> int:
    """Measure, print, write; return 1 where a part could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repeats")
    parser.add_argument(
        "--only",
        type=_parts,
        default=PARTS,
        metavar="NAME[,NAME]",
        help=f"only these parts: {', '.join(PARTS)}",
    )
    arguments = parser.parse_args()
    started = time.monotonic()
    figures: list[dict[str, object]] = []
    failed: list[str] = []
    for part in arguments.only:
        found = _run_part(part, quick=arguments.quick)
        if found is None:
            failed.append(part)
        else:
            figures += found
    RESULTS.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    missed = [str(f["name"]) for f in figures if not f["met"]]
    print(
        f"{len(figures) - len(missed)} of {len(figures)} targets met, "
        f"{time.monotonic() - started:.0f} s"
        + (f"; not met: {', '.join(missed)}" if missed else "")
    )
    if failed:
        print(f"not measured, see the errors above: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
