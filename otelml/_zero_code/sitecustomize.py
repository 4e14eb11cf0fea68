"""Starts otelml in every Python process of ``otelml run``, after the sitecustomize it hides."""

from __future__ import annotations

import importlib.util
import sys
from importlib.machinery import PathFinder
from pathlib import Path

_HERE = Path(__file__).resolve().parent


def _run_hidden() -> None:
    """Run the sitecustomize that ours hides, if there is one."""
    others = [path for path in sys.path if Path(path).resolve() != _HERE]
    spec = PathFinder.find_spec("sitecustomize", others)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


def _start() -> None:
    if importlib.util.find_spec("otelml") is None:
        sys.stderr.write(
            f"otelml: not started: it is not installed for {sys.executable}; "
            "install it there, or start that command without otelml run\n"
        )
        return
    from otelml._startup.start import start

    start()


try:
    _run_hidden()
finally:
    _start()
