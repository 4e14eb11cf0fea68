"""One part of the benchmarks, in a process of its own."""

from __future__ import annotations

import argparse
import importlib
import json
import os
from pathlib import Path


def main() -> None:
    """Run one part, print its figures, write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("out", type=Path)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    os.environ.setdefault("OTEL_METRIC_EXPORT_INTERVAL", "60000")
    module = importlib.import_module(f"benchmarks.bench_{arguments.name}")
    rows: list[dict[str, object]] = []
    for figure in module.figures(quick=arguments.quick):
        row = figure.as_dict() if hasattr(figure, "as_dict") else dict(figure)
        print(figure.line() if hasattr(figure, "line") else row, flush=True)
        rows.append(row)
    arguments.out.write_text(json.dumps(rows), "utf-8")


if __name__ == "__main__":
    main()
