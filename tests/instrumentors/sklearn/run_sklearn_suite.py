"""Run scikit-learn's own tests twice, plain and instrumented, and compare test by test.

``python tests/instrumentors/sklearn/run_sklearn_suite.py [-n PROCESSES] [MODULE ...]``
exits with 1 where a test ends otherwise under instrumentation than without.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MODULES = (
    "sklearn.tests.test_pipeline",
    "sklearn.tests.test_calibration",
    "sklearn.tests.test_multiclass",
    "sklearn.tests.test_multioutput",
    "sklearn.compose",
    "sklearn.ensemble",
    "sklearn.linear_model.tests.test_logistic",
    "sklearn.model_selection.tests.test_search",
)
HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Comparison:
    """Two runs of the same tests.

    Args:
        plain: Outcome by node id, without instrumentation.
        instrumented: The same with it.
        emitted: What the instrumented run emitted, summed over its processes.
        seconds: Wall-clock time of the two runs.
    """

    plain: dict[str, str]
    instrumented: dict[str, str]
    emitted: dict[str, Any]
    seconds: tuple[float, float]

    @property
    def differences(self) -> dict[str, tuple[str, str]]:
        """The tests that ended otherwise: plain outcome, instrumented outcome."""
        return {
            node: (self.plain.get(node, "absent"), self.instrumented.get(node, "absent"))
            for node in sorted({*self.plain, *self.instrumented})
            if self.plain.get(node) != self.instrumented.get(node)
        }

    def lines(self) -> list[str]:
        """What a person wants to know."""
        return [
            f"plain         {dict(Counter(self.plain.values()))} in {self.seconds[0]:.0f} s",
            f"instrumented  {dict(Counter(self.instrumented.values()))} in {self.seconds[1]:.0f} s",
            f"emitted       {self.emitted}",
            *(f"DIFFERS {node}: {a} -> {b}" for node, (a, b) in self.differences.items()),
            f"{len(self.differences)} of {len(self.plain)} tests differ",
        ]


def _run(folder: Path, modules: tuple[str, ...], processes: int, extra: dict[str, str]) -> float:
    folder.mkdir()
    (folder / "pytest.ini").write_text("[pytest]\n")  # no project's options reach these tests
    command = [
        *(sys.executable, "-m", "pytest", "--pyargs", *modules, "-q", "--no-header", "--tb=no"),
        *("-c", str(folder / "pytest.ini"), "--rootdir", str(folder)),
        *("-p", "suite_plugin", "-p", "no:otelml", "-p", "no:cacheprovider", "-p", "no:warnings"),
    ]
    if processes > 1 and importlib.util.find_spec("xdist") is not None:
        command += ["-n", str(processes)]
    path = os.pathsep.join(filter(None, (str(HERE), os.environ.get("PYTHONPATH"))))
    outcomes = {"OTELML_SUITE_OUTCOMES": str(folder / "outcomes.json")}
    environment = {**os.environ, "PYTHONPATH": path, **outcomes, **extra}
    start = time.monotonic()
    with (folder / "output.txt").open("w") as output:
        done = subprocess.run(
            command, env=environment, cwd=folder, check=False, stdout=output, stderr=output
        )
    if done.returncode not in {0, 1}:  # 1: some tests failed, which the comparison judges
        raise RuntimeError(f"pytest exited with {done.returncode}:\n{_tail(folder)}")
    return time.monotonic() - start


def _tail(folder: Path) -> str:
    return (folder / "output.txt").read_text()[-4000:]


def compare(modules: tuple[str, ...], processes: int = 1) -> Comparison:
    """Run the tests of some modules of scikit-learn twice.

    Args:
        modules: Modules and packages that hold tests.
        processes: How many run at a time.
    """
    with tempfile.TemporaryDirectory() as name:
        plain, instrumented, emitted = (Path(name) / n for n in ("plain", "with", "emitted"))
        emitted.mkdir()
        first = _run(plain, modules, processes, {})
        second = _run(instrumented, modules, processes, {"OTELML_SUITE_PREDICTIONS": str(emitted)})
        total: dict[str, Any] = {}
        for path in emitted.glob("*.json"):
            for key, value in json.loads(path.read_text()).items():
                if isinstance(value, dict):
                    total.setdefault(key, {}).update(value)
                else:
                    total[key] = total.get(key, 0) + value
        return Comparison(
            json.loads((plain / "outcomes.json").read_text()),
            json.loads((instrumented / "outcomes.json").read_text()),
            total,
            (first, second),
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", default=MODULES)
    parser.add_argument("-n", "--processes", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    comparison = compare(tuple(arguments.modules), arguments.processes)
    sys.stdout.write("\n".join(comparison.lines()) + "\n")
    return 1 if comparison.differences or not comparison.emitted.get("predictions") else 0


if __name__ == "__main__":
    sys.exit(main())
