"""The content of the Operator's image, injected into a service as the Operator does it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import urllib.request
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from tests._otlp_server import OtlpServer
from tests.kubernetes._tools import ROOT

pytestmark = pytest.mark.slow  # installs what the image holds


def installed(*names: str) -> dict[str, Distribution]:
    """The distributions of these names and all that they need, as installed here."""
    found: dict[str, Distribution] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name in found:
            continue
        found[name] = distribution(name)
        for requirement in map(Requirement, found[name].requires or []):
            if not requirement.marker or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)
    return found


# What the stranger's image has; nothing of OpenTelemetry.
STRANGERS = installed("flask", "scikit-learn")
SERVICE = """
import sys
from flask import Flask, jsonify
from sklearn.linear_model import LogisticRegression
from wsgiref.simple_server import make_server

model = LogisticRegression().fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
app = Flask("stranger")

@app.post("/predict")
def predict():
    return jsonify(label=int(model.predict([[2.5]])[0]))

server = make_server("127.0.0.1", 0, app)
print(server.server_port, flush=True)
server.handle_request()
"""


def link(found: Distribution, folder: Path) -> None:
    """Put links to a distribution's parts into a folder, as if it were installed there."""
    tops = {
        Path(str(file)).parts[0] for file in found.files or [] if ".." not in Path(str(file)).parts
    }
    for top in tops - {"__pycache__"}:
        source, target = Path(str(found.locate_file(top))), folder / top
        if source.exists() and not target.exists():
            target.symlink_to(source)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the image holds in /autoinstrumentation, made by the script that its build runs."""
    work = tmp_path_factory.mktemp("image")
    source = work / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "otelml", source / "otelml", ignore=ignore)
    script = ROOT / "deploy/auto-instrumentation.sh"
    target = work / "autoinstrumentation"
    subprocess.run(
        ["sh", str(script), str(source), str(target)],
        env=os.environ | {"PYTHON": sys.executable}, check=True, timeout=280,
    )  # fmt: skip
    return target


def test_holds_nothing_of_the_service(image: Path):
    """No package that a service with a model brings itself would be shadowed."""
    held = {
        re.split(r"-\d", d.name)[0].lower().replace("_", "-") for d in image.glob("*.dist-info")
    }
    assert {"otelml", "opentelemetry-sdk", "opentelemetry-instrumentation-flask"} <= held
    assert held & (set(STRANGERS) - {"click"}) == set()
    assert not (image / "numpy").exists()


def test_injected_as_the_operator_does(image: Path, tmp_path: Path):
    """PYTHONPATH and variables of the Operator: a trace with stages, metrics, exit code kept."""
    packages = tmp_path / "site-packages"
    packages.mkdir()
    for each in STRANGERS.values():
        link(each, packages)
    (tmp_path / "service.py").write_text(SERVICE)
    wanted = yaml.safe_load(
        (ROOT / "deploy/kubernetes/overlays/operator/instrumentation.yaml").read_text()
    )
    given = {entry["name"]: entry["value"] for entry in wanted["spec"]["python"]["env"]}
    with OtlpServer() as server:
        variables = {
            "PATH": os.environ["PATH"],
            # Its init container copies the image's folder; this is the path that it sets.
            "PYTHONPATH": f"{image}/opentelemetry/instrumentation/auto_instrumentation:{image}:{packages}",
            "OTEL_SERVICE_NAME": "stranger",
            "OTEL_RESOURCE_ATTRIBUTES": "k8s.namespace.name=default,k8s.pod.name=stranger-1",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{server.port}",
            "OTEL_PROPAGATORS": ",".join(wanted["spec"]["propagators"]),
            "OTEL_TRACES_SAMPLER": wanted["spec"]["sampler"]["type"],
            **dict.fromkeys(
                ("OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER"), "otlp"
            ),
            **given,
        }
        command = [sys.executable, "-S", str(tmp_path / "service.py")]
        # -S: nothing of this environment's own packages is there. It turns off sitecustomize too,
        # which is how the Operator's path takes effect, so that is imported first.
        command[2:] = [
            "-c",
            f"import sitecustomize, runpy; runpy.run_path({command[2]!r}, run_name='__main__')",
        ]
        process = subprocess.Popen(
            command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout
        lines = []
        while not (line := process.stdout.readline()).strip().isdigit():
            assert line, process.communicate(timeout=10)
            lines.append(line)
        request = urllib.request.Request(
            f"http://127.0.0.1:{line.strip()}/predict", data=b"", method="POST"
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.read().strip() == b'{"label":1}'
            assert answer.headers["X-Prediction-Id"]
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        names = sorted(span.name for span in server.spans)
        assert names == [
            "POST /predict", "feature_extraction", "inference", "post_processing",
            "predict LogisticRegression",
        ], (names, errors)  # fmt: skip
        metrics = {metric.name for metric in server.metrics}
        assert {"ml.predictions", "http.server.request.duration"} <= metrics
