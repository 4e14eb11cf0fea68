"""What the security tests share: the stack behind TLS and a token."""

from __future__ import annotations

import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from engines.process import wait_until_free
from engines.stack import Stack
from engines.table import TABLE, Ports
from grafana.generate.logs_query import lines
from tests.acceptance._stores import Stores, found_lines, get
from tests.security._certificates import HOST, Authority
from tests.security._otlp import Items, Sender

ROOT = Path(__file__).resolve().parents[2]
STORES = ("prometheus", "jaeger", "victorialogs")


def free_ports(first: int, last: int) -> Ports:
    """Return ports that nothing listens on, at one of these offsets."""
    for offset in range(first, last, 97):
        ports = Ports(offset)
        if not wait_until_free([ports.of(e.name, p) for e in TABLE.values() for p in e.ports], 0):
            return ports
    pytest.fail("no free ports for the stack")


def stored(stack: Stack, items: Items) -> dict[str, int]:
    """Return how many of the three there are in the stores of a stack."""
    stores = Stores(stack)
    selector = f'{{service_name="{items.service}"}}'
    points = get(f"{stores.prometheus}/api/v1/query", query=f"security_item{selector}")
    return {
        "traces": len(stores.trace(items.trace.hex())),
        "metrics": len(points["data"]["result"]),
        "logs": len(found_lines(stores.victorialogs, lines(items.service))),
    }


def run_tool(command: list[object]) -> int:
    """Run a command to its end; return its exit code."""
    return subprocess.run(
        [str(each) for each in command], capture_output=True, timeout=60, check=False
    ).returncode


@dataclass
class Guarded:
    """A stack whose Collector speaks TLS only and wants a token.

    Args:
        stack: The stack.
        folder: Of the token, the certificate and its key.
        authority: Who signed the certificate.
        foreign: Somebody else.
        token: What is in the token's file.
    """

    stack: Stack
    folder: Path
    authority: Authority
    foreign: Authority
    token: str

    @property
    def token_file(self) -> Path:
        return self.folder / "token"

    @property
    def certificate(self) -> tuple[Path, Path]:
        """The files of the certificate and its key."""
        return self.folder / "cert.pem", self.folder / "key.pem"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that the overlay reads."""
        certificate, key = self.certificate
        return {
            "OTELML_TOKEN_FILE": str(self.token_file),
            "OTELML_TLS_CERT_FILE": str(certificate),
            "OTELML_TLS_KEY_FILE": str(key),
            "OTELML_TLS_RELOAD": "100ms",
        }

    def sender(self, token: str | None = None, *, host: str = HOST) -> Sender:
        """Return a sender that trusts the authority; without a token unless one is given."""
        ports = self.stack.ports
        return Sender(
            f"https://{host}:{ports.of('collector', 'otlp_http')}",
            f"{host}:{ports.of('collector', 'otlp_grpc')}",
            self.authority.path,
            token,
        )

    def stored(self, items: Items) -> dict[str, int]:
        """Return how many of the three there are in the stores."""
        return stored(self.stack, items)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """The stores and a Collector with `tls-token.yaml`."""
    folder = tmp_path_factory.mktemp("guarded")
    authority, foreign = Authority(folder, "authority"), Authority(folder, "foreign")
    token = secrets.token_urlsafe(24)
    stack = Stack(
        folder / "stack",
        free_ports(29000, 29600),
        engines=(*STORES, "collector"),
        collector_configs=(ROOT / "collector/overlays/tls-token.yaml",),
    )
    guarded = Guarded(stack, folder, authority, foreign, token)
    stack.site.environment["collector"] = guarded.environment
    guarded.token_file.write_text(f"{token}\n")
    authority.write(*guarded.certificate)
    with stack:
        yield guarded
