"""What the engines are: modules, versions, images, ports, health checks. Nothing else spells them.

``docker-compose.yml`` is tested against this table, so the two ways to run the stack cannot drift
apart.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
ENGINES: Final = ROOT / "engines"


@dataclass(frozen=True)
class Engine:
    """One engine.

    Args:
        name: Its folder under ``engines/`` and its service in the compose file.
        version: What the binary and the image are.
        image: The container image the compose file pins, by digest (all platforms) where known.
        ports: Every listener by name, at its default.
        health: Port and path which answer 200 once it is ready.
        binaries: The programs that a build yields; the first one is the engine.
        packages: The Go packages behind them; the Collector itself is made by its builder.
        linked: Go variables which hold the version, set by the linker.
        tags: Build tags.
        build_minutes: How long a cold build takes on two cores, as a hint to who waits.
    """

    name: str
    version: str
    image: str
    ports: dict[str, int]
    health: tuple[str, str]
    binaries: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    linked: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    build_minutes: int = 5


_PROMETHEUS_VERSION = "github.com/prometheus/common/version.Version"

TABLE: Final = {
    engine.name: engine
    for engine in (
        Engine(
            name="collector",
            version="0.159.0",
            image=(
                "otel/opentelemetry-collector-contrib:0.159.0@sha256:"
                "1f2c54a30e713fac6b3ae77a1ec84010c2007e29ced8ec666214fc2f6739c1cc"
            ),
            # bbolt checks the queue's files before the Collector opens them.
            binaries=("otelcol-otelml", "bbolt"),
            packages=("go.etcd.io/bbolt/cmd/bbolt",),
            ports={"otlp_grpc": 4317, "otlp_http": 4318, "metrics": 8888, "health": 13133},
            health=("health", "/"),
            build_minutes=7,
        ),
        Engine(
            name="prometheus",
            version="3.14.0",
            image=(
                "prom/prometheus:v3.14.0@sha256:"
                "5ce7540c3c00ef4ab0c9d2c995c6a5b9c421f44b4a115d97a2c7af3b1c21cbb0"
            ),
            binaries=("prometheus", "promtool"),
            packages=(
                "github.com/prometheus/prometheus/cmd/prometheus",
                "github.com/prometheus/prometheus/cmd/promtool",
            ),
            ports={"http": 9090},
            health=("http", "/-/ready"),
            linked=(_PROMETHEUS_VERSION,),
            # Targets are files here; the clients of twenty clouds take most of the build.
            tags=("remove_all_sd",),
            build_minutes=5,
        ),
        Engine(
            name="jaeger",
            version="2.13.0",
            image="jaegertracing/jaeger:2.13.0",
            binaries=("jaeger",),
            packages=("github.com/jaegertracing/jaeger/cmd/jaeger",),
            # On one host the Collector owns 4317, 4318, 8888 and 13133.
            ports={
                "http": 16686,
                "grpc": 16685,
                "otlp_grpc": 14317,
                "metrics": 14888,
                "health": 14133,
            },
            health=("health", "/status"),
            linked=("github.com/jaegertracing/jaeger/internal/version.latestVersion",),
            build_minutes=4,
        ),
        Engine(
            name="victorialogs",
            version="1.52.1",
            image="victoriametrics/victoria-logs:v1.52.1",
            binaries=("victoria-logs",),
            packages=("github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs",),
            ports={"http": 9428},
            health=("http", "/health"),
            linked=("github.com/VictoriaMetrics/VictoriaMetrics/lib/buildinfo.Version",),
            build_minutes=2,
        ),
        Engine(
            name="alertmanager",
            version="0.31.1",
            image=(
                "prom/alertmanager:v0.31.1@sha256:"
                "88b605de9aba0410775c1eb3438f951115054e0d307f23f274a4c705f51630c1"
            ),
            binaries=("alertmanager", "amtool"),
            packages=(
                "github.com/prometheus/alertmanager/cmd/alertmanager",
                "github.com/prometheus/alertmanager/cmd/amtool",
            ),
            ports={"http": 9093},
            health=("http", "/-/ready"),
            linked=(_PROMETHEUS_VERSION,),
            build_minutes=1,
        ),
    )
}

# Programs that only the tests run: manifests and the chart are built and checked with kubernetes'
# (two of its modules are not compiled, the schemas of their kinds are read from them), and
# telemetrygen sends to the viewer.
TOOLS: Final = {
    tool.name: tool
    for tool in (
        Engine(
            name="kubernetes",
            version="1.35.0",
            image="",
            ports={},
            health=("", ""),
            binaries=("kustomize", "helm", "kubeconform"),
            packages=(
                "sigs.k8s.io/kustomize/kustomize/v5",
                "helm.sh/helm/v3/cmd/helm",
                "github.com/yannh/kubeconform/cmd/kubeconform",
            ),
            build_minutes=5,
        ),
        Engine(
            name="telemetrygen",
            version="0.161.0",
            image="",
            ports={},
            health=("", ""),
            binaries=("telemetrygen",),
            packages=(
                "github.com/open-telemetry/opentelemetry-collector-contrib/cmd/telemetrygen",
            ),
            build_minutes=3,
        ),
    )
}

# In containers only: their modules are under the AGPL, so nothing of them is fetched or built here.
CONTAINERS: Final = {
    engine.name: engine
    for engine in (
        Engine(
            name="loki",
            version="3.7.6",
            image=(
                "grafana/loki:3.7.6@sha256:"
                "efd47c67f9bac88ca29bcf8cb997d9ab29d1848bd0aff579282295542a745952"
            ),
            ports={"http": 3100, "grpc": 9096},
            health=("http", "/ready"),
        ),
        Engine(
            name="grafana",
            version="13.2.0",
            image=(
                "grafana/grafana:13.2.0@sha256:"
                "3fd54ae1214669f8355f065ec9f6445d5279a3d77095ab048ca045685272429b"
            ),
            ports={"http": 3000},
            health=("http", "/api/health"),
        ),
    )
}

# A backend that is up before the Collector spares it the first retries.
START_ORDER: Final = ("alertmanager", "prometheus", "jaeger", "victorialogs", "collector")


def cache_root() -> Path:
    """Return where built engines are kept: outside any checkout, shared by all of them."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "otelml" / "engines"


@dataclass(frozen=True)
class Ports:
    """The ports of one stack.

    Args:
        offset: Added to every default, so that several stacks share one machine.
        overrides: Single ports by ``engine.port``, before those of the environment
            (such as ``OTELML_PORT_COLLECTOR_OTLP_HTTP``).

    Raises:
        ValueError: If a port is unknown or outside 1 to 65535.
    """

    offset: int = 0
    overrides: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = {f"{e.name}.{port}" for e in TABLE.values() for port in e.ports}
        if unknown := set(self.overrides) - known:
            raise ValueError(f"unknown ports {sorted(unknown)}; known are {sorted(known)}")
        for name in known:
            engine, port = name.split(".")
            if not 0 < self.of(engine, port) <= 65535:
                raise ValueError(f"port {name} is {self.of(engine, port)}, not 1 to 65535")

    def of(self, engine: str, port: str) -> int:
        """Return the port that ``port`` of ``engine`` listens on."""
        name = f"{engine}.{port}"
        if name in self.overrides:
            return self.overrides[name]
        variable = os.environ.get("OTELML_PORT_" + name.upper().replace(".", "_"))
        return int(variable) if variable else TABLE[engine].ports[port] + self.offset

    def address(self, engine: str, port: str) -> str:
        """Return ``127.0.0.1:port``."""
        return f"127.0.0.1:{self.of(engine, port)}"
