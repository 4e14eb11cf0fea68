"""Running a program of a few lines in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

from tests._ids import SECRET

ROOT = Path(__file__).parent.parent


def environment(**variables: str) -> dict[str, str]:
    """The environment of such a process: ours without telemetry variables, and ``variables``."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "OTELML_"))}
    # Python 3.12 and newer warn of a fork beside threads, which is what some of them are about.
    quiet = {"PYTHONWARNINGS": "ignore:This process (pid:DeprecationWarning"}
    quiet["OTELML_SECRET"] = SECRET  # else init warns
    return {**inherited, "PYTHONPATH": str(ROOT), **quiet, **variables}


def start(program: str, **variables: str) -> subprocess.Popen[str]:
    """Start a program; its standard streams are pipes."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        env=environment(**variables),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(program: str, timeout_s: float = 60, **variables: str) -> tuple[int, str, str]:
    """Run a program to its end; return its exit code, output and errors."""
    process = start(program, **variables)
    try:
        out, err = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()  # else it goes on, beside the next tests
        process.communicate()
        raise
    return process.returncode, out, err
