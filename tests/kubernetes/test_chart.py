"""deploy/helm/otelml: the same resources as the base, with values."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from engines.build import binary
from tests.kubernetes._tools import CHART, ROOT, conform, helm, kustomize, resources, run

pytestmark = pytest.mark.stack  # make test-stack builds helm

VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
SWITCHES = [name for name, value in VALUES.items() if "enabled" in value]


@cache
def rendered(*arguments: str) -> str:
    return helm(*arguments)


def by_name(text: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Resources by kind and name, without what only kustomize adds: hashes, the namespace."""
    plain = re.sub(
        r"((?:collector|alertmanager|jaeger|loki)-config|grafana-[a-z-]+?)-[a-z0-9]{10}\b",
        r"\1",
        text,
    )
    found = {}
    for each in resources(plain):
        each["metadata"].pop("namespace", None)
        for subject in each.get("subjects", []):
            subject.pop("namespace", None)
        for alertmanager in each.get("spec", {}).get("alerting", {}).get("alertmanagers", []):
            alertmanager.pop("namespace", None)
        found[each["kind"], each["metadata"]["name"]] = each
    return found


def test_lint():
    said = run(str(binary("helm")), "lint", "--strict", str(CHART))
    assert "0 chart(s) failed" in said


def test_is_the_base():
    """Every resource of the base but the namespace, equal in every field."""
    base = by_name(kustomize("base"))
    base.pop(("Namespace", "otelml"))
    chart = by_name(rendered())
    assert chart.keys() == base.keys()
    for key, wanted in base.items():
        assert chart[key] == wanted, key


def test_packed_chart_holds_the_files(tmp_path: Path):
    """The links lead out of the chart, what is packed holds their content."""
    helm_path = str(binary("helm"))
    said = run(helm_path, "package", str(CHART), "--destination", str(tmp_path))
    assert "Successfully packaged" in said
    (packed,) = tmp_path.glob("otelml-*.tgz")
    made = run(helm_path, "template", "otelml", str(packed), "--namespace", "otelml",
               "--kube-version", "1.35.0")  # fmt: skip
    assert by_name(made) == by_name(rendered())


@pytest.mark.parametrize("switch", SWITCHES)
def test_each_part_can_be_left_out(switch: str, tmp_path: Path):
    """Valid still, and of that part nothing is left."""
    made = rendered("--set", f"{switch}.enabled=false")
    said = conform(made, tmp_path / "all.yaml")
    assert said["summary"]["invalid"] == said["summary"]["errors"] == 0, said
    gone = by_name(rendered()).keys() - by_name(made).keys()
    assert gone
    name = {"service": "loan-api", "networkPolicies": ""}.get(switch, switch)
    left = [key for key in by_name(made) if name and key[1].startswith(name)]
    # Policies name parts that run elsewhere, and rules are for any Prometheus of the cluster.
    assert {kind for kind, _ in left} <= {"NetworkPolicy"}


def leaves(values: dict[str, Any], path: str = "") -> list[tuple[str, Any]]:
    """Every value with its path."""
    found = []
    for key, value in values.items():
        inner = f"{path}.{key}" if path else key
        found += leaves(value, inner) if isinstance(value, dict) and value else [(inner, value)]
    return found


def other(path: str, default: Any) -> tuple[Any, str]:
    """A value that is not the default, and a word of it that must be seen."""
    name = path.rpartition(".")[2]
    if name == "env":
        return [{"name": "EXTRA", "value": "odd: 'value'"}], "EXTRA"
    if name == "tolerations":
        return [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}], "NoSchedule"
    if name == "nodeSelector":
        return {"pool": "odd-pool"}, "odd-pool"
    if isinstance(default, int):
        return default + 17, str(default + 17)
    for pattern, value in ((r"\d+Gi", "123Gi"), (r"\d+[hd]", "77h"), (r"\d+GB", "77GB")):
        if re.fullmatch(pattern, default):
            return value, value
    value = "12345" if re.fullmatch(r"[\d.]+", default) else f"odd-{name.lower()}"
    return value, value


def nested(path: str, value: Any) -> Any:
    """A value under its path."""
    for part in reversed(path.split(".")):
        value = {part: value}
    return value


LEAVES = [each for each in leaves(VALUES) if not each[0].endswith("enabled")]


@pytest.mark.parametrize(("path", "default"), LEAVES)
def test_every_value_is_used(path: str, default: Any, tmp_path: Path):
    """Setting it shows."""
    value, seen = other(path, default)
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(nested(path, value)))
    assert helm("--values", str(file)).count(seen) > rendered().count(seen)


def test_all_values_at_once(tmp_path: Path):
    """With every value set, every resource is valid."""
    files = []
    for number, (path, default) in enumerate(LEAVES):
        file = tmp_path / f"{number}.yaml"
        file.write_text(yaml.safe_dump(nested(path, other(path, default)[0])))
        files += ["--values", str(file)]
    said = conform(helm(*files), tmp_path / "all.yaml")
    assert said["summary"] == {
        "valid": len(resources(rendered())), "invalid": 0, "errors": 0, "skipped": 0
    }  # fmt: skip


def test_version():
    """The chart is of this release."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    version = re.search(r'__version__ = "(.+)"', (ROOT / "otelml/_version.py").read_text())
    assert version
    assert chart["version"] == chart["appVersion"] == version[1]
