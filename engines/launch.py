"""How each engine is started: its flags, its environment, its files.

The configuration files are the ones of the compose file; only environment, targets and places of
data differ. Flags that both share stand in ``SHARED_FLAGS`` and are compared by a test.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from engines.build import binary
from engines.secrets import USER, Access
from engines.table import ROOT, TABLE, Ports

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SHARED_FLAGS: Final[dict[str, tuple[str, ...]]] = {
    "collector": (),
    "prometheus": (
        "--web.enable-otlp-receiver",
        # By default pages of every origin may read the answers.
        "--web.cors.origin=^$",
        "--enable-feature=exemplar-storage",
        "--storage.tsdb.retention.time=15d",
        "--storage.tsdb.retention.size=8GB",
    ),
    "jaeger": (),
    "victorialogs": ("-retentionPeriod=7d", "-http.disableCORS"),
    "loki": ("-config.expand-env=true",),
    "alertmanager": ("--cluster.listen-address=",),
}

# Beside them where a login is asked for, which is everywhere but in tests of other things.
LOGIN_FLAGS: Final[dict[str, tuple[str, ...]]] = {
    "victorialogs": (f"-httpAuth.username={USER}",),
}

# Files laid over an engine's configuration for a login, and for TLS on top of it.
LOGIN_CONFIGS: Final[dict[str, tuple[str, ...]]] = {
    "collector": ("collector/overlays/login-stores.yaml", "collector/overlays/login.yaml"),
    "jaeger": ("jaeger/overlays/login.yaml",),
}
SECURE_CONFIGS: Final[dict[str, tuple[str, ...]]] = {
    "collector": (
        "collector/overlays/login-stores.yaml",
        "collector/overlays/tls-stores.yaml",
        "collector/overlays/tls-token.yaml",
    ),
    "jaeger": ("jaeger/overlays/login.yaml", "jaeger/overlays/tls.yaml"),
}

# What the Collector runs natively; without the second file, its logs go to Loki.
COLLECTOR_BASE: Final = (
    ROOT / "collector/config.yaml",
    ROOT / "collector/overlays/victorialogs.yaml",
)

# Configuration files, from the root of the repository, that both ways to run the stack use.
SHARED_FILES: Final[dict[str, tuple[str, ...]]] = {
    "collector": ("collector/config.yaml", "collector/start.sh"),
    "prometheus": (
        "prometheus/prometheus.yml",
        "prometheus/prometheus-tls.yml",
        "prometheus/rules",
    ),
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
        access: What every listener asks for; None lets everybody in.
    """

    data: Path
    ports: Ports = field(default_factory=Ports)
    flags: dict[str, list[str]] = field(default_factory=dict)
    environment: dict[str, dict[str, str]] = field(default_factory=dict)
    collector_configs: tuple[Path, ...] = ()
    collector_base: tuple[Path, ...] = COLLECTOR_BASE
    access: Access | None = None

    def url(self, engine: str, port: str = "http") -> str:
        """Return the address of a listener, ``https`` where it speaks TLS."""
        scheme = self.access.scheme if self.access else "http"
        return f"{scheme}://{self.ports.address(engine, port)}{self.below(engine)}"

    def below(self, engine: str) -> str:
        """Return the path that an engine is under, empty for all but VictoriaLogs with a login."""
        return self.access.logs_path if self.access and engine == "victorialogs" else ""

    def login_configs(self, engine: str) -> list[str]:
        """Return the files that are laid over an engine's configuration for its login."""
        if self.access is None:
            return []
        configs = SECURE_CONFIGS if self.access.secure else LOGIN_CONFIGS
        return [str(ROOT / name) for name in configs[engine]]

    def secrets(self) -> dict[str, str]:
        """Return the variables by which configuration files find the secrets."""
        if self.access is None:
            return {}
        folder = self.access.folder
        found = {
            "OTELML_SECRETS_DIR": str(folder),
            "OTELML_TOKEN_FILE": str(folder / "otlp_token"),
        }
        if self.access.secure:
            found |= {
                "OTELML_TLS_CERT_FILE": str(folder / "cert.pem"),
                "OTELML_TLS_KEY_FILE": str(folder / "key.pem"),
                "OTELML_TLS_CA_FILE": str(folder / "ca.pem"),
            }
        return found

    def web_config(self) -> list[str]:
        """Return the flag of Prometheus and Alertmanager for their login."""
        if self.access is None:
            return []
        name = "web-tls.yml" if self.access.secure else "web.yml"
        return [f"--web.config.file={self.access.folder / name}"]


@dataclass(frozen=True)
class Launch:
    """A command and its environment."""

    command: list[str]
    environment: dict[str, str]


def _collector(site: Site) -> Launch:
    ports = site.ports
    configs = (*site.collector_base, *site.login_configs("collector"), *site.collector_configs)
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
            "OTELML_PROMETHEUS_URL": site.url("prometheus"),
            "OTELML_VICTORIALOGS_URL": site.url("victorialogs"),
            "OTELML_JAEGER_OTLP": ports.address("jaeger", "otlp_grpc"),
            **site.secrets(),
        },
    )


def _targets(site: Site) -> dict[str, list[dict[str, object]]]:
    scraped = {"collector": "metrics", "jaeger": "metrics"}
    return {
        "stack.json": [
            {
                "targets": [site.ports.address(name, scraped.get(name, "http"))],
                "labels": {"engine": name, "__metrics_path__": f"{site.below(name)}/metrics"},
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
    secrets = config / "access"
    if secrets.is_symlink():
        secrets.unlink()
    if site.access is None:
        secrets.mkdir(exist_ok=True)
        (secrets / "password").write_text("nobody asks for it")
    else:
        shutil.rmtree(secrets, ignore_errors=True)
        secrets.symlink_to(site.access.folder)
    file = "prometheus-tls.yml" if site.access and site.access.secure else "prometheus.yml"
    return Launch(
        [
            str(binary("prometheus")),
            f"--config.file={config}/{file}",
            f"--storage.tsdb.path={site.data}/prometheus/data",
            f"--web.listen-address={site.ports.address('prometheus', 'http')}",
            "--log.level=warn",
            *site.web_config(),
        ],
        {},
    )


def _jaeger(site: Site) -> Launch:
    ports = site.ports
    (site.data / "jaeger").mkdir(parents=True, exist_ok=True)
    names = {port: f"OTELML_JAEGER_{port.upper()}_PORT" for port in TABLE["jaeger"].ports}
    return Launch(
        [
            str(binary("jaeger")),
            f"--config={ROOT}/jaeger/config.yaml",
            *(f"--config={path}" for path in site.login_configs("jaeger")),
        ],
        {variable: str(ports.of("jaeger", port)) for port, variable in names.items()}
        | {
            "OTELML_JAEGER_DATA": str(site.data / "jaeger"),
            "OTELML_JAEGER_UI": str(ROOT / "jaeger/ui.json"),
            "OTELML_PROMETHEUS_URL": site.url("prometheus"),
            **site.secrets(),
        },
    )


def _victorialogs(site: Site) -> Launch:
    login = []
    if site.access is not None:
        folder = site.access.folder
        login.append(f"-httpAuth.password=file://{folder}/password")
        login.append(f"-http.pathPrefix={site.access.logs_path}")
        if site.access.secure:
            files = (f"-tlsCertFile={folder}/cert.pem", f"-tlsKeyFile={folder}/key.pem")
            login += ["-tls", *files, "-tlsMinVersion=TLS12"]
    return Launch(
        [
            str(binary("victoria-logs")),
            f"-storageDataPath={site.data}/victorialogs",
            f"-httpListenAddr={site.ports.address('victorialogs', 'http')}",
            "-loggerLevel=WARN",
            *login,
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
            *site.web_config(),
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
    login = LOGIN_FLAGS.get(name, ()) if site.access else ()
    return Launch(
        [*own.command, *SHARED_FLAGS[name], *login, *site.flags.get(name, [])],
        SHARED_ENVIRONMENT[name] | own.environment | site.environment.get(name, {}),
    )
