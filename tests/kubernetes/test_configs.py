"""Each engine's configuration as it stands in its ConfigMap is one that the engine accepts."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from engines.build import binary
from tests.kubernetes._tools import kustomize, resources

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def base() -> list[dict[str, Any]]:
    return resources(kustomize("base"))


def mounted(
    base: list[dict[str, Any]], workload: str, folder: Path
) -> tuple[list[str], dict[str, str]]:
    """A pod's files under a folder, its command there, and its variables."""
    (each,) = [
        r for r in base if r["metadata"]["name"] == workload and "template" in r.get("spec", {})
    ]
    pod = each["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    maps = {r["metadata"]["name"]: r["data"] for r in base if r["kind"] == "ConfigMap"}
    paths = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    for volume in pod["volumes"]:
        for source in volume.get("projected", {}).get("sources", [volume]):
            if "configMap" in source:
                inside = folder / paths[volume["name"]].lstrip("/")
                inside.mkdir(parents=True, exist_ok=True)
                for name, text in maps[source["configMap"]["name"]].items():
                    (inside / name).write_text(text)
    command = [
        re.sub(
            r"^(--[\w.-]+=)?(/(?:etc|tmp)/)",
            lambda found: f"{found[1] or ''}{folder}{found[2]}",
            part,
        )
        for part in [*container.get("command", []), *container.get("args", [])]
    ]
    (folder / "tmp").mkdir(exist_ok=True)
    variables = {e["name"]: e["value"] for e in container["env"] if "value" in e}
    return command, variables


@pytest.mark.parametrize("workload", ["collector", "gateway"])
def test_collectors(base: list[dict[str, Any]], workload: str, tmp_path: Path):
    """`validate` with the pod's arguments and variables; a misspelt key is refused."""
    command, variables = mounted(base, workload, tmp_path)
    options = [part for part in command if part.startswith("--config=")]
    assert len(options) == 2
    variables["OTELML_COLLECTOR_QUEUE_DIR"] = str(tmp_path / "queue")
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL", "OTELML"))}

    def validate() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(binary("otelcol-otelml")), "validate", *options],
            env=clean | variables, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    done = validate()
    assert done.returncode == 0, done.stderr
    file = tmp_path / "etc/otelcol/config.yaml"
    file.write_text(file.read_text().replace("memory_limiter:", "memory_limiter:\n    chekc: 1", 1))
    assert validate().returncode != 0


def test_alertmanager(base: list[dict[str, Any]], tmp_path: Path):
    """start.sh as the pod runs it, with e-mail; the result is what amtool accepts."""
    command, variables = mounted(base, "alertmanager", tmp_path)
    variables |= {"OTELML_SMTP_SMARTHOST": "mail:25", "OTELML_ALERT_EMAIL_TO": "sre@example.org"}
    script, template, output = command[1:4]
    subprocess.run(["/bin/sh", script, template, output], env=variables, check=True, timeout=60)
    made = yaml.safe_load(Path(output).read_text())
    assert made["global"]["smtp_auth_password_file"] == "/run/secrets/otelml/smtp-password"
    done = subprocess.run(
        [str(binary("amtool")), "check-config", output],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_rules(base: list[dict[str, Any]], tmp_path: Path):
    """The groups of the PrometheusRule are what promtool accepts."""
    (rule,) = [r for r in base if r["kind"] == "PrometheusRule"]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": rule["spec"]["groups"]}))
    done = subprocess.run(
        [str(binary("promtool")), "check", "rules", str(file)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    count = sum(len(group["rules"]) for group in rule["spec"]["groups"])
    assert f"{count} rules found" in done.stdout


def test_jaeger(base: list[dict[str, Any]], tmp_path: Path):
    """`validate` with the pod's arguments and variables; a misspelt key is refused."""
    command, variables = mounted(base, "jaeger", tmp_path)
    option = next(part for part in command if part.startswith("--config="))
    variables |= {
        "OTELML_JAEGER_DATA": str(tmp_path),
        "OTELML_JAEGER_UI": str(tmp_path / "etc/jaeger/ui.json"),
    }

    def validate() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(binary("jaeger")), "validate", option],
            env=variables, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    done = validate()
    assert done.returncode == 0, done.stderr
    file = tmp_path / "etc/jaeger/config.yaml"
    file.write_text(file.read_text().replace("jaeger_query:", "jaeger_query:\n    stroage: 1", 1))
    assert validate().returncode != 0
