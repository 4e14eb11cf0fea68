"""Whatever is imported is declared: by the core, or by an extra that the feature names."""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Mapping
from importlib.metadata import packages_distributions
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

import pytest

from tests.installs._index import name_of

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CORE = {name_of(line) for line in PROJECT["dependencies"]}
EXTRAS = {
    extra: {name_of(line) for line in lines}
    for extra, lines in PROJECT["optional-dependencies"].items()
}
NAMESPACES = {
    "opentelemetry.exporter.otlp.proto.grpc": "opentelemetry-exporter-otlp",
    "opentelemetry.exporter.otlp.proto.common": "opentelemetry-exporter-otlp-proto-http",
    "opentelemetry.exporter.prometheus": "opentelemetry-exporter-prometheus",
    "opentelemetry.instrumentation.asgi": "opentelemetry-instrumentation-asgi",
    "opentelemetry.instrumentation.httpx": "opentelemetry-instrumentation-httpx",
    "opentelemetry.instrumentation.requests": "opentelemetry-instrumentation-requests",
    "opentelemetry.instrumentation.urllib3": "opentelemetry-instrumentation-urllib3",
    "opentelemetry.instrumentation.wsgi": "opentelemetry-instrumentation-wsgi",
    "opentelemetry.util.http": "opentelemetry-instrumentation-asgi",
    "opentelemetry.instrumentation": "opentelemetry-instrumentation-flask",
    "opentelemetry.proto": "opentelemetry-exporter-otlp-proto-http",
    "opentelemetry.sdk": "opentelemetry-sdk",
    "opentelemetry": "opentelemetry-api",
    "google.rpc": "googleapis-common-protos",
    "google.protobuf": "protobuf",
}
"""Which declared distribution brings a part of a shared package, by itself or as its own format."""
IMPORTS = {"sklearn": "scikit-learn", "grpc": "grpcio", "botocore": "boto3", "tomli": "tomli"}
"""Distributions whose modules have another name, or come with one that is declared."""
OF_ROOMS = {
    "otelml/instrumentors/asgi": {"fastapi"},
    "otelml/instrumentors/clients.py": {"clients"},
    "otelml/instrumentors/django": {"django"},
    "otelml/instrumentors/flask": {"flask"},
    "otelml/instrumentors/starlette": {"fastapi"},
    "otelml/instrumentors/sklearn": {"sklearn"},
    "otelml/instrumentors/wsgi": {"wsgi"},
    "otelml/_connections.py": {"proxy", "viewer"},
    "otelml/_proxy": {"proxy"},
    "otelml/viewer": {"viewer"},
    "otelml/cli/demo.py": {"demo"},
    "otelml/cli/view.py": {"viewer"},
    "otelml/cli/_doctor_endpoint.py": {"grpc"},
    "otelml/_providers/prometheus.py": {"prometheus"},
    "otelml/_providers/prometheus_server.py": {"prometheus"},
    "otelml/_providers/prometheus_reader.py": {"prometheus"},
    "otelml/_prediction/keys.py": {"ids"},
    "otelml/_report/page.py": {"report"},
    "otelml/flask.py": {"flask"},
    "otelml/fastapi.py": {"fastapi"},
    "otelml/django.py": {"django"},
    "otelml/_cost/cost_explorer.py": {"aws"},
    "otelml/drift/ks.py": {"exact"},
    "otelml/reference/sketches.py": {"sketches"},
    "otelml/labels": {"labels"},
    "otelml/labels/sources/kafka.py": {"kafka"},
    "demo_service": {"demo", "flask", "sklearn"},
}
"""Rooms that need an extra, and which."""
OPTIONAL = {
    "otelml/_startup/distro.py": {"opentelemetry-instrumentation-flask"},
    "otelml/_startup/start.py": {"opentelemetry-instrumentation-flask"},
    "otelml/_features/snapshots.py": {"pandas"},
    "otelml/instrumentors/statsmodels.py": {"pandas"},
    # opentelemetry.util.http, which every contrib package of HTTP brings.
    "otelml/instrumentors/wsgi/http.py": {"opentelemetry-instrumentation-asgi"},
    "otelml/testing.py": {"pytest"},
}
"""What a module imports only where someone else has brought it."""


def _imports(path: Path):
    tree = ast.parse(path.read_text())
    typed = {
        node
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if node in typed:
            continue
        if isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@functools.cache
def _distributions() -> Mapping[str, list[str]]:
    """Asked once: what is installed is read for it."""
    return packages_distributions()


def _distribution(module: str) -> str:
    for prefix, name in NAMESPACES.items():
        if module == prefix or module.startswith(f"{prefix}."):
            return name
    top = module.partition(".")[0]
    if top in IMPORTS:
        return IMPORTS[top]
    found = _distributions().get(top)
    assert found, f"{module} belongs to no installed distribution"
    return found[0].lower().replace("_", "-")


def undeclared(root: Path) -> set[str]:
    """Return the imports below a folder that neither the core nor the room's extra declares."""
    found = set()
    own = {*sys.stdlib_module_names, "otelml", "demo_service"}
    for path in sorted(root.rglob("*.py")):
        place = str(path.relative_to(root.parent))
        allowed = set(CORE)
        for room, extras in OF_ROOMS.items():
            if place == room or place.startswith(f"{room}/"):
                allowed = allowed.union(*(EXTRAS[extra] for extra in extras))
        allowed |= OPTIONAL.get(place, set())
        for module in _imports(path):
            if module.partition(".")[0] in own:
                continue
            name = _distribution(module)
            if name not in allowed:
                found.add(f"{place}: {module} ({name})")
    return found


@pytest.mark.parametrize("root", ["otelml", "demo_service"])
def test_every_import_is_declared(root):
    """An import that only some other package brings breaks when that one stops to."""
    assert not undeclared(ROOT / root)


def test_an_undeclared_import_is_found(tmp_path):
    """The test above sees an import that nobody declares, deferred ones too."""
    (tmp_path / "otelml").mkdir()
    (tmp_path / "otelml" / "one.py").write_text("def f():\n    import yaml\n")
    assert undeclared(tmp_path / "otelml") == {"otelml/one.py: yaml (pyyaml)"}


# What a service serves with is its own choice, and hundreds of megabytes.
MODEL_LIBRARIES = {
    "xgboost", "lightgbm", "catboost", "onnxruntime", "statsmodels", "mlflow", "keras", "torch",
}  # fmt: skip


def test_all_holds_every_extra():
    """``otelml[all]`` names each extra, but for the model libraries."""
    (line,) = PROJECT["optional-dependencies"]["all"]
    named = line.partition("[")[2].rstrip("]").split(",")
    assert set(named) == set(EXTRAS) - {"all"} - MODEL_LIBRARIES
