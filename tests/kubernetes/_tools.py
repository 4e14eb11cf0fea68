"""Manifests as kustomize and helm make them, and the schemas of their kinds."""

from __future__ import annotations

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from engines.build import binary
from engines.table import cache_root

ROOT = Path(__file__).resolve().parents[2]
KUBERNETES = ROOT / "deploy/kubernetes"
CHART = ROOT / "deploy/helm/otelml"
# Where the real schemas are: each project's own, at the version that is deployed. Go's checksum
# database vouches for what is downloaded.
CORE = "k8s.io/kubernetes@v1.35.0"
DEFINITIONS = {
    "github.com/prometheus-operator/prometheus-operator@v0.88.0": "example/prometheus-operator-crd",
    "github.com/open-telemetry/opentelemetry-operator@v0.140.0": "config/crd/bases",
}


def run(*command: str) -> str:
    """What a command prints; a failure shows what it said."""
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, cwd=ROOT
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
    return done.stdout


def kustomize(folder: str) -> str:
    """An overlay, or the base, as text."""
    return run(str(binary("kustomize")), "build", str(KUBERNETES / folder))


def helm(*arguments: str) -> str:
    """The chart with these arguments, as text."""
    return run(
        str(binary("helm")), "template", "otelml", str(CHART), "--namespace", "otelml",
        "--kube-version", "1.35.0", *arguments,
    )  # fmt: skip


def resources(text: str) -> list[dict[str, Any]]:
    """The documents of a text that are not empty."""
    return [each for each in yaml.load_all(text, Loader=yaml.CSafeLoader) if each]


class _Definitions(yaml.CSafeLoader):
    """Reads a plain ``=``, an operator of Prometheus, as the text that it is."""


_Definitions.add_constructor("tag:yaml.org,2002:value", lambda _, node: node.value)


def _module(name: str) -> Path:
    said = run("go", "mod", "download", "-json", name)
    return Path(json.loads(said)["Dir"])


def strict(schema: Any) -> Any:
    """A schema by which an unknown key is wrong, and a reference leads to the schema's own part."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: strict(value) for key, value in schema.items()}
    if isinstance(where := made.get("$ref"), str):
        made["$ref"] = where.replace("#/components/schemas/", "#/definitions/")
    open_ended = made.get("x-kubernetes-preserve-unknown-fields")
    if isinstance(made.get("properties"), dict) and "type" in made and not open_ended:
        made.setdefault("additionalProperties", False)
    return made


@cache
def schemas() -> Path:
    """A folder of schemas, one a kind; written once a machine."""
    folder = cache_root() / ("schemas-" + CORE.rpartition("@")[2] + "-1")
    if (folder / "complete").is_file():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    for file in sorted((_module(CORE) / "api/openapi-spec/v3").glob("*_openapi.json")):
        parts = json.loads(file.read_text("utf-8")).get("components", {}).get("schemas", {})
        definitions = strict(parts)
        for name, schema in definitions.items():
            for kind in schema.get("x-kubernetes-group-version-kind", []):
                made = {"$ref": f"#/definitions/{name}", "definitions": definitions}
                _write(folder, kind["group"], kind["version"], kind["kind"], made)
    for module, inside in DEFINITIONS.items():
        for file in sorted((_module(module) / inside).glob("*.yaml")):
            definition = yaml.load(file.read_text("utf-8"), Loader=_Definitions)["spec"]  # noqa: S506 - a safe one
            for version in definition["versions"]:
                schema = strict(version["schema"]["openAPIV3Schema"])
                # What every object has, and no definition spells out.
                schema["properties"]["metadata"].pop("additionalProperties", None)
                kind = definition["names"]["kind"]
                _write(folder, definition["group"], version["name"], kind, schema)
    (folder / "complete").touch()
    return folder


def _write(folder: Path, group: str, version: str, kind: str, schema: dict[str, Any]) -> None:
    # Every group of requests has its own copies of these.
    if kind in {"DeleteOptions", "WatchEvent", "Status", "APIResourceList", "APIGroup"}:
        return
    # As kubeconform spells it: the core has no group, so it takes the version for it.
    name = f"{group or version}-{version}-{kind.lower()}.json"
    (folder / name).write_text(json.dumps(schema), encoding="utf-8")


def conform(text: str, file: Path) -> dict[str, Any]:
    """What kubeconform says of manifests: its summary, and what is wrong."""
    file.write_text(text, encoding="utf-8")
    where = str(schemas() / "{{ .Group }}-{{ .ResourceAPIVersion }}-{{ .ResourceKind }}.json")
    done = subprocess.run(
        [str(binary("kubeconform")), "-strict", "-summary", "-output", "json",
         "-schema-location", where, str(file)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said
