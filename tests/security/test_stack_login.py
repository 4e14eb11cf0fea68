"""`make stack`, and `make stack ARGS=--secure`: each listener asks who is there, over TLS or not."""

from __future__ import annotations

import http.client
import socket
import ssl
import urllib.error
import urllib.request
import warnings

import grpc
import psutil
import pytest

from engines.build import binary
from engines.secrets import client_config, make
from engines.stack import OPEN_PORTS, Stack
from engines.table import TABLE
from tests._access import logged_in
from tests.acceptance._stores import eventually, found_lines, get
from tests.security._otlp import Items, Sender
from tests.security.conftest import free_ports, run_tool, stored

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

# A page of each that a browser opens, and what would change something there.
PAGES = {
    "prometheus": "/api/v1/query?query=up",
    "jaeger": "/api/services",
    "victorialogs": "/select/logsql/query?query=*",
    "alertmanager": "/api/v2/silences",
}
CHANGES = {
    "prometheus": "/api/v1/otlp/v1/metrics",
    "jaeger": "/api/traces/0123456789abcdef/archive",
    "victorialogs": "/insert/jsonline",
    "alertmanager": "/api/v2/silences",
}
TLS_PORTS = [
    (name, port)
    for name, engine in TABLE.items()
    for port in engine.ports
    if port not in OPEN_PORTS
]
_ENGINES = pytest.mark.parametrize("name", PAGES)


@pytest.fixture(scope="module", params=["login", "secure"])
def stack(request, tmp_path_factory):
    """All engines, with a login, and once more with TLS."""
    folder = tmp_path_factory.mktemp(request.param)
    access = make(folder / "secrets", secure=request.param == "secure")
    with Stack(folder / "stack", free_ports(31000, 31900), access=access) as running:
        yield running


def asked(stack: Stack, url: str, authorization: str | None = None, body: bytes | None = None):
    """Return the status and the headers of an answer."""
    headers = {"Authorization": authorization} if authorization else {}
    request = urllib.request.Request(url, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=10, context=stack.access.context()) as answer:
            return answer.status, answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.headers


def sender(stack: Stack, token: str | None) -> Sender:
    """Return a sender to the Collector with a token."""
    address = stack.ports.address("collector", "otlp_grpc")
    authority = stack.access.authority if stack.access.secure else None
    return Sender(stack.url("collector"), address, authority, token)


@_ENGINES
def test_a_page_asks_for_the_password(stack, name):
    """Without it, with another, and with the token of the services: 401. With it: an answer."""
    url = stack.url(name) + PAGES[name]
    wrong = (
        "Basic b3RlbG1sOndyb25n",
        f"Bearer {stack.access.token}",
        "Basic",
        stack.access.basic[:-6],
    )
    assert [asked(stack, url, each)[0] for each in (None, *wrong)] == [401] * 5
    assert asked(stack, url, stack.access.basic)[0] == 200


@_ENGINES
def test_nothing_is_changed_without_it(stack, name):
    """What writes asks for the same password."""
    url = stack.url(name) + CHANGES[name]
    assert asked(stack, url, None, b"{}")[0] == 401
    assert asked(stack, url, f"Bearer {stack.access.token}", b"{}")[0] == 401


@_ENGINES
def test_no_page_of_another_origin_may_read(stack, name):
    """Who has the password is still not told that other origins may read the answer."""
    request = urllib.request.Request(
        stack.url(name) + PAGES[name],
        headers={"Authorization": stack.access.basic, "Origin": "http://evil.example"},
    )
    with urllib.request.urlopen(request, timeout=10, context=stack.access.context()) as answer:
        allowed = answer.headers["Access-Control-Allow-Origin"]
    # Alertmanager cannot be told: it says "*", which browsers do not take together with a login.
    assert allowed is None or (name, allowed) == ("alertmanager", "*")


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_only_the_token_sends(stack, protocol):
    """A span, a point and a log line reach their stores with it, and are refused without."""
    refused = {"http": 401, "grpc": grpc.StatusCode.UNAUTHENTICATED}[protocol]
    taken = {"http": 200, "grpc": grpc.StatusCode.OK}[protocol]
    strange, right = Items(), Items()
    for token in (None, "", "wrong", stack.access.password):
        assert sender(stack, token).send(strange, protocol) == [refused] * 3
    assert sender(stack, stack.access.token).send(right, protocol) == [taken] * 3
    with logged_in(stack):
        eventually(lambda: stored(stack, right), {"traces": 1, "metrics": 1, "logs": 1})
        assert stored(stack, strange) == {"traces": 0, "metrics": 0, "logs": 0}


@pytest.mark.parametrize("port", ["otlp_grpc", "grpc"])
def test_jaeger_asks_over_grpc_too(stack, port):
    """Neither spans are taken past the Collector, nor read, without the password."""
    authority = stack.access.authority if stack.access.secure else None
    direct = Sender("", stack.ports.address("jaeger", port), authority)
    method = "/jaeger.api_v2.QueryService/GetServices" if port == "grpc" else None
    with direct.channel() as channel:
        call = channel.unary_unary(
            method or "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
        )
        with pytest.raises(grpc.RpcError) as caught:
            call(b"", timeout=10)
    assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED


def test_they_let_each_other_in(stack):
    """Prometheus reads every engine and reaches Alertmanager; a silence can be made by hand."""
    with logged_in(stack):
        prometheus = stack.url("prometheus")

        def up() -> dict[str, str]:
            found = get(f"{prometheus}/api/v1/query", query="up")["data"]["result"]
            return {series["metric"]["job"]: series["value"][1] for series in found}

        eventually(up, dict.fromkeys(TABLE, "1"))
        managers = get(f"{prometheus}/api/v1/alertmanagers")["data"]["activeAlertmanagers"]
        assert [one["url"] for one in managers] == [f"{stack.url('alertmanager')}/api/v2/alerts"]
        metrics = f"{stack.url('jaeger')}/api/metrics/calls"
        assert get(metrics, service="x", endTs="0", lookback="1", step="1")["type"] == "GAUGE"


@pytest.mark.parametrize(("name", "port"), TLS_PORTS)
def test_tls(stack, name, port):
    """Secure, each port speaks TLS 1.2 or newer under the stack's authority, and nothing plain."""
    if not stack.access.secure:
        assert stack.site.url(name, port).startswith("http://")
        return
    number = stack.ports.of(name, port)
    assert spoken(stack, number, ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
    assert "PROTOCOL_VERSION" in spoken(stack, number, ssl.TLSVersion.TLSv1_1)
    plain = http.client.HTTPConnection("127.0.0.1", number, timeout=10)
    try:
        plain.request("GET", "/", headers={"Authorization": stack.access.basic})
        assert plain.getresponse().status == 400
    except (OSError, http.client.HTTPException):
        pass  # cut
    finally:
        plain.close()


def spoken(stack: Stack, port: int, version: ssl.TLSVersion) -> str:
    """Return the version agreed on, or what the server says against it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context = ssl.create_default_context(cafile=str(stack.access.authority))
        context.set_ciphers("DEFAULT:@SECLEVEL=0")  # our own library would refuse the old version
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = version
        context.set_alpn_protocols(["h2", "http/1.1"])
    with socket.create_connection(("127.0.0.1", port), 10) as plain:
        try:
            with context.wrap_socket(plain, server_hostname="localhost") as secure:
                return str(secure.version())
        except ssl.SSLError as error:
            return str(error.reason)


def test_nobody_else_is_trusted(stack):
    """A client that does not know the authority does not talk to a secure stack."""
    if not stack.access.secure:
        return
    for name in PAGES:
        with pytest.raises(urllib.error.URLError, match="certificate verify failed"):
            urllib.request.urlopen(
                stack.url(name), timeout=10, context=ssl.create_default_context()
            )


@pytest.mark.parametrize("port", OPEN_PORTS)
def test_what_is_open_tells_counts_only(stack, port):
    """The listeners without a login say nothing that was sent."""
    items = Items()
    sender(stack, stack.access.token).send(items, "http")
    for name, engine in TABLE.items():
        if port in engine.ports:
            path = "/metrics" if port == "metrics" else engine.health[1]
            with urllib.request.urlopen(stack.url(name, port) + path, timeout=10) as answer:
                assert answer.headers["Access-Control-Allow-Origin"] is None
                said = answer.read().decode()
            assert items.service not in said
            assert items.trace.hex() not in said


def test_no_secret_is_told(stack):
    """Neither a log nor a command line, which every user of a machine can read, has one."""
    secrets = [
        line
        for name in ("password", "basic", "otlp_token")
        for line in [(stack.access.folder / name).read_text().strip()]
    ]
    for name in TABLE:
        process = stack.process(name)
        command = " ".join(psutil.Process(process.pid).cmdline())
        assert not [s for s in secrets if s in command or s in process.log.read_text()], name


def test_health_checks_of_the_secure_compose_file(stack, tmp_path):
    """The commands by which the containers ask themselves pass, and fail without the password."""
    if not stack.access.secure:
        return
    config = tmp_path / "client.yml"
    config.write_text(client_config(str(stack.access.folder)))
    prometheus = [binary("promtool"), "check", "ready", f"--url={stack.url('prometheus')}"]
    alertmanager = [binary("amtool"), f"--alertmanager.url={stack.url('alertmanager')}"]
    login = f"--http.config.file={config}"
    assert run_tool([*prometheus, login]) == 0
    assert run_tool([*alertmanager, login, "config", "show"]) == 0
    assert run_tool(prometheus) != 0
    assert run_tool([*alertmanager, "config", "show"]) != 0


def test_lines_are_found_by_who_may(stack):
    """The helper of these tests is let in by the password and by nothing else."""
    with pytest.raises(
        urllib.error.HTTPError if not stack.access.secure else urllib.error.URLError
    ):
        found_lines(stack.url("victorialogs"), "*")
    with logged_in(stack):
        assert isinstance(found_lines(stack.url("victorialogs"), "*"), list)
