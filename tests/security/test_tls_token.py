"""OTLP over TLS with a token: who is let in, who is not, and what a stranger can do to it."""

from __future__ import annotations

import gzip
import secrets
import select
import socket
import ssl
import threading
import time
import warnings

import grpc
import psutil
import pytest

from engines.process import StackError
from engines.stack import Stack
from tests.acceptance._stores import Stores, eventually
from tests.security._otlp import Items, Sender, oversized, zstd_bomb
from tests.security.conftest import ROOT, free_ports

pytestmark = pytest.mark.stack

MIB = 2**20
ALL = {"traces": 1, "metrics": 1, "logs": 1}
NONE = dict.fromkeys(ALL, 0)
OK = {"http": 200, "grpc": grpc.StatusCode.OK}
REFUSED = {"http": 401, "grpc": grpc.StatusCode.UNAUTHENTICATED}
AWAY = grpc.StatusCode.UNAVAILABLE
PROTOCOLS = pytest.mark.parametrize("protocol", ["http", "grpc"])


def answers(guarded, token, protocol) -> set:
    """Return the different answers to a span, a point and a log line with a token."""
    return set(guarded.sender(token).send(Items(), protocol))


def rss_mib(guarded) -> float:
    """Return what the Collector holds in memory."""
    return psutil.Process(guarded.stack.process("collector").pid).memory_info().rss / MIB


@PROTOCOLS
def test_right_token_arrives(guarded, protocol):
    """All three signals reach their stores."""
    items = Items()
    assert guarded.sender(guarded.token).send(items, protocol) == [OK[protocol]] * 3
    eventually(lambda: guarded.stored(items), ALL)


@PROTOCOLS
def test_no_and_wrong_token_store_nothing(guarded, protocol):
    """They are told so; what is accepted afterwards arrives, theirs does not."""
    stores = Stores(guarded.stack)
    accepted = "otelcol_receiver_accepted_spans"
    before = stores.counted(accepted)
    refused, right = [Items() for _ in range(4)], Items()
    wrong = (None, "", secrets.token_urlsafe(24), guarded.token[:-1])
    for items, token in zip(refused, wrong, strict=True):
        assert guarded.sender(token).send(items, protocol) == [REFUSED[protocol]] * 3
    assert guarded.sender(guarded.token).send(right, protocol) == [OK[protocol]] * 3
    eventually(lambda: guarded.stored(right), ALL)
    assert [guarded.stored(items) for items in refused] == [NONE] * 4
    eventually(lambda: stores.counted(accepted) - before, 1)


def test_token_rotates(guarded):
    """The file is watched: both tokens while it holds both, then the new one only."""
    old, new = guarded.token, secrets.token_urlsafe(24)
    guarded.token_file.write_text(f"{old}\n{new}\n")
    for protocol, ok in OK.items():
        eventually(lambda p=protocol: answers(guarded, new, p), {ok})
        assert answers(guarded, old, protocol) == {ok}
    guarded.token_file.write_text(f"{new}\n")
    for protocol, ok in OK.items():
        eventually(lambda p=protocol: answers(guarded, old, p), {REFUSED[protocol]})
        assert answers(guarded, new, protocol) == {ok}
    guarded.token = new
    log = guarded.stack.process("collector").log.read_text()
    assert old not in log
    assert new not in log


@pytest.mark.parametrize("content", [None, "", " \n"])
def test_without_a_token_it_does_not_start(guarded, tmp_path, content):
    """A missing or empty token file must not leave the door open."""
    token = tmp_path / "token"
    if content is not None:
        token.write_text(content)
    stack = Stack(
        tmp_path / "stack",
        free_ports(29600, 30000),
        engines=("collector",),
        environment={"collector": {**guarded.environment, "OTELML_TOKEN_FILE": str(token)}},
        collector_configs=(ROOT / "collector/overlays/tls-token.yaml",),
    )
    with pytest.raises(StackError, match="bearertokenauth"):
        stack.start()


def refusal(sender: Sender) -> tuple[str, grpc.StatusCode]:
    """Return why a client does not talk to the server, over HTTP and over gRPC."""
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        sender.post("traces", b"")
    return caught.value.verify_message, sender.call("traces", b"")


def test_certificate_of_somebody_else(guarded):
    """A client that trusts another authority sends nothing."""
    sender = guarded.sender(guarded.token)
    sender.authority = guarded.foreign.path
    assert refusal(sender) == ("unable to get local issuer certificate", AWAY)


def test_certificate_of_another_host(guarded):
    """A client asks for the name it called."""
    sender = guarded.sender(guarded.token, host="127.0.0.1")
    why = "IP address mismatch, certificate is not valid for '127.0.0.1'."
    assert refusal(sender) == (why, AWAY)


def test_expired_certificate_and_its_renewal(guarded):
    """Clients stay away while it has expired; the new files are read without a restart."""
    try:
        guarded.authority.write(*guarded.certificate, age_days=30)
        time.sleep(0.3)  # longer than the Collector keeps a certificate in this test
        assert refusal(guarded.sender(guarded.token)) == ("certificate has expired", AWAY)
    finally:
        guarded.authority.write(*guarded.certificate)
    time.sleep(0.3)
    for protocol, ok in OK.items():
        assert answers(guarded, guarded.token, protocol) == {ok}


def test_no_plain_text(guarded):
    """Without TLS neither port answers, token or not."""
    guarded_sender = guarded.sender(guarded.token)
    plain = Sender(
        guarded_sender.http.replace("https", "http"), guarded_sender.grpc, token=guarded.token
    )
    assert plain.post("traces", b"") == 400
    assert plain.call("traces", b"") == AWAY


def spoken(guarded, port: str, version: ssl.TLSVersion) -> str:
    """Return the TLS version agreed on, or what the server says against it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context = ssl.create_default_context(cafile=guarded.authority.path)
        # Our own library would refuse the old version itself.
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = version
    address = ("127.0.0.1", guarded.stack.ports.of("collector", port))
    with socket.create_connection(address, 10) as plain:
        try:
            with context.wrap_socket(plain, server_hostname="localhost") as secure:
                return str(secure.version())
        except ssl.SSLError as error:
            return str(error.reason)


@pytest.mark.parametrize("port", ["otlp_http", "otlp_grpc"])
def test_old_tls_is_refused(guarded, port):
    """The server says no to 1.1, and yes to 1.2."""
    assert spoken(guarded, port, ssl.TLSVersion.TLSv1_1) == "TLSV1_ALERT_PROTOCOL_VERSION"
    assert spoken(guarded, port, ssl.TLSVersion.TLSv1_2) == "TLSv1.2"


def test_http_bombs_without_token_are_not_opened(guarded):
    """The answer is about the token, memory stays where it was, and the next request is taken."""
    sender, before = guarded.sender(), rss_mib(guarded)
    gz, zstd = gzip.compress(oversized(100 * MIB), 1), zstd_bomb(1024 * MIB)
    for _ in range(5):
        assert sender.post("traces", gz, **{"Content-Encoding": "gzip"}) == 401
        assert sender.post("logs", zstd, **{"Content-Encoding": "zstd"}) == 401
    assert rss_mib(guarded) - before < 20
    assert answers(guarded, guarded.token, "http") == {200}


def test_http_bombs_with_token(guarded):
    """Even whoever has the token cannot make it unpack more than its limit."""
    sender = guarded.sender(guarded.token)
    bomb = {"gzip": gzip.compress(oversized(100 * MIB), 1), "zstd": zstd_bomb(1024 * MIB)}
    for coding, body in bomb.items():
        assert sender.post("traces", body, **{"Content-Encoding": coding}) == 400
    assert sender.attempt("traces", oversized(100 * MIB)) in {400, 413, None}
    assert rss_mib(guarded) < 512
    assert answers(guarded, guarded.token, "http") == {200}


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_grpc_oversized(guarded, compression):
    """A message of 64 MB, packed or not, token or not, is over the limit; the next is taken."""
    for token in (None, guarded.token):
        code = guarded.sender(token).call("traces", oversized(64 * MIB), compression)
        assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert rss_mib(guarded) < 512
    assert answers(guarded, guarded.token, "grpc") == {grpc.StatusCode.OK}


def closed_after(connection: socket.socket, timeout_s: float) -> bool:
    """Tell whether the other side closes a connection in that time."""
    deadline = time.monotonic() + timeout_s
    while (left := deadline - time.monotonic()) > 0:
        if select.select([connection], [], [], left)[0]:
            try:
                if not connection.recv(4096):
                    return True
            except OSError:
                return True
    return False


def dribble(connection: socket.socket, stop: threading.Event) -> None:
    """Send a header that never ends, a byte at a time."""
    try:
        connection.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        while not stop.wait(0.5):
            connection.sendall(b"a")
    except OSError:
        return


def test_slow_senders_are_cut_off(guarded):
    """Silence, silence after the handshake, and a header without end each lose the connection."""
    address = ("127.0.0.1", guarded.stack.ports.of("collector", "otlp_http"))
    context = ssl.create_default_context(cafile=guarded.authority.path)
    silent = socket.create_connection(address, 10)
    shaken, slow = (
        context.wrap_socket(socket.create_connection(address, 10), server_hostname="localhost")
        for _ in range(2)
    )
    stop = threading.Event()
    dribbling = threading.Thread(target=dribble, args=(slow, stop))
    dribbling.start()
    try:
        assert all(closed_after(one, 60) for one in (silent, shaken, slow))
    finally:
        stop.set()
        dribbling.join()
        for one in (silent, shaken, slow):
            one.close()


def test_slow_body_without_token_is_answered_at_once(guarded):
    """The token is asked for before the body has come."""
    connection = guarded.sender().connection()
    connection.putrequest("POST", "/v1/traces")
    connection.putheader("Content-Type", "application/x-protobuf")
    connection.putheader("Content-Length", str(MIB))
    connection.endheaders(b"a")
    with connection.getresponse() as response:
        assert response.status == 401
    connection.close()


def test_client_certificates(guarded, tmp_path):
    """With an authority for clients, who has no certificate of it gets past neither handshake."""
    clients = {}
    for name, authority in (("own", guarded.authority), ("foreign", guarded.foreign)):
        clients[name] = (tmp_path / f"{name}.pem", tmp_path / f"{name}.key")
        authority.write(*clients[name])
    environment = {**guarded.environment, "OTELML_TLS_CLIENT_CA_FILE": str(guarded.authority.path)}
    ports = free_ports(29600, 30000)
    with Stack(
        tmp_path / "stack",
        ports,
        engines=("collector",),
        environment={"collector": environment},
        collector_configs=(ROOT / "collector/overlays/tls-token.yaml",),
    ):
        sender = Sender(
            f"https://localhost:{ports.of('collector', 'otlp_http')}",
            f"localhost:{ports.of('collector', 'otlp_grpc')}",
            guarded.authority.path,
            guarded.token,
        )
        for name, http_ok, code in (
            (None, False, AWAY),
            ("foreign", False, AWAY),
            ("own", True, grpc.StatusCode.OK),
        ):
            sender.client = clients[name] if name else None
            body = Items().requests()["traces"]
            assert (sender.attempt("traces", body) == 200) is http_ok
            assert sender.call("traces", body) == code
