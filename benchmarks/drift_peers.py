"""Other tools for drift, each in an environment of its own, never in the project's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_ROOT = Path(__file__).parent.parent
# What each needs beside itself, as its own requirements allow versions that it cannot use.
PEERS = {
    "evidently": ("evidently", "pandas<3"),
    "nannyml": ("nannyml", "pandas<3", "statsmodels"),
    "frouros": ("frouros", "pandas<3"),
}
Table = npt.NDArray[np.float64]


def python_of(name: str) -> Path:
    """Return the interpreter of a tool's environment, which is made on the first call.

    Raises:
        subprocess.CalledProcessError: It cannot be installed.
    """
    folder = _ROOT / ".bench-venv" / name
    interpreter = folder / "bin" / "python"
    installed = folder / ".installed"
    if not installed.exists():
        venv.create(folder, with_pip=True)
        command = [str(interpreter), "-m", "pip", "install", "--quiet", *PEERS[name]]
        subprocess.run(command, check=True)
        installed.touch()
    return interpreter


class Peer:
    """A tool in a process of its own, which checks one window a call.

    Args:
        name: Of the tool.
        reference: Rows of the reference, of shape (rows, columns).
        current: Rows of the window.
        folder: Where the rows are put for it.
    """

    def __init__(self, name: str, reference: Table, current: Table, folder: Path) -> None:
        self._path = folder / f"{name}.npz"
        np.savez(self._path, reference=reference, current=current)
        quiet = {"DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1"}
        script = Path(__file__).with_name("drift_peer.py")
        self._process = subprocess.Popen(
            [str(python_of(name)), str(script), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **quiet, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )

    def check(self) -> dict[str, Any]:
        """Return CPU ``seconds`` and ``drifted`` columns of one check.

        Raises:
            RuntimeError: The tool ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{self._path}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._path.stem} could not check a window")
        found: dict[str, Any] = json.loads(line)
        return found

    def check_of(self, reference: Table, current: Table) -> dict[str, Any]:
        """Return what :meth:`check` does, of other rows."""
        self._path = self._path.with_name(f"{self._path.stem}+.npz")
        np.savez(self._path, reference=reference, current=current)
        return self.check()

    def stop(self) -> None:
        """End the process, by force where it takes its time."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def known_changes() -> dict[str, tuple[Table, Table]]:
    """Return data with a change that is known, and without, from scikit-learn."""
    from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits

    tumours, kind = load_breast_cancer(return_X_y=True)
    people = load_diabetes(scaled=False).data
    digits = load_digits().data
    no_sex = [place for place in range(people.shape[1]) if place != 1]

    def halves(table: Table) -> tuple[Table, Table]:
        order = np.random.default_rng(0).permutation(len(table))
        return table[order[: len(table) // 2]], table[order[len(table) // 2 :]]

    men, women = (people[people[:, 1] == sex][:, no_sex] for sex in (2, 1))
    return {
        "breast cancer: benign, then malignant (30 columns)": (
            tumours[kind == 1],
            tumours[kind == 0],
        ),
        "breast cancer: benign, two halves": halves(tumours[kind == 1]),
        "diabetes: men, then women (9)": (men, women),
        "diabetes: two halves": halves(people[:, no_sex]),
        "digits: other writers (64)": (digits[:900], digits[1200:]),
        "digits: two halves": halves(digits),
    }


def main() -> None:
    """Print how many columns each tool finds to have drifted, as a table."""
    import tempfile

    from otelml.drift import compare
    from otelml.reference import Reference

    names = ("evidently", "nannyml", "frouros")
    print("| data | otelml | " + " | ".join(names) + " |\n|---|" + "---|" * (len(names) + 1))
    with tempfile.TemporaryDirectory() as folder:
        for data, (reference, current) in known_changes().items():
            found = [len(compare(Reference.from_data(reference), current).drifted)]
            for name in names:
                peer = Peer(name, reference, current, Path(folder))
                found.append(peer.check()["drifted"])
                peer.stop()
            print(f"| {data} | " + " | ".join(map(str, found)) + " |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
