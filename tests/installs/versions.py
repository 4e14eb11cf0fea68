"""Runs the quick tests with other versions of what otelml is installed beside.

``python -m tests.installs.versions`` takes the lowest versions that are declared, two of
OpenTelemetry's SDK in between and the newest; ``--all`` takes every minor version of the SDK. Each
has a virtual environment of its own below ``.venv``, made by uv where there is one, else by pip.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.installs._index import PROJECT, ROOT, name_of

FOLDER = ROOT / ".venv" / "versions"
LOWEST, NEWEST = "lowest", "newest"
SDKS = {
    "1.39.1": "0.60b1",
    "1.40.0": "0.61b0",
    "1.41.1": "0.62b1",
    "1.42.1": "0.63b1",
    "1.43.0": "0.64b0",
    "1.44.0": "0.65b0",
}
"""Each minor version of the SDK before the newest, and contrib's release that goes with it."""
CHOSEN = (LOWEST, "1.41.1", "1.44.0", NEWEST)
EXTRAS = ("flask", "sklearn", "prometheus", "grpc", "exact", "labels", "ids", "viewer")
TOOLS = (
    "asgiref", "flask-cors", "hypothesis", "jsonschema", "opentelemetry-instrumentation-logging",
    "opentelemetry-instrumentation-system-metrics", "pandas", "polars", "pytest", "pytest-timeout",
    "pyyaml",
)  # fmt: skip
TESTS = (
    "tests/metrics", "tests/spans", "tests/worker", "tests/providers", "tests/feedback",
    "tests/startup", "tests/instrumentors/test_logging.py", "tests/instrumentors/test_logging_setup.py",
    "tests/instrumentors/test_system.py", "tests/instrumentors/test_base.py",
    "tests/instrumentors/flask/test_requests.py", "tests/instrumentors/sklearn/test_instrumentor.py",
)  # fmt: skip
ABOUT_TIME = (
    "tests/providers/test_metrics.py::test_interval_of_the_variable",
    "tests/providers/test_metrics.py::test_deltas_survive_an_outage",
    "tests/instrumentors/test_system.py::test_shares_of_cpu_cover_an_interval",
)
"""Left to `make test`: they tell more of how busy the machine is than of versions."""
_LIMIT_S = 900


@dataclass(frozen=True)
class Outcome:
    """What became of one set of versions.

    Args:
        name: Of the set.
        ok: Whether it was installed and its tests passed.
        seconds: How long that took.
        detail: The tests' last line, or all that went wrong.
    """

    name: str
    ok: bool
    seconds: float
    detail: str


def lowest() -> list[str]:
    """Return each declared dependency, at the lowest version that is declared."""
    lines = list(PROJECT["dependencies"])
    for extra in EXTRAS:
        lines += PROJECT["optional-dependencies"][extra]
    pins = []
    for line in lines:
        requirement, _, marker = line.partition(";")
        bound = re.search(r">=\s*([\w.]+)", requirement)
        if bound and name_of(line) != "otelml":
            pins.append(f"{name_of(line)}=={bound[1]}" + (f";{marker}" if marker else ""))
    sdk = next(pin.partition("==")[2] for pin in pins if pin.startswith("opentelemetry-sdk"))
    flask = next(pin for pin in pins if pin.startswith("opentelemetry-instrumentation-flask"))
    assert sdk.count(".") == 1, "the tools below are of the SDK's first patch"
    return [*pins, *_tools_at(flask.partition("==")[2])]


def _tools_at(contrib: str) -> list[str]:
    return [f"{name}=={contrib}" for name in TOOLS if name.startswith("opentelemetry")]


def pins_of(name: str) -> list[str]:
    """Return what is pinned in a set of versions."""
    if name == LOWEST:
        return lowest()
    if name == NEWEST:
        return []
    return [f"opentelemetry-sdk=={name}", *_tools_at(SDKS[name])]


def _python(name: str) -> str:
    """Return the interpreter for a set: the lowest versions have no wheels for a new Python.

    Raises:
        SystemExit: There is none.
    """
    if name != LOWEST or sys.version_info < (3, 12):
        return sys.executable
    for found in map(shutil.which, ("python3.11", "python3.10")):
        if found and not subprocess.run([found, "-c", ""], check=False).returncode:
            return found
    raise SystemExit("the lowest versions need Python 3.10 or 3.11, and neither is on PATH")


def _uv() -> str | None:
    found = shutil.which("uv")
    works = (
        found
        and not subprocess.run([found, "--version"], capture_output=True, check=False).returncode
    )
    return found if works else None


def _commands(name: str) -> list[list[str]]:
    folder = FOLDER / name
    python, uv = str(folder / "bin" / "python"), _uv()
    wanted = ["-e", f".[{','.join(EXTRAS)}]", *TOOLS, *pins_of(name)]
    make = [uv, "venv", "-q", "--clear", "--python", _python(name), str(folder)] if uv else [_python(name), "-m", "venv", "--clear", str(folder)]  # fmt: skip
    install = (
        [uv, "pip", "install", "-q", "--python", python]
        if uv
        else [python, "-m", "pip", "install", "-q"]
    )
    tests = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow and not stack", "-W", "ignore"]  # fmt: skip
    left_out = [f"--deselect={test}" for test in ABOUT_TIME]
    return [make, [*install, *wanted], [*tests, *left_out, *TESTS]]


def run(name: str) -> Outcome:
    """Install one set of versions and run the tests with it."""
    started, detail = time.monotonic(), ""
    for command in _commands(name):
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=_LIMIT_S
        )
        detail = done.stdout.strip().rpartition("\n")[2]
        if done.returncode:
            failed = f"{' '.join(command[:6])} …\n{done.stdout[-6000:]}\n{done.stderr[-3000:]}"
            return Outcome(name, ok=False, seconds=time.monotonic() - started, detail=failed)
    return Outcome(name, ok=True, seconds=time.monotonic() - started, detail=detail)


def main() -> int:
    """Run the sets that were asked for, two at a time; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {LOWEST}, {', '.join(SDKS)}, {NEWEST}")
    parser.add_argument("--all", action="store_true", help="every minor version of the SDK")
    options = parser.parse_args()
    names = options.names or ([LOWEST, *SDKS, NEWEST] if options.all else list(CHOSEN))
    unknown = set(names) - {LOWEST, NEWEST, *SDKS}
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    print(f"{', '.join(names)}, by {'uv' if _uv() else 'pip'}", flush=True)
    failed = False
    with ThreadPoolExecutor(2) as pool:
        for outcome in pool.map(run, names):
            failed = failed or not outcome.ok
            verdict = "ok  " if outcome.ok else "FAIL"
            print(
                f"{verdict} {outcome.name:<7} {outcome.seconds:4.0f} s  {outcome.detail}",
                flush=True,
            )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
