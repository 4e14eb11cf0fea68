"""The secrets of a stack, made once: ``python3 -m engines.secrets``.

One password opens every page, for the user `USER`; one token lets services send. Both are kept in
files that only their owner may read, and printed nowhere. ``make stack`` makes them in its data
folder by itself. For compose, this command puts the same ones into ``.env``.
"""

from __future__ import annotations

import argparse
import base64
import io
import secrets as random
import ssl
import string
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engines.bcrypt import hashed
from engines.table import ROOT

USER: Final = "otelml"
# Letters only: no shell, YAML or URL reads them as anything else. 40 of them are 228 bits.
LENGTH: Final = 40
DATA: Final = ROOT / ".otelml-stack"
ENV_FILE: Final = ROOT / ".env"
# Names that a certificate is good for: this machine, and the services of the compose file.
HOSTS: Final = (
    "localhost",
    "collector",
    "gateway",
    "prometheus",
    "jaeger",
    "victorialogs",
    "alertmanager",
    "grafana",
)
CERTIFICATE_DAYS: Final = 825
_RANDOM: Final = (
    "password",
    "otlp_token",
    "grafana_password",
    "grafana_key",
    "logs_path",
    "demo_secret",
)
_TLS: Final = ("ca.pem", "cert.pem", "key.pem")
# What each engine of the compose file is given, and nothing else.
GIVEN: Final[dict[str, tuple[str, ...]]] = {
    "collector": ("basic", "otlp_token", *_TLS),
    "prometheus": ("password", "basic", "web.yml", "web-tls.yml", *_TLS),
    "jaeger": ("password", "htpasswd", *_TLS),
    "victorialogs": ("password", *_TLS),
    "alertmanager": ("basic", "password", "web.yml", "web-tls.yml", *_TLS),
    "grafana": ("password", "grafana_password", "grafana_key", *_TLS),
    "mail": ("htpasswd",),
    "demo": ("ca.pem",),
}
# Where compose lays what an engine is given.
PLACES: Final = {"prometheus": "/etc/prometheus/access"}
PLACE: Final = "/run/otelml"
_MARK: Final = "# Made by python3 -m engines.secrets; keep it to yourself."


class SecretsError(Exception):
    """The secrets cannot be made; the message says why."""


@dataclass(frozen=True)
class Access:
    """How to get into a stack.

    Args:
        folder: Where its secrets are.
        secure: Whether its listeners speak TLS.
    """

    folder: Path
    secure: bool = False

    def _read(self, name: str) -> str:
        return (self.folder / name).read_text().strip()

    @property
    def password(self) -> str:
        """The password of `USER`, for every page."""
        return self._read("password")

    @property
    def basic(self) -> str:
        """The value of ``Authorization`` that opens a page."""
        return f"Basic {self._read('basic')}"

    @property
    def token(self) -> str:
        """What services show the Collector."""
        return self._read("otlp_token")

    @property
    def otlp_headers(self) -> str:
        """What ``OTEL_EXPORTER_OTLP_HEADERS`` is for a service that sends to this stack."""
        return f"authorization=Bearer%20{self.token}"

    @property
    def logs_path(self) -> str:
        """Where VictoriaLogs is, below its port.

        A browser shows its password for whatever form a hostile page sends there, and VictoriaLogs
        takes log lines from forms: that page must not know where.
        """
        return f"/{self._read('logs_path')}"

    @property
    def demo_secret(self) -> str:
        """The key of the demo's prediction ids."""
        return self._read("demo_secret")

    @property
    def scheme(self) -> str:
        """``http`` or ``https``."""
        return "https" if self.secure else "http"

    @property
    def authority(self) -> Path:
        """The certificate of whom to trust."""
        return self.folder / "ca.pem"

    def context(self) -> ssl.SSLContext | None:
        """Return how to speak TLS to this stack, None if it speaks none."""
        return ssl.create_default_context(cafile=str(self.authority)) if self.secure else None


def make(folder: Path, *, secure: bool = False) -> Access:
    """Make what is missing of a stack's secrets; return how to get in.

    Args:
        folder: Where they are kept, for its owner only.
        secure: Make certificates too, which takes the command ``openssl``.

    Raises:
        SecretsError: If a file is not the owner's alone, or there are no certificates.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    for name in _RANDOM:
        if not (folder / name).exists():
            letters = (random.choice(string.ascii_letters) for _ in range(LENGTH))
            # No line end: Collector and Jaeger take what is in the file as it is.
            _write(folder / name, "".join(letters))
    password = (folder / "password").read_text().strip()
    credentials = base64.b64encode(f"{USER}:{password}".encode()).decode()
    if not (folder / "basic").exists() or (folder / "basic").read_text() != credentials:
        digest = hashed(password, random.token_bytes(16))
        _write(folder / "htpasswd", f"{USER}:{digest}\n")
        _write(folder / "web.yml", _web(digest))
        _write(folder / "web-tls.yml", _web(digest, tls=True))
        # Last: that it is there says that the others are.
        _write(folder / "basic", credentials)
    if secure and not all((folder / name).exists() for name in _TLS):
        _certify(folder)
    for path in folder.iterdir():
        if path.stat().st_mode & 0o077:
            raise SecretsError(f"{path} can be read by others; run: chmod 600 {path}")
    return Access(folder, secure)


def _write(path: Path, content: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    made = path.with_name(f".{path.name}.new")
    made.unlink(missing_ok=True)
    made.touch(0o600, exist_ok=False)
    made.write_text(content)
    made.replace(path)


def _web(digest: str, *, tls: bool = False) -> str:
    """Return a web configuration file of Prometheus and Alertmanager."""
    files = "tls_server_config: {cert_file: cert.pem, key_file: key.pem, min_version: TLS12}\n"
    return (
        f"basic_auth_users: {{{USER}: '{digest}'}}\n"
        "http_server_config:\n"
        "  headers: {X-Frame-Options: deny, X-Content-Type-Options: nosniff}\n"
    ) + (files if tls else "")


def _certify(folder: Path) -> None:
    """Make a certificate for this machine, signed by an authority whose key is thrown away.

    Who trusts this authority trusts nothing but this one certificate: nobody can sign another.
    """
    names = ",".join(f"DNS:{host}" for host in HOSTS) + ",IP:127.0.0.1,IP:::1"
    config = (
        "[req]\ndistinguished_name=dn\nprompt=no\n[dn]\nCN=otelml stack\n"
        "[ca]\nbasicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign\n"
        "subjectKeyIdentifier=hash\n"
        "[server]\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
        "extendedKeyUsage=serverAuth\nsubjectKeyIdentifier=hash\n"
        f"authorityKeyIdentifier=keyid\nsubjectAltName={names}\n"
    )
    key = ("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out")
    days = ("-days", str(CERTIFICATE_DAYS))
    _write(folder / "openssl.cnf", config)
    try:
        _openssl(folder, *key, "ca.key")
        _openssl(folder, *key, "key.pem")
        common = ("-config", "openssl.cnf", "-sha256")
        subject = ("-subj", "/CN=otelml stack authority")
        _openssl(
            folder, "req", "-x509", "-new", "-key", "ca.key", "-out", "ca.pem", *days,
            *subject, "-extensions", "ca", *common,
        )  # fmt: skip
        _openssl(folder, "req", "-new", "-key", "key.pem", "-out", "request.pem", *common)
        _openssl(
            folder, "x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-set_serial", str(random.randbits(120)), "-out", "cert.pem", *days, "-sha256",
            "-extfile", "openssl.cnf", "-extensions", "server",
        )  # fmt: skip
    finally:
        for name in ("ca.key", "request.pem", "openssl.cnf"):
            (folder / name).unlink(missing_ok=True)


def _openssl(folder: Path, *arguments: str) -> None:
    try:
        done = subprocess.run(
            ["openssl", *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            umask=0o077,
            timeout=60,
            check=False,
        )
    except FileNotFoundError:
        raise SecretsError("certificates are made by openssl, which is not installed") from None
    if done.returncode:
        raise SecretsError(f"openssl {arguments[0]} failed: {done.stderr.strip()[-400:]}")


def client_config(folder: str) -> str:
    """Return the file by which promtool and amtool get in, where their TLS is spoken."""
    return (
        f"basic_auth: {{username: {USER}, password_file: {folder}/password}}\n"
        f"tls_config: {{ca_file: {folder}/ca.pem}}\n"
    )


def env_lines(access: Access) -> dict[str, str]:
    """Return the variables that the compose file reads: the secrets, packed, and the token."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for engine, names in GIVEN.items():
            given = {
                name: (access.folder / name).read_bytes()
                for name in names
                if access.secure or name not in _TLS
            }
            if "password" in names:
                given["client.yml"] = client_config(PLACES.get(engine, PLACE)).encode()
            for name, content in given.items():
                member = tarfile.TarInfo(f"{engine}/{name}")
                member.size, member.mode = len(content), 0o440
                archive.addfile(member, io.BytesIO(content))
    lines = {
        "OTELML_STACK_SECRETS": base64.b64encode(packed.getvalue()).decode(),
        "OTELML_OTLP_TOKEN": access.token,
        "OTELML_LOGS_PATH": access.logs_path,
        "OTELML_DEMO_SECRET": access.demo_secret,
    }
    if access.secure:
        lines["COMPOSE_FILE"] = "docker-compose.yml:docker-compose.secure.yml"
    return lines


def write_env(access: Access, file: Path) -> None:
    """Put those variables into the file that compose reads; its other lines stay."""
    ours = (
        "OTELML_STACK_SECRETS=",
        "OTELML_OTLP_TOKEN=",
        "OTELML_LOGS_PATH=",
        "OTELML_DEMO_SECRET=",
        "COMPOSE_FILE=docker-compose.yml:",
    )
    kept = file.read_text().splitlines() if file.exists() else []
    kept = [line for line in kept if not line.startswith(ours) and line != _MARK]
    made = [_MARK, *(f"{name}={value}" for name, value in env_lines(access).items())]
    _write(file, "\n".join([*kept, *made]) + "\n")


def main(arguments: list[str] | None = None) -> int:
    """Make the secrets and write them for compose; return the exit code."""
    parser = argparse.ArgumentParser(prog="engines.secrets", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, metavar="FOLDER")
    parser.add_argument("--env-file", type=Path, default=ENV_FILE, metavar="FILE")
    parser.add_argument("--secure", action="store_true", help="TLS in all of the compose stack")
    options = parser.parse_args(arguments)
    try:
        access = make(options.data / "secrets", secure=options.secure)
    except SecretsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    write_env(access, options.env_file)
    print(f"user of the pages    {USER}")
    print(f"their password       {access.folder}/password")
    print(f"Grafana              admin, {access.folder}/grafana_password")
    print(f"services send with   {access.folder}/otlp_token")
    if access.secure:
        print(f"certificate to trust {access.authority}")
    print(f"for compose          {options.env_file}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
