"""deploy/kubernetes: valid by the real schemas, hardened, and closed where nothing is said."""

from __future__ import annotations

import json
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from engines.table import CONTAINERS, TABLE
from tests.kubernetes._tools import ROOT, conform, kustomize, resources

pytestmark = pytest.mark.stack  # make test-stack builds kustomize and kubeconform

OVERLAYS = ("base", "overlays/kind", "overlays/minikube", "overlays/operator")
SECRETS = {
    "prediction-ids",
    "admin-token",
    "grafana-password",
    "grafana-secret-key",
    "smtp-password",
    "stores-password",
}


@cache
def text(folder: str) -> str:
    return kustomize(folder)


def of(folder: str, *kinds: str) -> list[dict[str, Any]]:
    return [each for each in resources(text(folder)) if each["kind"] in kinds]


def workloads(folder: str) -> list[dict[str, Any]]:
    return of(folder, "Deployment", "DaemonSet", "StatefulSet")


@pytest.mark.parametrize("folder", OVERLAYS)
def test_schemas(folder: str, tmp_path: Path):
    """Every resource is known and valid; none is skipped for want of a schema."""
    said = conform(text(folder), tmp_path / "all.yaml")
    assert said.get("resources") in (None, []), said["resources"]
    count = len(resources(text(folder)))
    assert said["summary"] == {"valid": count, "invalid": 0, "errors": 0, "skipped": 0}


@pytest.mark.parametrize(
    ("kind", "break_it"),
    [
        ("Deployment", lambda r: r["spec"]["template"]["spec"].update(hostNetwrok=True)),
        ("StatefulSet", lambda r: r["spec"].pop("selector")),
        ("Service", lambda r: r["spec"]["ports"][0].update(port="eighty")),
        ("Prometheus", lambda r: r["spec"].update(enableOTLP=True)),
        ("PrometheusRule", lambda r: r["spec"]["groups"][0]["rules"][0].update(fro="1m")),
        (
            "ServiceMonitor",
            lambda r: r["spec"]["endpoints"][0]["relabelings"][0].update(action="x"),
        ),
        ("Instrumentation", lambda r: r["spec"]["python"].update(img="x")),
        ("NetworkPolicy", lambda r: r["spec"].update(policyTypes="Ingress")),
        ("HorizontalPodAutoscaler", lambda r: r["spec"].pop("maxReplicas")),
    ],
)
def test_schemas_can_refuse(kind: str, break_it: Any, tmp_path: Path):
    """Each kind's schema refuses what is wrong."""
    one = of("overlays/operator", kind)[0]
    break_it(one)
    said = conform(yaml.safe_dump(one), tmp_path / "one.yaml")
    assert (said["summary"]["invalid"], said["summary"]["valid"]) == (1, 0)


@pytest.mark.parametrize("folder", OVERLAYS)
def test_pods_are_restricted(folder: str):
    """By Pod Security's standard `restricted`, and more: read-only, bounded, without a token."""
    for each in workloads(folder):
        name, pod = each["metadata"]["name"], each["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert pod["securityContext"]["runAsUser"] > 0, name
        assert pod["automountServiceAccountToken"] is False, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod), name
        kinds = {kind for volume in pod["volumes"] for kind in set(volume) - {"name"}}
        assert kinds <= {"configMap", "emptyDir", "persistentVolumeClaim", "projected", "secret"}
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False, name
            assert context["readOnlyRootFilesystem"] is True, name
            assert context["capabilities"] == {"drop": ["ALL"]}, name
            assert container["resources"]["limits"]["memory"], name
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}, name
            assert {"readinessProbe", "livenessProbe"} <= set(container), name
            assert not any("hostPort" in port for port in container["ports"]), name
    for namespace in of(folder, "Namespace"):
        assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize("folder", OVERLAYS)
def test_everything_named_is_there(folder: str):
    """Selectors, accounts, ports, ConfigMaps and claims lead to something."""
    all_of = resources(text(folder))
    names = {(r["kind"], r["metadata"]["name"]) for r in all_of}
    pods = {}
    for each in workloads(folder):
        template, pod = each["spec"]["template"], each["spec"]["template"]["spec"]
        labels = template["metadata"]["labels"]
        assert each["spec"]["selector"]["matchLabels"].items() <= labels.items()
        assert ("ServiceAccount", pod["serviceAccountName"]) in names
        if "serviceName" in each["spec"]:
            assert ("Service", each["spec"]["serviceName"]) in names
        claims = {c["metadata"]["name"] for c in each["spec"].get("volumeClaimTemplates", [])}
        volumes = {volume["name"] for volume in pod["volumes"]} | claims
        for container in pod["containers"]:
            assert {mount["name"] for mount in container["volumeMounts"]} == volumes
            ports = {port["name"]: port["containerPort"] for port in container["ports"]}
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                if probe in container:
                    assert container[probe]["httpGet"]["port"] in ports
            pods[each["metadata"]["name"]] = (labels, ports)
        for volume in pod["volumes"]:
            sources = volume.get("projected", {}).get("sources", [volume])
            for source in sources:
                if "configMap" in source:
                    assert ("ConfigMap", source["configMap"]["name"]) in names
            if "persistentVolumeClaim" in volume:
                claim = volume["persistentVolumeClaim"]["claimName"]
                assert ("PersistentVolumeClaim", claim) in names
    for service in of(folder, "Service"):
        selector = service["spec"]["selector"]
        if service["metadata"]["name"] == "prometheus":
            continue  # The operator makes the pods: their label and port are its own names.
        chosen = [ports for labels, ports in pods.values() if selector.items() <= labels.items()]
        assert len(chosen) == 1, service["metadata"]["name"]
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= set(chosen[0])
    for target in of(folder, "HorizontalPodAutoscaler"):
        wanted = target["spec"]["scaleTargetRef"]
        assert (wanted["kind"], wanted["name"]) in names


@pytest.mark.parametrize("folder", OVERLAYS)
def test_secrets_are_references(folder: str):
    """No secret is in a manifest; every reference is to the one that the README makes."""
    assert of(folder, "Secret") == []
    found = set()
    for each in workloads(folder):
        pod = each["spec"]["template"]["spec"]
        for entry in (e for c in pod["containers"] for e in c.get("env", [])):
            if reference := entry.get("valueFrom", {}).get("secretKeyRef"):
                assert reference["name"] == "otelml"
                found.add(reference["key"])
            elif any(word in entry["name"] for word in ("PASSWORD", "SECRET", "TOKEN")):
                assert entry["value"].startswith("/run/secrets/"), entry["name"]
        for volume in (v for v in pod["volumes"] if "secret" in v):
            assert volume["secret"]["secretName"] == "otelml"
            found |= {item["key"] for item in volume["secret"]["items"]}
    assert found == SECRETS
    readme = (ROOT / "deploy/kubernetes/README.md").read_text()
    assert [key for key in SECRETS if f"{key}=" not in readme] == []


@pytest.mark.parametrize("folder", OVERLAYS)
def test_images(folder: str):
    """Each engine's image is that of the table, which compose runs too."""
    images = {
        each["metadata"]["name"]: each["spec"]["template"]["spec"]["containers"][0]["image"]
        for each in workloads(folder)
    }
    prometheus = of(folder, "Prometheus")[0]["spec"]
    images["prometheus"] = prometheus["image"]
    collector = f"otelml/collector:{TABLE['collector'].version}"
    assert images == {
        "loan-api": "otelml/demo:local",
        "collector": collector,
        "gateway": collector,
        "prometheus": TABLE["prometheus"].image,
        "alertmanager": TABLE["alertmanager"].image,
        "jaeger": TABLE["jaeger"].image,
        "loki": CONTAINERS["loki"].image,
        "grafana": CONTAINERS["grafana"].image,
    }
    assert prometheus["version"] == f"v{TABLE['prometheus'].version}"


def test_prometheus_is_that_of_the_file():
    """The operator is told what prometheus/prometheus.yml and compose say."""
    spec = of("base", "Prometheus")[0]["spec"]
    file = yaml.safe_load((ROOT / "prometheus/prometheus.yml").read_text())
    times = {f"{name}": file["global"][key] for name, key in (
        ("scrapeInterval", "scrape_interval"), ("scrapeTimeout", "scrape_timeout"),
        ("evaluationInterval", "evaluation_interval"),
    )}  # fmt: skip
    assert times.items() <= spec.items()
    assert spec["otlp"] == {
        "keepIdentifyingResourceAttributes": file["otlp"]["keep_identifying_resource_attributes"],
        "promoteResourceAttributes": file["otlp"]["promote_resource_attributes"],
    }
    storage = file["storage"]
    assert spec["tsdb"] == {"outOfOrderTimeWindow": storage["tsdb"]["out_of_order_time_window"]}
    assert spec["exemplars"] == {"maxSize": storage["exemplars"]["max_exemplars"]}
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["prometheus"]
    flags = compose["command"]
    assert spec["enableOTLPReceiver"] is ("--web.enable-otlp-receiver" in flags) is True
    assert [f"--enable-feature={name}" for name in spec["enableFeatures"]] == [
        flag for flag in flags if flag.startswith("--enable-feature")
    ]
    assert f"--storage.tsdb.retention.time={spec['retention']}" in flags
    assert f"--storage.tsdb.retention.size={spec['retentionSize']}" in flags


def test_rules_are_the_rules():
    """Every group of prometheus/rules, and none besides."""
    wanted = []
    for file in ("recording.yml", "alerts.yml"):
        wanted += yaml.safe_load((ROOT / "prometheus/rules" / file).read_text())["groups"]
    (rule,) = of("base", "PrometheusRule")
    assert rule["spec"]["groups"] == wanted
    selector = of("base", "Prometheus")[0]["spec"]["ruleSelector"]["matchLabels"]
    assert selector.items() <= rule["metadata"]["labels"].items()


def test_what_is_scraped():
    """Every engine that compose's Prometheus scrapes, under the same job, gateways as Collectors."""
    (monitor,) = of("base", "ServiceMonitor")
    wanted = monitor["spec"]["selector"]["matchLabels"]
    scraped = {}
    for service in of("base", "Service"):
        labels = service["metadata"]["labels"]
        if wanted.items() <= labels.items():
            ports = [p["name"] for p in service["spec"]["ports"]]
            assert monitor["spec"]["endpoints"][0]["port"] in ports
            scraped[service["metadata"]["name"]] = labels[monitor["spec"]["jobLabel"]]
    targets = json.loads((ROOT / "prometheus/targets/stack.json").read_text())
    assert set(scraped.values()) - {"gateway"} == {t["labels"]["engine"] for t in targets}
    renamed = monitor["spec"]["endpoints"][0]["relabelings"][0]
    assert (renamed["regex"], renamed["replacement"]) == ("gateway", "collector")


@pytest.mark.parametrize("folder", OVERLAYS)
def test_apply_takes_it(folder: str):
    """`kubectl apply` keeps each resource as an annotation, of 256 KiB at most."""
    for each in resources(text(folder)):
        assert len(json.dumps(each)) < 262_144, each["metadata"]["name"]


# ---------------------------------------------------------------- who reaches whom

LABELS = {
    "loan-api": {"app.kubernetes.io/name": "loan-api", "otelml/sends-telemetry": "true"},
    **{
        name: {"app.kubernetes.io/name": name}
        for name in (
            "collector",
            "gateway",
            "prometheus",
            "alertmanager",
            "jaeger",
            "loki",
            "grafana",
        )
    },
}
PORTS = {
    "loan-api": [8000],
    "collector": [4317, 4318, 8888, 13133],
    "gateway": [4317, 8888, 13133],
    "prometheus": [9090],
    "alertmanager": [9093],
    "jaeger": [16686, 14317, 14888, 14133],
    "loki": [3100],
    "grafana": [3000],
}
SCRAPES = {("collector", 8888), ("gateway", 8888), ("prometheus", 9090), ("alertmanager", 9093),
           ("jaeger", 14888), ("loki", 3100)}  # fmt: skip
WANTED = {
    # Port 8000 has no condition: clients are anywhere. From here only who may leave gets there.
    "loan-api": {("collector", 4317), ("collector", 4318)},
    "collector": {("gateway", 4317), ("prometheus", 9090), ("loki", 3100)},
    "gateway": {("jaeger", 14317), ("prometheus", 9090)},
    "prometheus": SCRAPES,
    "alertmanager": set(),
    "jaeger": {("prometheus", 9090)},
    "loki": set(),
    "grafana": {("prometheus", 9090), ("jaeger", 16686), ("loki", 3100), ("alertmanager", 9093)},
}


def chooses(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    """Tell whether a label selector chooses a pod."""
    exact = selector.get("matchLabels", {}).items() <= labels.items()
    return exact and all(
        labels.get(rule["key"]) in rule["values"] for rule in selector.get("matchExpressions", [])
    )


def allows(rules: list[dict[str, Any]], side: str, labels: dict[str, str], port: int) -> bool:
    """Tell whether one of the rules lets traffic with a pod of this namespace pass."""
    for rule in rules:
        peers = rule.get(side)
        peer_ok = peers is None or any(
            chooses(peer.get("podSelector", {}), labels)
            and chooses(
                peer.get("namespaceSelector", {}), {"kubernetes.io/metadata.name": "otelml"}
            )
            for peer in peers
        )
        if peer_ok and any(p["port"] == port and p["protocol"] == "TCP" for p in rule["ports"]):
            return True
    return False


def reaches(policies: list[dict[str, Any]], source: str, target: str, port: int) -> bool:
    """Tell what the network does with a connection, by NetworkPolicy's own rules."""
    part = {"app.kubernetes.io/part-of": "otelml"}
    sender, receiver = LABELS[source] | part, LABELS[target] | part
    verdicts = []
    for kind, side, owner, other in (
        ("Egress", "to", sender, receiver), ("Ingress", "from", receiver, sender)
    ):  # fmt: skip
        of_pod = [
            p["spec"] for p in policies
            if kind in p["spec"]["policyTypes"] and chooses(p["spec"]["podSelector"], owner)
        ]  # fmt: skip
        rules = [rule for spec in of_pod for rule in spec.get(kind.lower(), [])]
        verdicts.append(not of_pod or allows(rules, side, other, port))
    return all(verdicts)


@pytest.mark.parametrize("source", WANTED)
def test_who_reaches_whom(source: str):
    """Exactly what each part needs: a service reaches the Collector and no store."""
    policies = of("base", "NetworkPolicy")
    found = {
        (target, port)
        for target, port in ((t, p) for t in PORTS for p in PORTS[t])
        if reaches(policies, source, target, port)
    }
    assert found == WANTED[source]


def test_without_policies_all_is_open():
    """The check can fail: it reads the policies."""
    pairs = list(product(PORTS, repeat=2))
    assert all(reaches([], a, b, PORTS[b][0]) for a, b in pairs)
    closed = [p for p in of("base", "NetworkPolicy") if p["metadata"]["name"] == "nothing-else"]
    assert not any(reaches(closed, a, b, PORTS[b][0]) for a, b in pairs)


@pytest.mark.parametrize("source", WANTED)
def test_addresses_are_allowed(source: str):
    """Each address in a pod's variables is one that its policies let through."""
    services = {s["metadata"]["name"]: s["spec"] for s in of("base", "Service")}
    policies = of("base", "NetworkPolicy")
    for each in workloads("base"):
        if each["metadata"]["name"] != source:
            continue
        for entry in each["spec"]["template"]["spec"]["containers"][0]["env"]:
            value = entry.get("value", "").removeprefix("http://")
            host, _, port = value.partition(":")
            if host in services and port:
                assert int(port) in {p["port"] for p in services[host]["ports"]}, entry
                assert reaches(policies, source, host, int(port)), entry


@pytest.mark.parametrize("component", ["node-queue", "host-metrics"])
def test_components(component: str, tmp_path: Path):
    """What gives the agents a folder of the node: valid, and the namespace says so."""
    folder = ROOT / "deploy/kubernetes/overlays"
    inside = folder / f".test-{component}"
    inside.mkdir()
    try:
        (inside / "kustomization.yaml").write_text(
            f"resources: [../../base]\ncomponents: [../../components/{component}]\n"
        )
        made = kustomize(f"overlays/.test-{component}")
    finally:
        (inside / "kustomization.yaml").unlink()
        inside.rmdir()
    assert conform(made, tmp_path / "all.yaml")["summary"]["invalid"] == 0
    (agent,) = [r for r in resources(made) if r["kind"] == "DaemonSet"]
    pod = agent["spec"]["template"]["spec"]
    host = {v["name"] for v in pod["volumes"] if "hostPath" in v}
    assert host & {mount["name"] for mount in pod["containers"][0]["volumeMounts"]}
    (namespace,) = [r for r in resources(made) if r["kind"] == "Namespace"]
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "privileged"
