"""docker-compose.yml: valid, hardened, and the same stack as the native runner's."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from engines.launch import (
    COLLECTOR_BASE,
    LOGIN_CONFIGS,
    LOGIN_FLAGS,
    SHARED_ENVIRONMENT,
    SHARED_FILES,
    SHARED_FLAGS,
)
from engines.secrets import GIVEN
from engines.table import CONTAINERS, TABLE

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ENGINES = TABLE | CONTAINERS
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
# Flags that say where: a path or an address of the container, or the overlay of a profile.
PLACES = (
    "--config=",
    "--config.file=",
    "-config.file=",
    "--storage.",
    "--web.listen-address=",
    "--web.config.file=",
    "-httpAuth.password=file:///",
    "-http.pathPrefix=",
    "-storageDataPath=",
    "-httpListenAddr=",
)
LOG_LEVELS = {"--log.level=warn", "-loggerLevel=WARN"}


def is_place(flag: str) -> bool:
    """Tell whether a flag says where, not how."""
    return flag.startswith(PLACES) and not flag.startswith("--storage.tsdb.retention")


def test_schema():
    """The file follows the Compose Specification's schema."""
    schema = json.loads((HERE / "schema/compose-spec.json").read_text())
    errors = jsonschema.Draft7Validator(schema).iter_errors(COMPOSE)
    assert [f"{error.json_path}: {error.message}" for error in errors] == []


def test_schema_can_fail():
    """The check can fail: a misspelt key is refused."""
    schema = json.loads((HERE / "schema/compose-spec.json").read_text())
    wrong = {"services": {"x": {"image": "y", "read_onyl": True}}}
    assert not jsonschema.Draft7Validator(schema).is_valid(wrong)


@pytest.mark.parametrize("name", ENGINES)
def test_image(name):
    """Each engine's image is the version of the table, which is the one built natively."""
    engine = ENGINES[name]
    image = SERVICES[name]["image"]
    if name == "collector":
        dockerfile = (ROOT / "deploy/collector.Dockerfile").read_text()
        assert f"FROM {engine.image} AS collector\n" in dockerfile
        assert image == f"otelml/collector:{engine.version}"
    else:
        assert image == engine.image
    tag = image.partition("@")[0].partition(":")[2]
    assert tag.lstrip("v") == engine.version


@pytest.mark.parametrize("name", SHARED_FLAGS)
def test_flags(name):
    """Each engine runs with the flags of the native runner, places apart."""
    command = [flag for flag in SERVICES[name].get("command", []) if not is_place(flag)]
    flags = {*SHARED_FLAGS[name], *LOGIN_FLAGS.get(name, ())}
    assert {flag.replace("$$", "$") for flag in command} - LOG_LEVELS == flags


@pytest.mark.parametrize("name", LOGIN_CONFIGS)
def test_login_configs(name):
    """The files that ask for a login are laid over last, in the native runner's order."""
    inside = "/etc/otelcol/" if name == "collector" else f"/etc/{name}/"
    wanted = [f"--config={inside}{f.removeprefix(f'{name}/')}" for f in LOGIN_CONFIGS[name]]
    assert SERVICES[name]["command"][-len(wanted) :] == wanted
    assert all((ROOT / file).exists() for file in LOGIN_CONFIGS[name])


@pytest.mark.parametrize("name", SHARED_ENVIRONMENT)
def test_environment(name):
    """What the native runner sets for every stack, the compose file sets too."""
    environment = SERVICES[name].get("environment", {})
    assert SHARED_ENVIRONMENT[name].items() <= environment.items()


@pytest.mark.parametrize("name", [name for name in SHARED_FILES if SHARED_FILES[name]])
def test_files(name):
    """Each engine is given the folder its shared files are in, and reads the shared one."""
    service = SERVICES[name]
    folder = next(v for v in service["volumes"] if v.startswith(f"./{name}:")).split(":")
    assert folder[2] == "ro"
    inside = [f.replace(f"{name}/", f"{folder[1]}/", 1) for f in SHARED_FILES[name]]
    spoken = " ".join(
        [*service.get("entrypoint", []), *service["command"], *service["environment"].values()]
        if service.get("environment")
        else service["command"]
    )
    # The rules are named by prometheus.yml; the other is that of docker-compose.secure.yml.
    others = ("/rules", "-tls.yml")
    assert [f for f in inside if f not in spoken and not f.endswith(others)] == []
    assert all((ROOT / f).exists() for f in SHARED_FILES[name] if not f.endswith("/rules"))


def test_targets_are_the_services():
    """Prometheus scrapes each engine at its service's name and native port."""
    targets = json.loads((ROOT / "prometheus/targets/stack.json").read_text())
    metrics = {"collector": "metrics", "jaeger": "metrics"}
    # Those that always run: the log store of this file is Loki.
    scraped = ("collector", "prometheus", "jaeger", "loki", "alertmanager")
    assert targets == [
        {"targets": [f"{n}:{ENGINES[n].ports[metrics.get(n, 'http')]}"], "labels": {"engine": n}}
        for n in scraped
    ]
    alertmanager = json.loads((ROOT / "prometheus/targets/alertmanager.json").read_text())
    assert alertmanager == [{"targets": [f"alertmanager:{TABLE['alertmanager'].ports['http']}"]}]


@pytest.mark.parametrize("name", ENGINES)
def test_health_check(name):
    """The health check asks the port and path that the native runner asks."""
    port, path = ENGINES[name].health
    address = f"http://127.0.0.1:{ENGINES[name].ports[port]}{path}"
    assert (
        re.split(r"[ =]", SERVICES[name]["healthcheck"]["test"][-1])[-1].replace(
            "${OTELML_LOGS_PATH}", ""
        )
        == address
    )


def test_defaults_of_the_files_are_the_ports_of_the_table():
    """A port that a configuration file falls back to is the table's."""
    defaults = {}
    for name in ("collector", "jaeger", "loki"):
        text = (ROOT / name / "config.yaml").read_text()
        pattern = rf"OTELML_{name.upper()}_([A-Z_]+)_PORT:-(\d+)"
        defaults[name] = {port.lower(): int(value) for port, value in re.findall(pattern, text)}
    assert defaults == {name: ENGINES[name].ports for name in defaults}


def test_log_stores_are_at_their_ports():
    """Where the Collector's files send logs by default is where the stores listen."""
    for name, file in (("loki", COLLECTOR_BASE[0]), ("victorialogs", COLLECTOR_BASE[1])):
        address = f"http://127.0.0.1:{ENGINES[name].ports['http']}"
        assert f"${{env:OTELML_{name.upper()}_URL:-{address}}}" in file.read_text()
        environment = SERVICES["collector"]["environment"]
        told = environment[f"OTELML_{name.upper()}_URL"].partition("${")[0]
        assert told == address.replace("127.0.0.1", name)


def test_only_pages_are_published_and_only_here():
    """What a browser opens is published, on loopback; OTLP and Loki are not."""
    published = {name: s["ports"] for name, s in SERVICES.items() if "ports" in s}
    assert published == {
        "prometheus": ["127.0.0.1:9090:9090"],
        "jaeger": ["127.0.0.1:16686:16686"],
        "alertmanager": ["127.0.0.1:9093:9093"],
        "grafana": ["127.0.0.1:3000:3000"],
        "demo": ["127.0.0.1:8000:8000"],
        "mail": ["127.0.0.1:8025:8025"],
        "victorialogs": ["127.0.0.1:9428:9428"],
    }


@pytest.mark.parametrize("name", SERVICES)
def test_hardened(name):
    """No root, no capability, no new privilege, no writable root, bounded, pinned."""
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is (name != "kafka")
    assert int(service["user"].split(":")[0]) > 0
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert "privileged" not in service
    assert re.fullmatch(r"\S+:(v?\d+\.\d+\.\d+(@sha256:[0-9a-f]{64})?|local)", service["image"])


@pytest.mark.parametrize("name", [name for name in SERVICES if name != "secrets"])
def test_healthy_means_something(name):
    """Each lasting service has a health check, and is waited for only by its health."""
    assert SERVICES[name]["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    conditions = {d: c["condition"] for d, c in SERVICES[name].get("depends_on", {}).items()}
    assert conditions == {
        d: "service_completed_successfully" if d == "secrets" else "service_healthy"
        for d in conditions
    }


def test_volumes_are_named_or_of_this_tree():
    """Every mount is a declared volume or a read-only file of the repository."""
    for service in SERVICES.values():
        for source, _, mode in (
            (*volume.split(":"), "")[:3] for volume in service.get("volumes", [])
        ):
            assert source in COMPOSE["volumes"] or (source.startswith("./") and mode == "ro")


def test_no_secret_in_the_file():
    """Secrets come from files, or from what `python3 -m engines.secrets` has made."""
    made = {
        "OTELML_STACK_SECRETS": "secrets",
        "OTEL_EXPORTER_OTLP_HEADERS": "demo",
        "OTELML_SECRET": "demo",
    }
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if made.get(variable) == name:
                assert re.search(r"\$\{\w+:\?run python3 -m engines.secrets first\}$", value)
            elif re.search(r"(?i)password|secret|token|_key", variable):
                assert variable.endswith(("_FILE", "_DIR")), f"{name}: {variable}"


def reaches(name: str) -> set[str]:
    """Return the services that share a network with this one."""
    mine = set(SERVICES[name].get("networks", ()))
    return {
        other
        for other, s in SERVICES.items()
        if other != name and mine & set(s.get("networks", ()))
    }


def test_a_service_reaches_the_collector_and_no_store():
    """What joins the network `otelml`, as the demo does, meets the Collector there."""
    networks = COMPOSE["networks"]
    assert networks["ingest"] == {"name": "otelml"}
    assert networks["stores"] == {"internal": True}
    assert SERVICES["demo"]["networks"] == ["ingest"]
    assert reaches("demo") == {"collector"}
    members = {n: {s for s in SERVICES if n in SERVICES[s].get("networks", ())} for n in networks}
    assert members["ingest"] == {"demo", "collector"}
    assert members["stores"] == set(SERVICES) - {"demo", "secrets"}
    assert members["pages"] == {
        name for name, service in SERVICES.items() if "ports" in service and name != "demo"
    }


def test_every_network_is_chosen():
    """A service without a list of its own would join one that all share."""
    assert SERVICES["secrets"]["network_mode"] == "none"
    for name in set(SERVICES) - {"secrets"}:
        assert SERVICES[name]["networks"], name


@pytest.mark.parametrize(
    "name", ["prometheus", "alertmanager", "jaeger", "victorialogs", "grafana", "mail"]
)
def test_a_published_page_asks_for_a_login(name):
    """Each by its own means, from a file; Loki and Kafka, which have none, are not published."""
    service = SERVICES[name]
    said = " ".join(
        [*service.get("command", ()), *map(str, service.get("environment", {}).items())]
    )
    how = {
        "prometheus": "--web.config.file=/etc/prometheus/access/web.yml",
        "alertmanager": "--web.config.file=/run/otelml/web.yml",
        "jaeger": "/etc/jaeger/overlays/login.yaml",
        "victorialogs": "-httpAuth.password=file:///run/otelml/password",
        "mail": "('MP_UI_AUTH_FILE', '/run/otelml/htpasswd')",
        "grafana": "('GF_AUTH_ANONYMOUS_ENABLED', 'false')",
    }
    assert how[name] in said
    assert {"loki", "kafka", "collector", "gateway"} & {
        s for s in SERVICES if "ports" in SERVICES[s]
    } == set()


def test_what_deletes_or_writes_is_off():
    """No admin API, no other receiver, no deletion is asked for anywhere."""
    flags = [flag for service in SERVICES.values() for flag in service.get("command", ())]
    off = ("--web.enable-admin-api", "--web.enable-remote-write-receiver", "--web.enable-lifecycle")
    assert [flag for flag in flags if flag.startswith((*off, "-delete.enable"))] == []


def test_each_engine_is_given_its_own_secrets():
    """The volumes of the service that unpacks them, and one of these in each engine, read-only."""
    volumes = SERVICES["secrets"]["volumes"]
    assert volumes == [f"secrets-{name}:/run/otelml/{name}" for name in GIVEN]
    for name, service in SERVICES.items():
        given = [v for v in service.get("volumes", ()) if v.startswith("secrets-")]
        if name != "secrets" and given:
            owner = "collector" if name in {"gateway", "kafka-consumer"} else name
            place = "/etc/prometheus/access" if name == "prometheus" else "/run/otelml"
            assert given == [f"secrets-{owner}:{place}:ro"]
            assert service["depends_on"]["secrets"]
            # The files are readable by this group.
            if service["user"] != "10001:10001":
                assert service["group_add"] == ["10001"]
    dockerfile = (ROOT / "deploy/collector.Dockerfile").read_text()
    assert f"for engine in {' '.join(GIVEN)}; do" in dockerfile


def test_profiles():
    """The core has no profile, so that `docker compose up` runs it; the rest is asked for."""
    profiles = {name: s["profiles"] for name, s in SERVICES.items() if "profiles" in s}
    assert profiles == {
        "mail": ["alerts"],
        "kafka": ["kafka"],
        "kafka-consumer": ["kafka"],
        "gateway": ["scale"],
        "victorialogs": ["victorialogs"],
    }


@pytest.mark.parametrize("folder", ["deploy", "examples/loan_refinancing"])
def test_image_knows_its_files(folder):
    """What an image of a service copies exists and is not ignored."""
    dockerfile = (ROOT / folder / "Dockerfile").read_text()
    kept = (ROOT / folder / "Dockerfile.dockerignore").read_text().splitlines()
    copied = [
        word
        for line in dockerfile.splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for word in line.split()[1:-1]
    ]
    assert copied
    assert [path for path in copied if not (ROOT / path).exists() or f"!{path}" not in kept] == []
