"""What is linked into the engines that are built here, and the licences in Go's module cache."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from engines.build import is_built, location
from engines.table import TABLE, TOOLS
from licenses.texts import of_text


def linked() -> Iterator[tuple[str, str]]:
    """Yield name and version of each module in a built engine."""
    for engine in (TABLE | TOOLS).values():
        if not engine.packages or not is_built(engine):
            continue
        for binary in engine.binaries:
            command = ["go", "version", "-m", str(location(engine) / binary)]
            said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            # "=>" is what a module was replaced by; the line before it was not linked.
            rows = re.findall(r"^\t(dep|=>)\t(\S+)\t(v\S+)", said, flags=re.MULTILINE)
            for (_, name, version), after in zip(rows, [*rows[1:], ("", "", "")], strict=True):
                if after[0] != "=>":
                    yield name, version


def licence_in_cache(name: str, version: str) -> str:
    """Return the licence of a module by its file in Go's module cache; empty where none is."""
    root = Path(
        subprocess.run(
            ["go", "env", "GOMODCACHE"], check=True, capture_output=True, text=True
        ).stdout.strip()
    )
    escaped = re.sub(r"[A-Z]", lambda found: "!" + found[0].lower(), f"{name}@{version}")
    folder = root / escaped
    files = sorted(folder.glob("*")) if folder.is_dir() else ()
    names = re.compile(r"(?i)(licen[cs]e|copying|unlicense)")
    texts = (f.read_text("utf-8", "replace") for f in files if names.match(f.name) and f.is_file())
    return next(filter(None, map(of_text, texts)), "")
