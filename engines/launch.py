"""How each engine is started: its flags, its environment, its files.

The configuration files are the ones of the compose file; only environment, targets and places of
data differ. Flags that both share stand in ``SHARED_FLAGS`` and are compared by a test.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from engines.build import binary
from engines.table import ROOT, TABLE, Ports

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SHARED_FLAGS: Final[dict[str, tuple[str, ...]]] = {
    "collector": (),
    "prometheus": (
        "--web.enable-otlp-receiver",
        "--enable-feature=exemplar-storage",
        "--storage.tsdb.retention.time=15d",
        "--storage.tsdb.retention.size=8GB",
    ),
    "jaeger": (),
    "victorialogs": ("-retentionPeriod=7d",),
    "loki": ("-config.expand-env=true",),
    "alertmanager": ("--cluster.listen-address=",),
}

# What the Collector runs natively; without the second file, its logs go to Loki.
COLLECTOR_BASE: Final = (
    ROOT / "collector/config.yaml",
    ROOT / "collector/overlays/victorialogs.yaml",
)

# Configuration files, from the root of the repository, that both ways to run the stack use.
SHARED_FILES: Final[dict[str, tuple[str, ...]]] = {
    "collector": ("collector/config.yaml", "collector/start.sh"),
    "prometheus": ("prometheus/prometheus.yml", "prometheus/rules"),
    "jaeger": ("jaeger/config.yaml", "jaeger/ui.json"),
    "victorialogs": (),
    "loki": ("loki/config.yaml",),
    "alertmanager": ("alertmanager/alertmanager.yml", "alertmanager/start.sh"),
}

# The same in both: limits of memory, and no traces of the tracer.
SHARED_ENVIRONMENT: Final[dict[str, dict[str, str]]] = {
    "collector": {"GOMEMLIMIT": "450MiB"},
    "prometheus": {},
    "jaeger": {"OTEL_TRACES_SAMPLER": "always_off", "GOMEMLIMIT": "700MiB"},
    "victorialogs": {},
    "loki": {"GOMEMLIMIT": "700MiB"},
    "alertmanager": {},
}


@dataclass(frozen=True)
class Site:
    """Where and how one stack runs.

    Args:
        data: The folder that holds everything the engines write.
        ports: Their ports.
        flags: Further arguments by engine.
        environment: Further environment by engine.
        collector_configs: Files laid over the Collector's configuration, in order.
        collector_base: That configuration; by default with logs going to VictoriaLogs.
    """

    data: Path
    ports: Ports = field(default_factory=Ports)
    flags: dict[str, list[str]] = field(default_factory=dict)
    environment: dict[str, dict[str, str]] = field(default_factory=dict)
    collector_configs: tuple[Path, ...] = ()
    collector_base: tuple[Path, ...] = COLLECTOR_BASE


@dataclass(frozen=True)
class Launch:
    """A command and its environment."""

    command: list[str]
    environment: dict[str, str]


def _collector(site: Site) -> Launch:
    ports = site.ports
    configs = (*site.collector_base, *site.collector_configs)
    return Launch(
        [
            "sh",
            str(ROOT / "collector/start.sh"),
            str(binary("bbolt")),
            str(binary("otelcol-otelml")),
            *(f"--config={path}" for path in configs),
        ],
        {
            "OTELML_COLLECTOR_OTLP_GRPC_PORT": str(ports.of("collector", "otlp_grpc")),
            "OTELML_COLLECTOR_OTLP_HTTP_PORT": str(ports.of("collector", "otlp_http")),
            "OTELML_COLLECTOR_METRICS_PORT": str(ports.of("collector", "metrics")),
            "OTELML_COLLECTOR_HEALTH_PORT": str(ports.of("collector", "health")),
            "OTELML_COLLECTOR_QUEUE_DIR": str(site.data / "collector/queue"),
            "OTELML_DUMP_DIR": str(site.data / "collector/dump"),
            "OTELML_PROMETHEUS_URL": f"http://{ports.address('prometheus', 'http')}",
            "OTELML_VICTORIALOGS_URL": f"http://{ports.address('victorialogs', 'http')}",
            "OTELML_JAEGER_OTLP": ports.address("jaeger", "otlp_grpc"),
        },
    )


def _targets(site: Site) -> dict[str, list[dict[str, object]]]:
    scraped = {"collector": "metrics", "jaeger": "metrics"}
    return {
        "stack.json": [
            {
                "targets": [site.ports.address(name, scraped.get(name, "http"))],
                "labels": {"engine": name},
            }
            for name in TABLE
        ],
        "alertmanager.json": [{"targets": [site.ports.address("alertmanager", "http")]}],
    }


def _prometheus(site: Site) -> Launch:
    """Lay links to the shared files and targets of its own beside each other, as it reads them."""
    config = site.data / "prometheus/config"
    (config / "targets").mkdir(parents=True, exist_ok=True)
    for shared in SHARED_FILES["prometheus"]:
        link = config / shared.removeprefix("prometheus/")
        link.unlink(missing_ok=True)
        link.symlink_to(ROOT / shared)
    for name, content in _targets(site).items():
        (config / "targets" / name).write_text(json.dumps(content, indent=2) + "\n")
    return Launch(
        [
            str(binary("prometheus")),
            f"--config.file={config}/prometheus.yml",
            f"--storage.tsdb.path={site.data}/prometheus/data",
            f"--web.listen-address={site.ports.address('prometheus', 'http')}",
            "--log.level=warn",
        ],
        {},
    )


def _jaeger(site: Site) -> Launch:
    ports = site.ports
    (site.data / "jaeger").mkdir(parents=True, exist_ok=True)
    names = {port: f"OTELML_JAEGER_{port.upper()}_PORT" for port in TABLE["jaeger"].ports}
    return Launch(
        [str(binary("jaeger")), f"--config={ROOT}/jaeger/config.yaml"],
        {variable: str(ports.of("jaeger", port)) for port, variable in names.items()}
        | {
            "OTELML_JAEGER_DATA": str(site.data / "jaeger"),
            "OTELML_JAEGER_UI": str(ROOT / "jaeger/ui.json"),
            "OTELML_PROMETHEUS_URL": f"http://{ports.address('prometheus', 'http')}",
        },
    )


def _victorialogs(site: Site) -> Launch:
    return Launch(
        [
            str(binary("victoria-logs")),
            f"-storageDataPath={site.data}/victorialogs",
            f"-httpListenAddr={site.ports.address('victorialogs', 'http')}",
            "-loggerLevel=WARN",
        ],
        {},
    )


def _alertmanager(site: Site) -> Launch:
    folder = site.data / "alertmanager"
    folder.mkdir(parents=True, exist_ok=True)
    source = ROOT / "alertmanager"
    return Launch(
        [
            "sh",
            f"{source}/start.sh",
            f"{source}/alertmanager.yml",
            f"{folder}/alertmanager.yml",
            str(binary("alertmanager")),
            f"--config.file={folder}/alertmanager.yml",
            f"--storage.path={folder}/data",
            f"--web.listen-address={site.ports.address('alertmanager', 'http')}",
            "--log.level=warn",
        ],
        {},
    )


_LAUNCHERS: Final[dict[str, Callable[[Site], Launch]]] = {
    "collector": _collector,
    "prometheus": _prometheus,
    "jaeger": _jaeger,
    "victorialogs": _victorialogs,
    "alertmanager": _alertmanager,
}


def launch(name: str, site: Site) -> Launch:
    """Return how to start an engine at a site, its folders made.

    Raises:
        engines.build.BuildError: If the engine has not been built.
    """
    own = _LAUNCHERS[name](site)
    return Launch(
        [*own.command, *SHARED_FLAGS[name], *site.flags.get(name, [])],
        SHARED_ENVIRONMENT[name] | own.environment | site.environment.get(name, {}),
    )
