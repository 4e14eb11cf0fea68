"""PyTorch, Keras on it and on TensorFlow: gigabytes that have an environment of their own.

It is made below ``.venv`` by uv where there is one, else by pip, and kept. What is asserted is in
``torch_cases.py`` and ``keras_cases.py`` beside this file, which run there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".venv" / "deep"
PACKAGES = (
    "torch>=2.0",
    "keras>=3.0",
    "tensorflow-cpu>=2.16",
    "pandas",
    "pytest",
    "pytest-timeout",
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]


def _run(command, **environment):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL", "PYTEST"))}
    return subprocess.run(
        command, cwd=ROOT, env={**kept, **environment}, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def python():
    """The interpreter of the environment, with everything installed."""
    interpreter = FOLDER / "bin" / "python"
    if not interpreter.exists():
        venv.create(FOLDER, with_pip=True)
    uv = shutil.which("uv")
    pip = [uv, "pip", "install", "-p", str(interpreter)] if uv else [
        str(interpreter), "-m", "pip", "install",
    ]  # fmt: skip
    done = _run([*pip, "-q", *PACKAGES, "-e", f"{ROOT}[flask,sklearn]"])
    assert done.returncode == 0, done.stderr
    return str(interpreter)


@pytest.mark.parametrize(
    ("file", "backend"),
    [("torch_cases.py", "torch"), ("keras_cases.py", "torch"), ("keras_cases.py", "tensorflow")],
)
def test_in_its_environment(python, file, backend):
    """Every case passes, and some ran."""
    done = _run(
        [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"tests/deep/{file}"],
        KERAS_BACKEND=backend, CUDA_VISIBLE_DEVICES="", TF_CPP_MIN_LOG_LEVEL="3",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    assert " skipped" not in done.stdout
    sys.stdout.write(done.stdout)
