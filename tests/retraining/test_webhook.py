"""The webhook: signed, tried again with one id, over TLS; what is refused is said."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from otelml import _guard
from otelml._retraining import triggers
from otelml._retraining.webhook import key_of, sign
from tests.retraining._receiver import Receiver
from tests.retraining._triggers import SECRET, Telling, options, trigger


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Pauses are short, and errors are counted from zero."""
    monkeypatch.setattr(triggers, "_FIRST_PAUSE_S", 0.01)
    _guard.errors.pop("retraining", None)


def test_it_is_tried_again_with_one_id():
    """503 and 429, then taken: three attempts that a receiver can tell are one."""
    with Receiver(SECRET, [503, 429]) as receiver:
        telling = Telling(options(webhook=receiver.url))
        telling.tell(trigger())
    assert receiver.ids == ["id-1"] * 3
    assert receiver.problems == []
    assert telling.outcomes == [("done", 3)]
    assert [(outcome, detail) for _, outcome, detail in telling.told] == [("done", "HTTP 204")]
    assert "retraining" not in _guard.errors


def test_the_receiver_may_ask_for_a_pause(monkeypatch):
    """``Retry-After`` is heeded: of a date and of seconds, not for longer than a minute."""
    waited = []
    monkeypatch.setattr(triggers, "_LONGEST_PAUSE_S", 0.05)
    with Receiver(SECRET, [503], headers={"Retry-After": "7"}) as receiver:
        telling = Telling(options(webhook=receiver.url))
        wait = telling.triggers._stop.wait
        telling.triggers._stop.wait = lambda seconds: waited.append(seconds) or wait(0.0)
        telling.tell(trigger())
    assert waited == [0.05]


@pytest.mark.parametrize("status", [400, 401, 404, 302])
def test_what_is_refused_is_not_tried_again(status):
    """Another attempt would not help; the error is counted and its answer kept."""
    with Receiver(SECRET, [status], headers={"Location": "http://127.0.0.1:1/"}) as receiver:
        telling = Telling(options(webhook=receiver.url))
        telling.tell(trigger())
    assert len(receiver.requests) == 1
    assert telling.outcomes == [("failed", 1)]
    assert f"HTTP {status}" in telling.history.list()[0].detail
    assert _guard.errors["retraining"] == 1
    assert telling.triggers.counts["loan", "3", "webhook", "failed"] == 1


def test_a_receiver_that_is_away():
    """Every attempt is made; the trigger may be resumed, with the same id."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        telling = Telling(options(webhook=url, attempts=2))
        telling.tell(trigger())
    assert telling.outcomes == [("failed", 2)]
    with Receiver(SECRET) as receiver:
        again = Telling(options(webhook=receiver.url))
        again.triggers._history = again.history = telling.history
        with telling.history._writing() as connection:
            connection.execute("UPDATE triggers SET again = 0")
        again.triggers.resume()
        assert again.triggers.wait(20)
    assert receiver.ids == ["id-1"]
    assert telling.outcomes == [("done", 3)]


def test_an_answer_takes_no_longer_than_said():
    """A receiver that never answers costs the time-out, and no more."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        telling = Telling(options(webhook=url, attempts=1, timeout=0.2))
        telling.tell(trigger())
    assert telling.history.list()[0].detail == "no answer within 0.2 s"


def test_another_key_is_noticed():
    """The receiver's check can fail: with another key it does."""
    with Receiver("another key") as receiver:
        Telling(options(webhook=receiver.url)).tell(trigger())
    assert receiver.problems == ["signature"]


def test_the_key_may_be_base64():
    """A key after ``whsec_`` is base64, as the specification has it."""
    assert key_of("whsec_c2VjcmV0") == b"secret"
    assert sign("whsec_c2VjcmV0", "id", 1, b"{}") == sign("secret", "id", 1, b"{}")
    assert sign("secret", "id", 1, b"{}") != sign("secret", "id", 2, b"{}")


def _certificate(folder):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "receiver")])
    now = dt.datetime.now(dt.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    cert, private = folder / "cert.pem", folder / "key.pem"
    cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return str(cert), str(private)


def test_tls(tmp_path):
    """Over TLS with the certificate that is named; without it nothing is sent."""
    certificate = _certificate(tmp_path)
    with Receiver(SECRET, certificate=certificate) as receiver:
        stranger = Telling(options(webhook=receiver.url))
        stranger.tell(trigger(1))
        assert receiver.requests == []
        assert stranger.outcomes == [("failed", 1)]
        assert "certificate" in stranger.history.list()[0].detail.lower()
        assert "again" not in stranger.history.list()[0].detail
        friend = Telling(options(webhook=receiver.url, webhook_ca=certificate[0]))
        friend.tell(trigger(2))
    assert receiver.ids == ["id-2"]
    assert receiver.problems == []
