"""A wheel of otelml installed as users install it, and a small service that sends with it."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from tests._otlp_server import OtlpServer
from tests.installs import matrix, versions
from tests.installs._index import PROJECT, ROOT, name_of, tomllib
from tests.installs._seen import problems

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Otelml's wheel."""
    return matrix.build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    """Otelml's source distribution."""
    folder = tmp_path_factory.mktemp("sdist")
    requires = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    code = "import sys; from hatchling.build import build_sdist; print(build_sdist(sys.argv[1]))"
    tools = folder / "tools"
    matrix.run(sys.executable, "-m", "pip", "install", "-q", "--target", str(tools), *requires)
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(tools)}, check=True, timeout=120,
        capture_output=True, text=True,
    )  # fmt: skip
    return folder / done.stdout.strip().rpartition("\n")[2]


def test_with_the_pip_that_python_brings(wheel, tmp_path):
    """It installs, with its extras in any order, and every signal arrives."""
    line = matrix.check(sys.executable, "bundled", wheel, tmp_path / "own")
    assert line.startswith("pip ")


def test_the_core_alone(wheel, tmp_path):
    """Without extras no contrib package comes, and predictions, host metrics and logs are sent."""
    python = str(tmp_path / "bin" / "python")
    matrix.run(sys.executable, "-m", "venv", str(tmp_path))
    matrix.run(python, "-m", "pip", "install", "-q", str(wheel))
    installed = matrix.run(python, "-m", "pip", "list", "--format=freeze").lower()
    assert "instrumentation" not in installed
    assert "scikit" not in installed
    code = """
import logging, otelml
telemetry = otelml.init("core")
with otelml.prediction("loan", features=[[1.0]]) as p:
    with p.stage("inference"):
        logging.getLogger("service").warning("inside")
    p.set_result(label="yes", confidence=0.9)
assert telemetry.status()["instrumented"] == ["logging", "system"]
assert telemetry.force_flush(20) and not telemetry.status()["errors"]
otelml.shutdown()
"""
    with OtlpServer() as server:
        matrix.run(python, "-c", code, **server.environment())
        assert sorted(s.name for s in server.spans) == ["inference", "predict loan"]
        assert {"ml.predictions", "process.cpu.time"} <= {m.name for m in server.metrics}
        assert "inside" in [r.body.string_value for r in server.logs]
        script = tmp_path / "job.py"
        script.write_text(code.replace('otelml.init("core")', "otelml.init()"))
        server.spans.clear()
        matrix.run(
            str(tmp_path / "bin" / "otelml"),
            "run",
            "--",
            python,
            str(script),
            **server.environment(),
        )
        assert len(server.spans) == 2
    for command in ("demo", "view"):
        with pytest.raises(RuntimeError, match=r"pip install 'otelml\[(demo|viewer)\]'"):
            matrix.run(str(tmp_path / "bin" / "otelml"), command)


def test_the_wheel_claims_one_name(wheel):
    """Nothing but ``otelml`` at the top; the demo service lies inside, complete."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {"otelml"}
    demo = {name.removeprefix("otelml/_demo/") for name in names if "/_demo/" in name}
    kept = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "demo_service").rglob("*")
        if path.is_file() and not {"__pycache__", "model"} & set(path.parts)
    }
    assert demo == kept
    assert not [name for name in names if name.endswith((".pyc", ".joblib"))]


def test_the_description_works_on_an_index(wheel):
    """Links and pictures of the long description lead somewhere without the repository."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
        text = Parser().parsestr(archive.read(name).decode()).get_payload()
    targets = [part.partition(")")[0] for part in text.split("](")[1:]]
    assert len(targets) > 5
    assert [target for target in targets if not target.startswith(("https://", "#"))] == []


def test_the_source_distribution_is_lean(sdist):
    """What builds the wheel, its licence and its documents' start: no tests, pictures, engines."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    tops = {name.partition("/")[0] for name in names}
    kept = {"otelml", "demo_service", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE"}
    assert kept <= tops <= {*kept, "PKG-INFO", ".gitignore"}
    assert sdist.stat().st_size < 1_000_000


def test_the_demo_of_an_installed_wheel(wheel, tmp_path):
    """``otelml demo`` finds its service inside the package, away from any checkout."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)  # noqa: S202 - our own wheel
    code = (
        "import otelml.cli._demo_files as f; folder = f.demo_folder(); f.import_from(folder);"
        "import demo_service.app; print(demo_service.app.__file__)"
    )
    found = matrix.run(sys.executable, "-c", code, PYTHONPATH=str(tmp_path))
    assert Path(found) == tmp_path / "otelml" / "_demo" / "demo_service" / "app.py"


def test_each_declared_bound_has_a_lowest_version():
    """``make test-versions`` can pin each: no dependency is without a lower bound."""
    names = {pin.partition("==")[0] for pin in versions.lowest()}
    assert {name_of(line) for line in PROJECT["dependencies"]} <= names


def test_the_receiver_would_miss_a_signal():
    """The check of what arrived sees that nothing did."""
    with OtlpServer() as server:
        assert len(problems(server)) >= 4
