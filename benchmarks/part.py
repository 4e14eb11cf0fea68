"""One part of the benchmarks, in a process of its own."""

from __future__ import annotations

import argparse
import importlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness import Figure


def main() -> None:
    """Run one part, print each figure when it is there, write all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("out", type=Path)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    os.environ.setdefault("OTEL_METRIC_EXPORT_INTERVAL", "60000")
    module = importlib.import_module(f"benchmarks.bench_{arguments.name}")
    figures: Iterator[Figure] = module.figures(quick=arguments.quick)
    rows: list[dict[str, object]] = []
    for figure in figures:
        print(figure.line(), flush=True)
        rows.append(figure.as_dict())
    arguments.out.write_text(json.dumps(rows), "utf-8")


if __name__ == "__main__":
    main()
