"""Write the Collector's modules anew: ``python3 -m engines.resolve``, after builder.yaml changed.

What it writes is committed, so that a build resolves nothing and is the same tomorrow.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from engines.build import BuildError, go_version, write_collector_sources
from engines.table import ENGINES, TABLE


def main() -> int:
    """Write ``engines/collector/otelcol.mod`` and ``.sum``; return the exit code."""
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        try:
            go_version()
            source = write_collector_sources(TABLE["collector"], work, work / "log")
        except BuildError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        for end in ("mod", "sum"):
            shutil.copyfile(source / f"go.{end}", ENGINES / "collector" / f"otelcol.{end}")
            print(f"wrote engines/collector/otelcol.{end}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
